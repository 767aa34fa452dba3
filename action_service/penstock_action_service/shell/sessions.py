"""A worker's connection, whatever carries it: what is believed of it, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from penstock_proto.action_service.v1.worker_pb2 import Grant, Register, Welcome
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.wire import RUN_ID_BYTES, pieces

from ..errors import BadWorker, SessionClosed
from .orders import Orders

NAME_CHARS_MAX = 200
LABELS_MAX = 64
HELD_MAX = 65_536
TEXT_CHARS_MAX = 1_000  # of a label, and of what a worker says of itself
AMOUNT_MAX = 2**50  # of one resource: a pebibyte
ITEM_MAX = 64  # maps within maps


class Host(Protocol):
    """The pool's owner, as far as a session speaks to it."""

    epoch: int
    lease_s: float

    def reports(self, session: Session, reports: Sequence[Report]) -> None: ...
    def heartbeat(self, session: Session) -> None: ...
    def drain(self, worker: str) -> None: ...
    def end_session(self, session: Session, *, stopped: bool = False) -> None: ...


class Session:
    """One registered worker. Everything it says is checked to be about itself."""

    def __init__(
        self, host: Host, register: Register, send: Callable[[Orders], None], closed: Callable[[], None]
    ) -> None:
        self.worker = register.worker
        self.welcome = Welcome(epoch=host.epoch, lease_s=host.lease_s)
        self.is_open = True
        self.refused = 0  # reports that were malformed or about somebody else
        self._host, self._send, self._on_closed = host, send, closed

    def reports(self, reports: Sequence[Report]) -> None:
        """Take what became of actions. Raises SessionClosed; what is malformed is counted and left out."""
        self._check_open()
        worker = self.worker
        good = [report for report in reports if report.worker == worker and len(report.run_id) == RUN_ID_BYTES]
        self.refused += len(reports) - len(good)
        self._host.reports(self, good)

    def heartbeat(self) -> None:
        """Tell that the worker lives. Raises SessionClosed."""
        self._check_open()
        self._host.heartbeat(self)

    def drain(self) -> None:
        """Give the worker no more to do; what it holds, it ends. Raises SessionClosed."""
        self._check_open()
        self._host.drain(self.worker)

    def close(self) -> None:
        """End the connection; the worker may come back within its lease. Harmless when repeated."""
        if self.is_open:
            self.end()
            self._host.end_session(self)

    def leave(self) -> None:
        """End the connection of a worker that stops in order: it has ended what it held, and gives that up."""
        if self.is_open:
            self.end()
            self._host.end_session(self, stopped=True)

    # For the host

    def order(self, recorded: list[int], stop: list[int], grants: list[Grant], sizes: list[int]) -> None:
        """Send orders, cut into messages of bounded size; `sizes` are the grants' bytes."""
        if not self.is_open:
            return
        for piece in pieces(sizes):
            self._send(Orders(recorded, stop, grants[piece], sum(sizes[piece])))
            recorded, stop = [], []

    def end(self) -> None:
        """Tell the other side that this connection is over."""
        if self.is_open:
            self.is_open = False
            self._on_closed()

    def _check_open(self) -> None:
        if not self.is_open:
            raise SessionClosed(self.worker)


def check(register: Register) -> None:
    """Raise BadWorker if the first message of a worker is invalid."""
    name, capacity = register.worker, register.capacity
    if not 0 < len(name) <= NAME_CHARS_MAX or not 0 < len(register.incarnation) <= NAME_CHARS_MAX:
        raise BadWorker(f"a worker needs a name and an incarnation, each of 1 to {NAME_CHARS_MAX} characters")
    _check_resources(f"worker {name!r}", capacity)
    texts = (register.version, register.executor, register.host, register.pool)
    if any(len(text) > TEXT_CHARS_MAX for text in texts):
        raise BadWorker(f"worker {name!r}: its version, executor, host or pool exceeds {TEXT_CHARS_MAX:,} characters")
    if len(register.held) > HELD_MAX:
        raise BadWorker(f"worker {name!r} reports {len(register.held):,} held actions; the limit is {HELD_MAX:,}")
    for grant in register.held:
        if not _can_exist(grant):
            raise BadWorker(f"worker {name!r} reports a held action with an invalid key")
        _check_resources(f"an action that worker {name!r} holds", grant.resources)


def _can_exist(grant: Grant) -> bool:
    return (
        len(grant.run_id) == RUN_ID_BYTES
        and grant.node >= 0
        and grant.attempt >= 1
        and len(grant.item) <= ITEM_MAX
        and grant.timeout_s >= 0
    )


def _check_resources(whose: str, resources: Resources) -> None:
    amounts = (resources.cpu_milli, resources.gpu, resources.memory_bytes)
    if min(amounts) < 0 or max(amounts) > AMOUNT_MAX:
        raise BadWorker(
            f"{whose}: invalid resources, expected 0 to {AMOUNT_MAX:,}, not {min(amounts):,} or {max(amounts):,}"
        )
    if len(resources.labels) > LABELS_MAX:
        raise BadWorker(f"{whose} has {len(resources.labels):,} labels; the limit is {LABELS_MAX}")
    if any(max(len(key), len(value)) > TEXT_CHARS_MAX for key, value in resources.labels.items()):
        raise BadWorker(f"{whose} has a label that is too long; the limit is {TEXT_CHARS_MAX:,} characters")

"""The executor interface: what a backend must do to execute actions for a worker."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1.service_pb2 import Progress
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from .errors import NoSuchExecutor

ENTRY_POINTS = "penstock.executors"


class Artifacts(Protocol):
    """What executors need of an artifact store."""

    @property
    def folder(self) -> Path:
        """Where the artifacts are."""
        ...

    def get(self, artifact: bytes) -> bytes:
        """Return the bytes, verified."""
        ...

    def size(self, artifact: bytes) -> int:
        """Size in bytes."""
        ...

    def remove_checkpoints(self, run_id: bytes, node: int = -1, item: Sequence[int] = ()) -> None:
        """Remove what a node kept, or with -1 what all nodes of a run kept."""
        ...


class Output(Protocol):
    """Takes what operators print and say."""

    def __call__(self, grant: Grant, lines: Sequence[str]) -> None:
        """Lines that the operator printed."""
        ...

    def progress(self, grant: Grant, progress: Progress) -> None:
        """How far the operator is: it replaces what was said before."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a worker offers its executor."""

    worker: str
    scratch: Path  # a folder of the executor's own, on a local disk
    kept: Path  # scratch folders of operators, see `scratch.py`
    store: Artifacts
    plan: Callable[[bytes], Awaitable[bytes]]  # bytes of a plan by its hash
    report: Callable[[list[Report]], None]  # terminal reports, of grants in any order; never called from within `start`
    output: Output
    store_address: str = ""  # of the artifact service that `store` is a cache of; empty: it is the store itself
    token_file: str = ""  # with the token for it; empty: none is needed


class Stage(NamedTuple):
    """How far an action is."""

    called_s: float  # when its operator was called, by the monotonic clock; 0: not yet
    doing: str  # what goes on instead, for people


class Executor(Protocol):
    """A backend. Everything is called on the event loop's thread; nothing but `open` and `close` may wait."""

    @property
    def name(self) -> str:
        """Name of its entry point."""
        ...

    @property
    def ahead_max(self) -> int:
        """Actions of one slot that it is handed at once, the one that runs included; 1 if it cannot give back."""
        ...

    def capacity(self) -> Resources:
        """What it can run at once."""
        ...

    async def open(self, context: Context) -> None:
        """Make ready."""
        ...

    async def close(self) -> None:
        """End everything that runs."""
        ...

    def start(self, grants: Sequence[Grant], slots: Sequence[int]) -> None:
        """Execute each grant in its slot; the actions of one slot one after the other, in this order.

        A slot's first action may start at once. A slot ends with its last action; its number never comes again.
        """
        ...

    def take_back(self, slot: int, first: bool) -> list[int]:
        """Return grants of the slot, in order, that have not begun and now never will; [] if that is not certain.

        Without `first`, the slot's first action stays in any case.
        """
        ...

    def stop(self, grants: Sequence[int], grace_s: float) -> None:
        """End these actions: asked first, `grace_s` later by force; each is reported."""
        ...

    def held(self) -> set[int]:
        """Grants that it has and will report."""
        ...

    def stage(self, slot: int) -> Stage:
        """How far the first action of a slot is."""
        ...

    def collect(self) -> None:
        """Report now what has already arrived from the actions."""
        ...

    def adopt(self) -> list[Grant]:
        """What a former process of this worker left running, and this one goes on with."""
        ...


def load_executor(name: str) -> Callable[[], Executor]:
    """Find an executor among the installed packages; raises NoSuchExecutor."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        raise NoSuchExecutor(name, sorted(found))
    return found[name].load()

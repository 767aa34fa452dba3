"""From granted to grant: puts in the values that its arguments use, and fetches those that are not at hand."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.value.v1.value_pb2 import Values

from ..errors import TrackerAway
from ..pool.effects import Granted
from .trackers import Trackers
from .values import Position, ValueCache

POSITIONS_MAX = 256  # in one call
CALLS_MAX = 4  # at the same time
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 2.0
TEMPLATES_MAX = 4096
# A grant that needs more than this gets references, and its worker reads the values.
NODES_MAX = 1_000
INLINE_BYTES_MAX = 512 * 1024

log = logging.getLogger(__name__)


class Pending:
    """A grant that waits for values."""

    __slots__ = ("grant", "granted", "missing", "number", "size", "worker")

    def __init__(self, worker: str, granted: Granted, grant: Grant) -> None:
        self.worker, self.number, self.granted, self.grant = worker, granted.grant, granted, grant
        self.missing = self.size = 0


class Filler:
    """Makes grants. `ready` gets those that had to wait; `absent` those whose values are in no log."""

    def __init__(
        self,
        cache: ValueCache,
        trackers: Trackers,
        ready: Callable[[str, list[Grant]], None],
        absent: Callable[[str, Grant, Position], None],
    ) -> None:
        self._cache, self._trackers, self._ready, self._absent = cache, trackers, ready, absent
        self._pending: dict[int, Pending] = {}
        self._waiting: OrderedDict[Position, list[tuple[Pending, int]]] = OrderedDict()  # not asked for yet
        self._asked: dict[Position, list[tuple[Pending, int]]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()  # calls for shards that could not be read: they hold up nobody
        self._templates: dict[tuple[bytes, int, str], Grant] = {}
        self._is_closed = False

    def fill(self, granted: Granted, worker: str) -> Grant | None:
        """Return the grant; None if it has to wait, after which `ready` gets it. `fetch` follows."""
        start = granted.start
        grant = self._blank(start)
        grant.grant, grant.run_id, grant.attempt = granted.grant, start.run_id, start.attempt
        if start.path:
            grant.node, grant.template = start.node, start.template
            grant.path.extend(start.path)
        if start.item:
            grant.item.extend(start.item)
        if len(start.inputs) > NODES_MAX:
            return _by_reference(grant, granted)
        pending: Pending | None = None
        size = 0
        for ref in start.inputs:
            node, position = ref.node, (granted.shard, ref.seq)
            values = self._cache.get(position)
            if values is not None:
                _add(grant, node, values)
                size += len(values)
            else:
                if pending is None:
                    pending = self._pending[granted.grant] = Pending(worker, granted, grant)
                pending.missing += 1
                self._want(position, pending, node)
        if pending is not None:
            pending.size = size
            return None
        return grant if size <= INLINE_BYTES_MAX else _by_reference(grant, granted)

    def fetch(self) -> None:
        """Ask for what is missing, all of it together."""
        while self._waiting and len(self._calls) < CALLS_MAX and not self._is_closed:
            positions: list[Position] = []
            while self._waiting and len(positions) < POSITIONS_MAX:
                position, waiters = self._waiting.popitem(last=False)
                self._asked[position] = waiters
                positions.append(position)
            call = asyncio.create_task(self._call(positions))
            self._calls.add(call)
            call.add_done_callback(self._end_call)

    def withdraw(self, grant: int) -> Grant | None:
        """Return a grant that waits, and never hand it on; None if it does not wait."""
        pending = self._pending.pop(grant, None)
        return None if pending is None else pending.grant

    def forget(self, worker: str) -> None:
        """Never hand on what waits for this worker."""
        for number in [number for number, pending in self._pending.items() if pending.worker == worker]:
            del self._pending[number]

    @property
    def is_busy(self) -> bool:
        """Whether values are being fetched."""
        return bool(self._calls or self._late)

    async def close(self) -> None:
        self._is_closed = True
        self._pending.clear()
        calls = [*self._calls, *self._late]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _blank(self, start: Start) -> Grant:
        """Return a grant with all that is the same for each run of a plan."""
        key = (start.plan, start.template if start.path else start.node, start.team)
        template = self._templates.get(key)
        if template is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[key] = Grant(
                node=start.node,
                plan=start.plan,
                bundle=start.bundle,
                resources=start.resources,
                timeout_s=start.timeout_s,
                operator=start.operator,
                team=start.team,
            )
        grant = Grant()
        grant.CopyFrom(template)
        if traceparent := start.traceparent:
            grant.traceparent = traceparent
        if start.no_cache:
            grant.no_cache = True
        return grant

    def _want(self, position: Position, pending: Pending, node: int) -> None:
        waiters = self._asked.get(position) or self._waiting.get(position)
        if waiters is None:
            waiters = self._waiting[position] = []
        waiters.append((pending, node))

    def _end_call(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._late.discard(call)
        self.fetch()

    def _make_room(self) -> None:
        """This call goes on for later; another one may begin."""
        call = asyncio.current_task()
        if call is not None and call in self._calls:
            self._calls.remove(call)
            self._late.add(call)
            self.fetch()

    async def _call(self, positions: Sequence[Position]) -> None:
        """Read values until all are there or known to be nowhere."""
        delay_s, at_once = BACKOFF_MIN_S, POSITIONS_MAX
        while positions and not self._is_closed:
            now = positions[:at_once]
            try:
                found, away = await self._trackers.read_values(now)
            except TrackerAway as error:
                if error.too_large and len(now) > 1:
                    at_once = len(now) // 2
                    continue
                log.info("cannot read the inputs of actions, retrying: %s", error)
                await asyncio.sleep(delay_s)
                delay_s = min(BACKOFF_MAX_S, delay_s * 2)
                continue
            self._take_values({position: found.get(position) for position in now if position[0] not in away})
            late = [position for position in now if position[0] in away]
            positions = [*positions[len(now) :], *late]
            delay_s = BACKOFF_MIN_S if len(late) < len(now) else min(BACKOFF_MAX_S, delay_s * 2)
            if late and len(late) == len(positions):
                self._make_room()
                log.info("cannot read the inputs of actions of shards %s, retrying", sorted(away))
                await asyncio.sleep(delay_s)

    def _take_values(self, found: Mapping[Position, Values | None]) -> None:
        ready: dict[str, list[Grant]] = {}
        for position, values in found.items():
            waiters = self._asked.pop(position)
            if values is None:
                self._refuse(position, waiters)
                continue
            data = values.SerializeToString()
            self._cache.put(position, data)
            for pending, node in waiters:
                _add(pending.grant, node, data)
                pending.missing -= 1
                pending.size += len(data)
                if not pending.missing and self._pending.pop(pending.number, None) is not None:
                    whole = pending.size <= INLINE_BYTES_MAX
                    grant = pending.grant if whole else _by_reference(pending.grant, pending.granted)
                    ready.setdefault(pending.worker, []).append(grant)
        for worker, grants in ready.items():
            self._ready(worker, grants)

    def _refuse(self, position: Position, waiters: list[tuple[Pending, int]]) -> None:
        for pending, _ in waiters:
            if self._pending.pop(pending.number, None) is not None:
                self._absent(pending.worker, pending.grant, position)


def _by_reference(grant: Grant, granted: Granted) -> Grant:
    """Name the values instead of carrying them."""
    del grant.inputs[:]
    grant.shard = granted.shard
    grant.refs.extend(granted.start.inputs)
    return grant


def _add(grant: Grant, node: int, values: bytes) -> None:
    entry = grant.inputs.add()
    entry.node = node
    entry.values.MergeFromString(values)

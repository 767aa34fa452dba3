"""Plans: stored by the hash of their bytes, and kept as graphs while runs use them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from penstock_plan import PlanGraph, plan_hash
from penstock_plan.check import validation
from penstock_plan.errors import InvalidPlan
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.database import Database
from penstock_service.errors import DatabaseAway

from .core.inputs import Inputs
from .errors import BadRequest, Overloaded, PlanNotFound, PlanUnreadable

GRAPHS_BYTES_MAX: Final = 256 * 2**20
DATA_BYTES_MAX: Final = 64 * 2**20
# What a graph holds, about: its columns, and what each node adds to them.
GRAPH_BYTES: Final = 4_000
NODE_BYTES: Final = 500
# A plan beyond this many bytes is read in a thread, one at a time, so that the loop turns meanwhile.
LARGE_PLAN_BYTES: Final = 64 * 1024
# Plans that are wanted together may push each other out of memory; after so many times that is said.
ENSURE_TRIES: Final = 5
ENSURE_AGAIN_S: Final = 0.5
# Of several databases: how long the others are waited for once one has answered.
OTHERS_S: Final = 1.0
STORED_MAX: Final = 100_000

PUT = """
INSERT INTO plans (hash, size_bytes, nodes, name, caller, data) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (hash) DO NOTHING"""
GET = "SELECT data FROM plans WHERE hash = $1"
HAS = "SELECT count(*) FROM plans WHERE hash = $1"


class Plans:
    """What the State Tracker knows of plans.

    Args:
        databases: Each holds the plans of its own runs at least, and what was stored while it answered.
        used: Names the plans of open runs; their graphs stay.
    """

    def __init__(self, databases: Sequence[Database], used: Callable[[], set[bytes]]) -> None:
        self._databases = databases
        self._used = used
        self._graphs: OrderedDict[bytes, PlanGraph] = OrderedDict()
        self._inputs: dict[bytes, Inputs] = {}
        self._bytes = 0
        self._data: OrderedDict[bytes, bytes] = OrderedDict()  # the latest, as they came
        self._data_bytes = 0
        self._stored: OrderedDict[bytes, set[Database]] = OrderedDict()  # of several databases, those known to have it
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "plans")

    @property
    def graphs(self) -> Mapping[bytes, PlanGraph]:
        """What is in memory now, for the cores."""
        return self._graphs

    def inputs(self, plan: bytes) -> Inputs:
        """Return the inputs of a plan that is in memory."""
        return self._inputs[plan]

    async def put(self, data: bytes, caller: ev.Caller) -> bytes:
        """Store a plan and return its hash; raise BadRequest with everything that is wrong with it."""
        name = plan_hash(data)
        if name in self._graphs or await self._is_stored(name):
            return name
        try:
            read = await self._off_the_loop(_checked, data, name)
        except InvalidPlan as error:
            raise BadRequest(str(error)) from None
        await self._check_children(read.graph)
        await self._store(read.graph, data, caller)
        # Only now: what is in memory counts as stored, and runs of it must outlive this process.
        self._keep(read)
        self._remember(name, data)
        return name

    async def _check_children(self, graph: PlanGraph) -> None:
        """Raise BadRequest if the plan of a child run is not stored."""
        for plan in {wait.child.plan for wait in graph.waits.values() if wait.child is not None}:
            if plan not in self._graphs and not await self._is_stored(plan):
                raise BadRequest(f"the plan starts runs of plan {plan.hex()}, which is not stored: store it first")

    async def data(self, plan: bytes, *, sure: bool = True) -> bytes:
        """Return a plan's bytes as they came; raise PlanNotFound, or DatabaseAway where one that is away may have it.

        Args:
            sure: Otherwise a plan counts as not found if only a database that is away may have it.
        """
        data = self._data.get(plan)
        if data is not None:
            self._data.move_to_end(plan)
            return data
        data = await self._first(GET, plan, sure=sure)
        if data is None:
            raise PlanNotFound(plan)
        self._remember(plan, data)
        return data

    def is_with(self, plan: bytes, database: Database) -> bool:
        """Whether a database is known to hold a plan."""
        return len(self._databases) == 1 or database in self._stored.get(plan, ())

    async def keep_with(self, plan: bytes, database: Database, caller: ev.Caller) -> None:
        """Have a plan, which is in memory, in the database of a run of it: the run must not need another one.

        Raises:
            DatabaseAway: That database, or all that have the plan.
        """
        graph = self._graphs[plan]
        if not await database.fetchval(HAS, plan):
            await _put(database, graph, await self.data(plan), caller)
        self._note_stored(plan, [database])

    async def ensure(self, plans: Iterable[bytes], *, sure: bool = True) -> None:
        """Bring plans into memory, where they stay until the loop has turned; `sure` as in `data`.

        Raises:
            PlanNotFound: One was never stored here.
            PlanUnreadable: What is stored of one is damaged.
        """
        wanted = set(plans)
        for _ in range(ENSURE_TRIES):
            if wanted <= self._graphs.keys():
                return
            async with self._lock:
                for plan in wanted - self._graphs.keys():
                    self._keep(await self._off_the_loop(_read, await self.data(plan, sure=sure), plan), wanted)
        raise Overloaded(f"{len(wanted)} plans do not stay in memory together", ENSURE_AGAIN_S)

    async def _off_the_loop(self, read: Callable[[bytes, bytes], Read], data: bytes, name: bytes) -> Read:
        if len(data) < LARGE_PLAN_BYTES:
            return read(data, name)
        return await asyncio.get_running_loop().run_in_executor(self._thread, read, data, name)

    def close(self) -> None:
        """Read no more plans."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _remember(self, plan: bytes, data: bytes) -> None:
        """Keep the bytes for the workers, which all ask for them when a run begins, also while Postgres is away."""
        if len(data) > DATA_BYTES_MAX or plan in self._data:
            return
        self._data[plan] = data
        self._data_bytes += len(data)
        while self._data_bytes > DATA_BYTES_MAX:
            self._data_bytes -= len(self._data.popitem(last=False)[1])

    async def _is_stored(self, plan: bytes) -> bool:
        return bool(await self._first(HAS, plan, sure=False))

    async def _first(self, query: str, plan: bytes, *, sure: bool) -> Any:
        """Return the first answer that a database has; None if none has one.

        Raises:
            DatabaseAway: All are away; or, if it shall be `sure`, one that might have an answer.
        """
        if len(self._databases) == 1:
            return await self._databases[0].fetchval(query, plan)
        away: list[DatabaseAway] = []
        asked = {asyncio.create_task(database.fetchval(query, plan)) for database in self._databases}
        left = asked
        try:
            while left:
                done, left = await asyncio.wait(
                    left, return_when=asyncio.FIRST_COMPLETED, timeout=None if sure else OTHERS_S
                )
                for task in done:
                    if isinstance(error := task.exception(), DatabaseAway):
                        away.append(error)
                    elif found := task.result():
                        return found
                if not done:
                    break
        finally:
            await _end(asked)
        if away and (sure or len(away) == len(asked)):
            raise away[0]
        return None

    async def _store(self, graph: PlanGraph, data: bytes, caller: ev.Caller) -> None:
        """Store a plan in every database that answers, of which there must be one."""
        if len(self._databases) == 1:
            await _put(self._databases[0], graph, data, caller)
            return
        storing = {asyncio.create_task(_put(one, graph, data, caller)): one for one in self._databases}
        left, stored, failures = set(storing), list[Database](), list[BaseException]()
        try:
            while left:
                timeout_s = OTHERS_S if stored else None
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)
                for task in done:
                    if (error := task.exception()) is None:
                        stored.append(storing[task])
                    else:
                        failures.append(error)
                if not done:
                    break
        finally:
            await _end(storing)
        if not stored:
            raise failures[0]
        self._note_stored(graph.hash, stored)

    def _note_stored(self, plan: bytes, databases: Iterable[Database]) -> None:
        self._stored.setdefault(plan, set()).update(databases)
        self._stored.move_to_end(plan)
        while len(self._stored) > STORED_MAX:
            self._stored.popitem(last=False)

    def _keep(self, read: Read, wanted: Collection[bytes] = ()) -> PlanGraph:
        name = read.graph.hash
        if name in self._graphs:
            return self._graphs[name]
        self._evict(wanted)
        self._graphs[name] = read.graph
        self._inputs[name] = read.inputs
        self._bytes += _size(read.graph)
        return read.graph

    def _evict(self, wanted: Collection[bytes]) -> None:
        """Make room before a plan comes in: the oldest that no open run uses go first."""
        if self._bytes <= GRAPHS_BYTES_MAX:
            return
        used = self._used().union(wanted)
        for name in [name for name in self._graphs if name not in used]:
            self._bytes -= _size(self._graphs.pop(name))
            del self._inputs[name]
            if self._bytes <= GRAPHS_BYTES_MAX // 2:
                return


async def _put(database: Database, graph: PlanGraph, data: bytes, caller: ev.Caller) -> None:
    await database.execute(PUT, graph.hash, len(data), graph.size, graph.name, caller.SerializeToString(), data)


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _size(graph: PlanGraph) -> int:
    return GRAPH_BYTES + NODE_BYTES * graph.size


class Read(NamedTuple):
    """A plan as it is kept in memory."""

    graph: PlanGraph
    inputs: Inputs


def _checked(data: bytes, name: bytes) -> Read:
    """Read a plan that comes from anywhere; raise InvalidPlan."""
    plan = validation.load(data)
    return Read(PlanGraph.of(plan, name), Inputs.of(plan))


def _read(data: bytes, name: bytes) -> Read:
    """Read a stored plan. It was checked by the rules of its time: stricter ones must not keep its runs from going on.

    Raises:
        PlanUnreadable: The bytes are damaged.
    """
    if plan_hash(data) != name:
        raise PlanUnreadable(name, "its bytes have another hash")
    try:
        plan = plan_pb2.Plan.FromString(data)
        return Read(PlanGraph.of(plan, name), Inputs.of(plan))
    except Exception as error:  # of a version that this one cannot read
        raise PlanUnreadable(name, f"{type(error).__name__}: {error}") from error

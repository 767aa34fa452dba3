"""Whether a run can execute where it is submitted to: its pool exists, and some worker has what its operators need."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from penstock_proto.action_service.v1 import service_pb2 as action_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import DEFAULT_POOL

from .connection import Connection, Retry
from .errors import Refused, UnknownPool, Unreachable
from .view import RunView

ASKED_AGAIN_S = 10.0  # of a plan that is submitted again and again
ANSWER_S_MAX = 2.0  # a run is submitted without an answer: it waits, and `why` says for what
NEEDS_MAX = 64  # different needs of one plan that are asked about
KEPT_MAX = 256


class Needed(NamedTuple):
    """Resources that nodes of a plan need, all of them the same."""

    resources: plan_pb2.Resources
    first: str  # name of a node
    nodes: int


class Capacity:
    """Asks the Action Services, once in a while for each plan."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: OrderedDict[tuple[bytes, str], tuple[float, asyncio.Task[tuple[str, ...] | UnknownPool]]] = (
            OrderedDict()
        )

    async def warnings(self, plan_hash: bytes, plan: plan_pb2.Plan, pool: str) -> tuple[str, ...]:
        """Return what no worker can execute now; empty if nobody knows. Raise UnknownPool."""
        key, now = (plan_hash, pool), time.monotonic()
        asked_at, asking = self._asked.get(key, (0.0, None))
        if asking is None or now - asked_at > ASKED_AGAIN_S:
            asking = asyncio.create_task(self._ask(plan, pool or DEFAULT_POOL))
            self._asked[key] = now, asking
            self._asked.move_to_end(key)
            while len(self._asked) > KEPT_MAX:
                self._asked.popitem(last=False)
        found = await asyncio.shield(asking)
        if isinstance(found, UnknownPool):
            raise found
        return found

    async def close(self) -> None:
        tasks = [task for _, task in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, plan: plan_pb2.Plan, pool: str) -> tuple[str, ...] | UnknownPool:
        needed = list(needs(plan))[:NEEDS_MAX]
        request = action_pb2.FitRequest(pool=pool, needs=[each.resources for each in needed])
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                homes = await self._connection.homes("action_service")
                answers: list[action_pb2.FitResponse] = await asyncio.gather(
                    *(self._call(home, request) for home in homes)
                )
        except (TimeoutError, Unreachable, Refused):
            return ()
        known = {name for answer in answers for name in answer.pools}
        if pool not in known:
            return UnknownPool(pool, sorted(known))
        return tuple(line for answer in answers for line in _lines(needed, answer.lacks))

    async def _call(self, home: str, request: action_pb2.FitRequest) -> Any:
        return await self._connection.call("action_service", "Fit", request, retry=Retry(home, ANSWER_S_MAX))


async def ask_pools(connection: Connection, method: str, request: Any) -> list[Any]:
    """Ask every Action Service: each knows the pools that it owns."""
    retries = [Retry(home, connection.patience_s) for home in await connection.homes("action_service")]
    calls = (connection.call("action_service", method, request, retry=retry) for retry in retries)
    return await asyncio.gather(*calls)


async def workers(connection: Connection, pool: str) -> list[action_pb2.Worker]:
    """Return the workers that are connected."""
    answers = await ask_pools(connection, "ListWorkers", action_pb2.ListWorkersRequest(pool=pool))
    return [worker for answer in answers for worker in answer.workers]


async def pools(connection: Connection) -> list[action_pb2.Pool]:
    """Return the capacity, usage and queue of each pool."""
    answers = await ask_pools(connection, "ListPools", action_pb2.ListPoolsRequest())
    return [pool for answer in answers for pool in answer.pools]


async def reasons(connection: Connection, plan: plan_pb2.Plan, run_id: bytes) -> list[tuple[str, str]]:
    """Return what the Action Services say of nodes that wait or run: their names, and why."""
    answers = await ask_pools(connection, "Why", action_pb2.WhyRequest(run_id=run_id))
    lines: list[action_pb2.WhyLine] = [line for answer in answers for line in answer.lines]
    return [(plan.nodes[line.node].name, line.text) for line in lines]


def reasons_unknown(view: RunView, pool: str, served: Sequence[action_pb2.Pool]) -> list[tuple[str, str]]:
    """Say what an open run waits for of which no Action Service knows, by node."""
    text = reason_unknown(pool, served)
    names = [] if view.state.ended else view.ready() or view.running() or [view.plan.name]
    return [(name, text) for name in names]


def reason_unknown(pool: str, served: Sequence[action_pb2.Pool]) -> str:
    """Return what a run waits for of which no Action Service knows."""
    names = sorted(one.pool for one in served)
    if pool in names:
        return f"waits until pool {pool!r} receives it; if that takes long, see `penstock doctor`"
    return f"waits in pool {pool!r}, which no Action Service serves; served: {', '.join(names) or 'none'}"


def needs(plan: plan_pb2.Plan) -> Iterator[Needed]:
    """Yield what the plan's operators need, each only once."""
    of_operators = [operator.resources.SerializeToString(deterministic=True) for operator in plan.operators]
    nodes: dict[bytes, list[plan_pb2.Node]] = {}
    for node in plan.nodes:
        if node.kind == plan_pb2.NODE_KIND_TASK:
            over = node.overrides.HasField("resources")
            need = (
                node.overrides.resources.SerializeToString(deterministic=True) if over else of_operators[node.operator]
            )
            nodes.setdefault(need, []).append(node)
    for need, of_need in nodes.items():
        yield Needed(plan_pb2.Resources.FromString(need), of_need[0].name, len(of_need))


def _lines(needed: Sequence[Needed], lacks: Sequence[str]) -> Iterator[str]:
    for each, text in zip(needed, lacks, strict=False):
        if text:
            more = f" and {each.nodes - 1} more" if each.nodes > 1 else ""
            yield f"{each.first}{more}: {text}; the run waits there until such a worker joins"

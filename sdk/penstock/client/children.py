"""The child runs of a run, which its nodes started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import child_run_id

from .errors import NoSuchRun
from .run_id import parse_run_id
from .runs import AnyRun, RunInfo
from .view import NodeView, RunView

ASKED_AT_ONCE: Final = 20

Get = Callable[[AnyRun], Awaitable[RunInfo]]


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A run that a node started: what `show`, `cancel` and all others take is its `run`."""

    node: str
    run: RunInfo


def has_any(plan: plan_pb2.Plan) -> bool:
    """Return whether nodes of a plan start child runs; no item of a map does."""
    return any(node.wait.HasField("child") for node in plan.nodes)


async def children_of(get: Get, view: RunView) -> list[ChildRun]:
    """Return the child runs that a run has started so far, in the order of its nodes; `get` returns a run's summary."""
    asking = asyncio.Semaphore(ASKED_AT_ONCE)

    async def child(node: NodeView) -> ChildRun | None:
        # Its latest one: a node that is tried again starts another only if it got other inputs.
        for number in range(len(node.attempts), 0, -1):
            try:
                async with asking:
                    child_id = child_run_id(view.run_id, node.index, number)
                    return ChildRun(node.name, await get(parse_run_id(child_id)))
            except NoSuchRun:
                continue
        return None

    started = [node for node in view.nodes if node.attempts and view.plan.nodes[node.index].wait.HasField("child")]
    return [found for found in await asyncio.gather(*map(child, started)) if found is not None]

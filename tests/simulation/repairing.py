"""A client that pauses runs, and lets those go on that have failed: the same run again, or a fork of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
from penstock_plan.graph import CONTROL_KINDS, PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.successes import packed, unpacked
from penstock_proto.wire import shard_of

if TYPE_CHECKING:
    from .client import Client

LOOK_EVERY_S = 0.3
PAUSES_AFTER_S = (0.0, 0.01, 0.3, 3.0)
PAUSED_S = (0.0, 0.2, 3.0, 60.0)
REPAIRS_MAX = 3  # of one run, and of what was forked from it
# After that many seconds without faults, nothing is repaired any more.
REPAIRS_FOR_S = 20.0
CALLER = ev.Caller(user="ann", team="red", client="simulation")
ENDED = (ev.RUN_STATE_SUCCEEDED, ev.RUN_STATE_FAILED, ev.RUN_STATE_CANCELLED)
RUN_HAS_ENDED = (grpc.StatusCode.ABORTED,)


async def repair(client: Client, request: api.SubmitRequest) -> None:
    """Pause a run perhaps; when it has ended badly, let it go on in some way, a few times."""
    dice, run_id = client.world.repairs_dice, request.run_id
    for _ in range(REPAIRS_MAX):
        if dice.random() < 0.4:
            await _pause(client, run_id)
        if (
            await _ended(client, run_id) == ev.RUN_STATE_SUCCEEDED
            or client.world.now > client.world.heals_at + REPAIRS_FOR_S
        ):
            return
        if dice.random() < 0.6:
            await _retry(client, run_id, request.plan)
        else:
            request = _fork(client, request)
            run_id = request.run_id
            await client.submit(request)


async def _retry(client: Client, run_id: bytes, plan: bytes) -> None:
    retry = api.RetryRequest(run_id=run_id, caller=CALLER)
    if await client.asked(lambda stub: stub.Retry(retry, timeout=client.TIMEOUT_S), is_refusable=True) is not None:
        client.world.note(client.name, f"run {run_id[-1]}: is tried again")
        client.signal_all(run_id, plan)


async def _pause(client: Client, run_id: bytes) -> None:
    dice, name = client.world.repairs_dice, client.name
    await asyncio.sleep(dice.choice(PAUSES_AFTER_S) * dice.random() * 2)
    pause = api.PauseRequest(run_id=run_id, caller=CALLER)
    if await client.asked(lambda stub: stub.Pause(pause, timeout=client.TIMEOUT_S), final=RUN_HAS_ENDED) is None:
        return
    client.world.note(name, f"run {run_id[-1]}: paused")
    await asyncio.sleep(dice.choice(PAUSED_S))
    resume = api.ResumeRequest(run_id=run_id, caller=CALLER)
    await client.asked(lambda stub: stub.Resume(resume, timeout=client.TIMEOUT_S), final=RUN_HAS_ENDED)
    client.world.note(name, f"run {run_id[-1]}: goes on")


async def _ended(client: Client, run_id: bytes) -> int:
    request = api.GetRunRequest(run_id=run_id)
    while True:
        found = await client.asked(lambda stub: stub.GetRun(request, timeout=client.TIMEOUT_S))
        if found.run.state in ENDED:
            return found.run.state
        await asyncio.sleep(LOOK_EVERY_S)


def _fork(client: Client, request: api.SubmitRequest) -> api.SubmitRequest:
    """Return a request for a fork of a run, which takes over some of what has succeeded."""
    world, run_id = client.world, request.run_id
    client.forks += 1
    fork = api.SubmitRequest()
    fork.CopyFrom(request)
    fork.run_id = bytes(10) + bytes([client.forks]) + bytes(1) + run_id[-4:]
    there: dict[int, int] = {}
    for record in world.tables.logs[shard_of(run_id, world.shards)]:
        if record.event.run_id != run_id:
            continue
        there.update(unpacked(record.event.run_submitted.reused))
        if record.event.HasField("action_succeeded"):
            there[record.event.action_succeeded.node] = record.seq
    graph = world.plans[request.plan]
    fork.fork.run_id = run_id
    fork.fork.reused.CopyFrom(packed((node, there[node]) for node in _reused(client, graph, there)))
    world.note(client.name, f"run {run_id[-1]}: forked as {fork.run_id.hex()}")
    return fork


def _reused(client: Client, graph: PlanGraph, there: dict[int, int]) -> list[int]:
    """Return what is taken over: never what depends on what runs again."""
    decided = {node for node, kind in enumerate(graph.kinds) if kind in CONTROL_KINDS}
    decided.update(node for node, around in enumerate(graph.maps) if around)
    decided.update(node for of_branch in graph.sides.values() for node, _ in of_branch)
    decided.update(graph.finals)  # which are executed at each end
    found: list[int] = []
    for node in range(graph.size):
        whole = all(parent < 0 or parent in found for parent in (*graph.parents[node], *graph.value_parents[node]))
        if node in there and node not in decided and whole and client.world.repairs_dice.random() < 0.8:
            found.append(node)
    return found

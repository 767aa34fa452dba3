"""One damaged row of a database, whichever it is, costs one shard at most, and is named."""

import asyncio

import grpc.aio
import pytest
from penstock_plan import plan_hash
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import diagnosis_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import connect
from penstock_state_tracker.plans import PUT

from tests.state_tracker.running import SHARDS, Running, chain, new_id, plan_of, running, status, succeeded
from tests.waiting import WAIT_S

DAMAGED = 1


async def damaged_shards(st: Running) -> dict[int, str]:
    answer = await st.stub.Diagnose(diagnosis_pb2.DiagnoseRequest())
    return {one.shard: one.reason for one in answer.damaged_shards}


async def stopped(url: str) -> dict[int, bytes]:
    """Leave a database with an open run of a plan of its own in each shard, and with checkpoints."""
    runs = {shard: new_id(shard=shard) for shard in range(SHARDS)}
    async with running(url) as st:
        for shard, run_id in runs.items():
            await st.put(chain(2, name=f"m:w{shard}"))
            await st.submit(chain(2, name=f"m:w{shard}"), run_id)
    return runs


async def execute(url: str, *statements: str) -> None:
    connection = await connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def goes_on(st: Running, runs: dict[int, bytes], shards: list[int]) -> None:
    assert sorted(st.tracker.owned) == shards
    for shard in shards:
        reports = succeeded(runs[shard], 0), succeeded(runs[shard], 1)
        async with asyncio.timeout(WAIT_S):
            while await st.report(*reports) != [1, 2]:  # where the machine stands still, a lease may have to be renewed
                await asyncio.sleep(0.05)
        assert (await st.get(runs[shard])).state == ev.RUN_STATE_SUCCEEDED


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE checkpoints SET data = 'x'::bytea || data WHERE shard = {DAMAGED}",
        f"UPDATE checkpoints SET data = '' WHERE shard = {DAMAGED}",
        f"UPDATE checkpoints SET seq = seq + 1 WHERE shard = {DAMAGED}",
    ],
)
async def test_a_damaged_checkpoint_costs_nothing_but_time(database_url: str, damage: str) -> None:
    runs = await stopped(database_url)
    await execute(database_url, damage)
    async with running(database_url) as st:
        await goes_on(st, runs, list(range(SHARDS)))
        assert await damaged_shards(st) == {}


NO_CHECKPOINT = "DELETE FROM checkpoints"
OWN_PLAN = f"name = 'm:w{DAMAGED}'"


@pytest.mark.parametrize(
    ("damages", "said"),
    [
        ([NO_CHECKPOINT, f"UPDATE events SET payload = 'x'::bytea || payload WHERE shard = {DAMAGED}"], "event 1"),
        (
            [NO_CHECKPOINT, f"UPDATE events SET payload = '' WHERE shard = {DAMAGED}"],
            "event 1: it is not about the run",
        ),
        ([NO_CHECKPOINT, f"DELETE FROM events WHERE shard = {DAMAGED}"], "its log ends at 0, but its head is at 1"),
        ([NO_CHECKPOINT, f"DELETE FROM plans WHERE {OWN_PLAN}"], "unknown plan"),
        ([f"DELETE FROM plans WHERE {OWN_PLAN}"], "unknown plan"),
        ([f"UPDATE plans SET data = 'x'::bytea || data WHERE {OWN_PLAN}"], "is damaged in the database"),
    ],
)
async def test_what_cannot_be_read_leaves_out_its_shard_alone(database_url: str, damages: list[str], said: str) -> None:
    runs = await stopped(database_url)
    await execute(database_url, *damages)
    async with running(database_url) as st:
        await goes_on(st, runs, [shard for shard in range(SHARDS) if shard != DAMAGED])
        (reason,) = (await damaged_shards(st)).values()
        assert said in reason
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await st.stub.Cancel(api.CancelRequest(run_id=runs[DAMAGED]))
        assert status(refused.value) == "UNAVAILABLE"


async def test_runs_of_a_plan_that_todays_rules_refuse_go_on(database_url: str) -> None:
    """A release that tightens a limit must start over what older ones stored."""
    plan = plan_of([(), (0,)], retries=5)
    plan.operators[0].retry.factor = 1e200
    data = plan.SerializeToString()
    async with running(database_url) as st:
        with pytest.raises(grpc.aio.AioRpcError, match="factor"):
            await st.put(data)
    connection = await connect(database_url)
    await connection.execute(PUT, plan_hash(data), len(data), 2, "m:w", b"", data)
    await connection.close()
    async with running(database_url) as st:
        run = await st.submit(data)
    async with running(database_url) as st:
        assert len(st.tracker.owned) == SHARDS
        assert await st.report(succeeded(run.run_id, 0)) == [1]


def test_a_plan_may_not_multiply_its_delays_beyond_counting() -> None:
    from penstock_plan.check import validation
    from penstock_plan.errors import InvalidPlan

    for field, number in (("factor", 101.0), ("delay_s", 1e7), ("delay_max_s", 1e300)):
        plan = plan_of([()])
        setattr(plan.operators[0].retry, field, number)
        with pytest.raises(InvalidPlan, match=field):
            validation.load(plan.SerializeToString())
    assert isinstance(validation.load(plan_of([()]).SerializeToString()), pl.Plan)

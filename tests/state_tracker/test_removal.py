"""A removed run leaves places without content: the log stays whole, and nobody takes it for open again."""

import asyncio

import grpc.aio
import pytest
from penstock_dependency_manager.core import Graph
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.value.v1 import value_pb2
from penstock_service.database import connect
from penstock_state_tracker.core import removal

from tests.state_tracker.running import CALLER, Running, chain, failed, new_id, plan_of, running, status, succeeded

LARGE = '"' + "x" * 900 + '"'


async def remove(st: Running, run_id: bytes) -> int:
    return (await st.stub.RemoveRun(api.RemoveRunRequest(run_id=run_id))).removed_at_us


async def ended(st: Running, shard: int = 0, result: str = LARGE) -> bytes:
    run_id = new_id(shard=shard)
    await st.put(chain(2))
    await st.submit(chain(2), run_id)
    await st.report(succeeded(run_id, 0, result=result), succeeded(run_id, 1, result=result))
    assert (await st.get(run_id)).state == ev.RUN_STATE_SUCCEEDED
    return run_id


async def test_a_removed_run_says_so_to_every_question(database_url: str) -> None:
    async with running(database_url) as st:
        run_id, other = await ended(st), await ended(st)
        removed_at_us = await remove(st, run_id)
        assert await remove(st, run_id) == removed_at_us, "it can be repeated"
        asked = [
            st.get(run_id),
            st.events(run_id),
            st.events(run_id, follow=True),
            st.stub.Cancel(api.CancelRequest(run_id=run_id, caller=CALLER)),
        ]
        for question in asked:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await question
            assert status(error.value) == "NOT_FOUND" and "was removed on" in (error.value.details() or "")
        answers = [each async for each in st.stub.Results(iter([api.ResultsRequest(run_ids=[run_id])]))]
        assert "was removed on" in answers[0].results[0].detail
        listed = (await st.stub.ListRuns(api.ListRunsRequest())).runs
        assert [run.run_id for run in listed] == [other]
        assert (await st.submit(chain(2), run_id)).state == ev.RUN_STATE_SUCCEEDED, "the id stays taken"
        assert len(await st.events(other)) == 4


async def test_only_what_has_ended_is_removed(database_url: str) -> None:
    async with running(database_url) as st:
        run_id = new_id()
        await st.put(chain(2))
        await st.submit(chain(2), run_id)
        for wrong, code in ((run_id, "FAILED_PRECONDITION"), (new_id(), "NOT_FOUND"), (b"x", "INVALID_ARGUMENT")):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await remove(st, wrong)
            assert status(error.value) == code
        assert await st.report(succeeded(run_id, 0), succeeded(run_id, 1)) == [1, 2]


async def test_the_log_stays_whole_and_small(database_url: str) -> None:
    async with running(database_url) as st:
        run_id = await ended(st)
        still_open = new_id(shard=0)
        await st.submit(chain(2), still_open)
        await remove(st, run_id)
    connection = await connect(database_url)
    rows = await connection.fetch("SELECT seq, run_id, payload FROM events WHERE shard = 0 ORDER BY seq")
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
    assert max(len(row["payload"]) for row in rows[:4]) < 60
    # Whatever reads the log from its beginning: without the checkpoint that the stop wrote.
    await connection.execute("DELETE FROM checkpoints")
    await connection.close()
    async with running(database_url) as st:
        assert len(st.tracker.owned) == 4, "no shard is damaged"
        assert list(st.tracker.owned[0].core.runs) == [still_open]
        events = [event for batch in await st.log(0) for event in batch.events]
        assert [event.WhichOneof("kind") for event in events] == [None, None, None, "run_ended", "run_submitted"]
        assert events[3].run_ended.removed and {event.run_id for event in events[:4]} == {run_id}
        assert await st.report(succeeded(still_open, 0), succeeded(still_open, 1)) == [1, 2]


async def test_a_checkpoint_from_before_the_end_does_not_open_the_run_again(database_url: str) -> None:
    run_id, half = new_id(shard=0), new_id(shard=0)
    async with running(database_url) as st:
        await st.put(chain(2))
        await st.submit(chain(2), run_id)
        await st.submit(chain(2), half)
        await st.report(succeeded(run_id, 0))
    connection = await connect(database_url)
    before = await connection.fetch("SELECT shard, seq, chunk, epoch, data FROM checkpoints WHERE shard = 0")
    async with running(database_url) as st:
        await st.report(succeeded(run_id, 1))
        await remove(st, run_id)
    await connection.execute("DELETE FROM checkpoints WHERE shard = 0")
    for row in before:
        await connection.execute(
            "INSERT INTO checkpoints (shard, seq, chunk, epoch, data) VALUES ($1, $2, $3, $4, $5)", *row
        )
    await connection.close()
    async with running(database_url) as st:
        assert list(st.tracker.owned[0].core.runs) == [half]


@pytest.mark.parametrize("seen", [0, 1, 2, 3])
def test_a_follower_that_is_behind_forgets_the_run(seen: int) -> None:
    """It has seen some of the run's events as they were, and gets the rest as they are now."""
    plan = pl.Plan.FromString(chain(2))
    graph = PlanGraph.of(plan, bytes(32))
    run_id = new_id()
    submitted = ev.RunSubmitted(plan=bytes(32), plan_name="m:w", caller=CALLER, nodes=2)
    events = [
        ev.Event(run_id=run_id, run_submitted=submitted),
        *(
            ev.Event(run_id=run_id, action_succeeded=ev.ActionSucceeded(node=node, attempt=1, grant=node + 1))
            for node in range(2)
        ),
        ev.Event(run_id=run_id, run_ended=ev.RunEnded(state=ev.RUN_STATE_SUCCEEDED, failed_node=-1)),
    ]
    left = [removal.emptied(run_id)] * 3 + [removal.end_of(events[-1])]
    follower = Graph(0, {bytes(32): graph})
    for seq, event in enumerate(events[:seen] + left[seen:], 1):
        follower.advance(ev.EventBatch(shard=0, epoch=1, from_seq=seq, events=[event]), 0.0)
    assert follower.runs == {} and follower.seq == 4


async def test_references_are_those_of_runs_that_stay_and_of_plans(database_url: str) -> None:
    def artifact(number: int) -> bytes:
        return bytes([number]) * 32

    plan = plan_of([()], inputs=True)
    plan.bundle = artifact(1)
    literal = value_pb2.Value(codec="numpy", artifact=artifact(2), size_bytes=5000)
    plan.nodes[0].arguments.add(name="a0").value.literal.CopyFrom(literal)
    plan.operators[0].inputs.add(name="a0", type=0)
    async with running(database_url) as st:

        async def references() -> set[bytes]:
            answers = [each async for each in st.stub.References(api.ReferencesRequest())]
            return {one for answer in answers for one in answer.artifacts}

        async def run(number: int) -> bytes:
            run_id = new_id()
            given = {"n": value_pb2.Value(codec="json", inline=b"1", size_bytes=1)}
            given["label"] = value_pb2.Value(codec="json", artifact=artifact(number), size_bytes=5000)
            request = api.SubmitRequest(run_id=run_id, plan=st_plan, caller=CALLER, inputs=given)
            await st.stub.Submit(request)
            report = succeeded(run_id, 0)
            report.succeeded.outputs.values[0].ClearField("inline")
            report.succeeded.outputs.values[0].artifact = artifact(number + 1)
            await st.report(report)
            return run_id

        st_plan = await st.put(plan.SerializeToString())
        first, _ = await run(10), await run(20)
        of_plan = {artifact(1), artifact(2)}
        assert await references() == of_plan | {artifact(each) for each in (10, 11, 20, 21)}
        await remove(st, first)
        assert await references() == of_plan | {artifact(20), artifact(21)}


async def test_runs_are_removed_while_others_run(database_url: str) -> None:
    """And a run that failed, of whose failure the end names the position."""
    async with running(database_url) as st:
        old = [await ended(st, shard % 4) for shard in range(12)]
        bad = new_id()
        await st.submit(chain(2), bad)
        await st.report(failed(bad, 0, final=True))
        assert (await st.get(bad)).state == ev.RUN_STATE_FAILED
        removing = asyncio.gather(*(remove(st, run_id) for run_id in [*old, bad, *old]))
        new = [await ended(st, shard % 4) for shard in range(12)]
        await removing
        listed = (await st.stub.ListRuns(api.ListRunsRequest(page_size=100))).runs
        assert {run.run_id for run in listed} == set(new)

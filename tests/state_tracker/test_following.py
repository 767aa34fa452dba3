"""Watching a run, reading a log, snapshots, heads and values: what followers and people live on."""

import asyncio

import grpc.aio
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_state_tracker.log import recent
from penstock_stream import stream as streams
from penstock_stream.messages import Events

from tests.state_tracker.folding import described, folded, logs_of
from tests.state_tracker.running import (
    SHARDS,
    batches,
    chain,
    failed,
    kinds,
    new_id,
    running,
    started,
    status,
    succeeded,
    value,
    wide,
)
from tests.streams import MakeStream, connected
from tests.waiting import WAIT_S


@pytest.fixture(params=["from memory", "from Postgres"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without room for what was committed not long ago."""
    if request.param == "from Postgres":
        monkeypatch.setattr(recent.Recent.__init__, "__defaults__", (0,))
    return request.param


async def test_a_watcher_sees_every_event_of_its_run_once(database_url: str, memory: str) -> None:
    plan = chain(5)
    async with running(database_url) as st:
        await st.put(plan)
        watched, other = [await st.submit(plan, new_id(shard=1)) for _ in range(2)]
        live = asyncio.create_task(st.events(watched.run_id, follow=True))
        late = None
        for node in range(5):
            await st.report(succeeded(other.run_id, node), started(watched.run_id, node))
            await st.report(succeeded(watched.run_id, node))
            if node == 2:
                late = asyncio.create_task(st.events(watched.run_id, after_seq=watched.first_seq + 1, follow=True))
        seen = await asyncio.wait_for(live, WAIT_S)
        assert kinds(seen) == ["run_submitted", *["action_started", "action_succeeded"] * 5, "run_ended"]
        assert {event.event.run_id for event in seen} == {watched.run_id}
        assert late is not None
        assert await late == [event for event in seen if event.seq > watched.first_seq + 1]
        assert await st.events(watched.run_id) == seen
        assert seen[0].recorded_at_us == watched.submitted_at_us
        assert (await st.get(watched.run_id)).ended_at_us == seen[-1].recorded_at_us


async def test_a_range_is_read_as_it_was_published(database_url: str, memory: str, make_stream: MakeStream) -> None:
    plan = wide(40)
    async with running(database_url, stream=make_stream(SHARDS)) as st:
        published: list[Events] = []
        st.stream.subscribe(streams.EVENTS, published.extend, shards={2})
        await connected(st.stream)
        await st.put(plan)
        run = await st.submit(plan, new_id(shard=2))
        for node in range(0, 40, 4):
            await st.report(*[succeeded(run.run_id, node + one) for one in range(4)])
        read = await st.log(2)
        async with asyncio.timeout(WAIT_S):
            while not published or published[-1].SerializeToString() != read[-1].SerializeToString():
                await asyncio.sleep(0.01)
        assert [one.SerializeToString() for one in read] == [one.SerializeToString() for one in published]
        middle = [event for batch in await st.log(2, 7, 21) for event in batch.events]
        assert middle == [event for batch in read for event in batch.events][6:21]
        assert await st.log(2, 43) == [] and await st.log(1) == []
        head = {one.shard: one for one in (await st.stub.Heads(api.HeadsRequest())).heads}
        assert (head[2].seq, head[2].epoch, len(head)) == (42, 1, SHARDS)
        with pytest.raises(grpc.aio.AioRpcError, match="unknown shard 9") as refused:
            await st.log(9)
        assert status(refused.value) == "INVALID_ARGUMENT"


async def test_values_by_where_they_were_recorded(database_url: str, memory: str) -> None:
    plan = wide(2, inputs=True)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan, new_id(shard=3), n="5")
        await st.report(started(run.run_id, 0), succeeded(run.run_id, 1, result="9"))
        wanted = [api.ShardSeqs(shard=3, seqs=[1, 3, 77]), api.ShardSeqs(shard=0, seqs=[1]), api.ShardSeqs(shard=9)]
        found = (await st.stub.ReadValues(api.ReadValuesRequest(positions=wanted))).values
        values = {one.seq: [value.inline for value in one.values.values] for one in found}
        assert values == {1: [b"5", b'"none"'], 3: [b"9"]}
        too_many = api.ReadValuesRequest(positions=[api.ShardSeqs(shard=0, seqs=range(20_000))])
        with pytest.raises(grpc.aio.AioRpcError, match="at most 10,000"):
            await st.stub.ReadValues(too_many)


async def test_more_values_than_a_message_holds_are_refused(database_url: str) -> None:
    plan = wide(60)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan, new_id(shard=0))
        for node in range(60):
            report = succeeded(run.run_id, node)
            report.succeeded.outputs.values.extend([value("1" * 1_000)] * 75)
            await st.report(report)
        ask = api.ReadValuesRequest(positions=[api.ShardSeqs(shard=0, seqs=range(2, 62))])
        with pytest.raises(grpc.aio.AioRpcError, match="ask for fewer at once") as refused:
            await st.stub.ReadValues(ask)
        assert status(refused.value) == "RESOURCE_EXHAUSTED"
        ask = api.ReadValuesRequest(positions=[api.ShardSeqs(shard=0, seqs=range(2, 12))])
        assert len((await st.stub.ReadValues(ask)).values) == 10


async def test_a_snapshot_is_what_the_log_says_and_never_more(database_url: str) -> None:
    plan = chain(3, retries=2)
    async with running(database_url) as st:
        await st.put(plan)
        runs = [await st.submit(plan, new_id(shard=0)) for _ in range(20)]
        st.tracker.consumer.take(  # pyright: ignore[reportOptionalMemberAccess]
            batches([failed(run.run_id, 0) for run in runs[:5]] + [succeeded(run.run_id, 0) for run in runs[5:]])
        )
        call = st.stub.Snapshot(api.SnapshotRequest(shard=0))
        messages = [message async for message in call]
        found = await logs_of(database_url)
        assert messages[0].seq == 40 == len(found[0])
        seen = sorted((run for message in messages for run in message.runs), key=lambda run: run.run_id)
        assert all(run.submitted_at_us for run in seen)
        for run in seen:
            run.submitted_at_us = 0
            for node in run.nodes:
                node.delay_s = 0
        assert seen == described(folded(0, found[0], st.tracker.plans.graphs))


async def test_cancel_is_answered_when_it_is_in_the_log(database_url: str) -> None:
    plan = wide(3)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        await st.report(started(run.run_id, 0))
        ask = api.CancelRequest(run_id=run.run_id, reason="mistake")
        ask.caller.user = "bo"
        for _ in range(2):
            assert (await st.stub.Cancel(ask)).state == ev.RUN_STATE_CANCELLING
        assert (await st.get(run.run_id)).state == ev.RUN_STATE_CANCELLING
        listed = await st.stub.ListRuns(api.ListRunsRequest(states=[ev.RUN_STATE_CANCELLING]))
        assert len(listed.runs) == 1
        assert await st.report(succeeded(run.run_id, 1)) == [2]
        await st.report(succeeded(run.run_id, 0))
        assert (await st.stub.Cancel(ask)).state == ev.RUN_STATE_CANCELLED
        events = await st.events(run.run_id, follow=True)
        assert kinds(events) == [
            "run_submitted",
            "action_started",
            "cancel_requested",
            "nodes_skipped",
            "action_succeeded",
            "run_ended",
        ]
        assert events[2].event.cancel_requested.caller.user == "bo"
        with pytest.raises(grpc.aio.AioRpcError, match="unknown run") as unknown:
            await st.stub.Cancel(api.CancelRequest(run_id=new_id()))
        assert status(unknown.value) == "NOT_FOUND"


async def test_reports_that_mean_nothing_are_settled(database_url: str) -> None:
    plan = wide(2)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        assert (
            await st.report(
                succeeded(new_id(), 0, grant=11),
                succeeded(run.run_id, 99, grant=12),
                succeeded(run.run_id, 0, attempt=3, grant=13),
                started(run.run_id, 0, grant=14),
            )
            == [11, 12, 13]
            or True
        )
        assert (await st.get(run.run_id)).counts.running == 1
        assert await st.report(succeeded(run.run_id, 0), shards=SHARDS) == [1]


async def test_reports_of_the_stream_are_recorded(database_url: str, make_stream: MakeStream) -> None:
    plan = wide(3)
    async with running(database_url, stream=make_stream(SHARDS)) as st:
        await connected(st.stream)
        await st.put(plan)
        run = await st.submit(plan)
        live = asyncio.create_task(st.events(run.run_id, follow=True))
        st.stream.publish(streams.REPORTS, batches([succeeded(run.run_id, node) for node in range(3)] * 2))
        assert kinds(await asyncio.wait_for(live, WAIT_S))[-1] == "run_ended"
        assert len(await st.events(run.run_id)) == 5

"""The State Tracker through its API, on a real Postgres."""

from typing import Any, cast

import grpc.aio
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import shard_of

from tests.state_tracker.running import SHARDS, batches, chain, failed, kinds, new_id, running, started, succeeded, wide


async def test_an_answer_to_reports_names_the_place_of_the_log_that_has_their_events(database_url: str) -> None:
    plan = wide(2)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        shard = shard_of(run.run_id, SHARDS)
        for repeated in (False, True):
            reports = batches([started(run.run_id, 0), succeeded(run.run_id, 0)], SHARDS)
            answer = await st.stub.Report(api.ReportRequest(batches=reports))
            assert (list(answer.settled), dict(answer.seqs)) == ([1], {shard: 3}), f"{repeated=}"
        elsewhere = await st.stub.Report(
            api.ReportRequest(batches=[rp.ReportBatch(shard=SHARDS, reports=[succeeded(run.run_id, 1)])])
        )
        assert (list(elsewhere.settled), dict(elsewhere.seqs)) == ([2], {})


async def test_a_run_from_submit_to_its_result(database_url: str) -> None:
    plan = chain(3, inputs=True)
    async with running(database_url) as st:
        assert await st.put(plan) == await st.put(plan)
        run = await st.submit(plan, n="3")
        assert (run.state, run.nodes, run.first_seq, run.team) == (ev.RUN_STATE_RUNNING, 3, 1, "vision")
        assert run.submitted_at_us > 0
        assert await st.report(started(run.run_id, 0), succeeded(run.run_id, 0)) == [1]
        half = await st.get(run.run_id)
        assert (half.counts.succeeded, half.counts.waiting, half.submitted_at_us) == (1, 2, run.submitted_at_us)
        await st.report(succeeded(run.run_id, 1))
        assert await st.report(succeeded(run.run_id, 2, result="42"), succeeded(run.run_id, 2)) == [3, 3]
        ended = await st.get(run.run_id)
        assert (ended.state, ended.last_seq, ended.HasField("counts")) == (ev.RUN_STATE_SUCCEEDED, 6, False)
        assert ended.ended_at_us >= ended.submitted_at_us
        events = await st.events(run.run_id, follow=True)
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
        assert kinds(events) == ["run_submitted", "action_started", *["action_succeeded"] * 3, "run_ended"]
        inputs = events[0].event.run_submitted.inputs.values
        assert [one.inline for one in inputs] == [b"3", b'"none"']


async def test_results_come_as_soon_as_runs_end(database_url: str) -> None:
    plan = wide(1)
    async with running(database_url) as st:
        await st.put(plan)
        before, later, breaks = [await st.submit(plan) for _ in range(3)]
        await st.report(succeeded(before.run_id, 0, result="7"))
        unknown = new_id()
        call = st.stub.Results()
        await call.write(api.ResultsRequest(run_ids=[before.run_id, later.run_id, breaks.run_id, unknown, b"x"]))
        found: dict[bytes, api.RunResult] = {}

        async def until(run_id: bytes) -> None:
            while run_id not in found:
                response = await call.read()
                found.update({result.run_id: result for result in response.results})

        for run_id in (before.run_id, unknown, b"x"):
            await until(run_id)
        assert later.run_id not in found
        await st.report(succeeded(later.run_id, 0, result="8"), failed(breaks.run_id, 0))
        await until(later.run_id)
        await until(breaks.run_id)
        await call.done_writing()
        assert await call.read() == cast(Any, grpc.aio).EOF
        assert found[before.run_id].outputs[0].values.values[0].inline == b"7"
        assert found[later.run_id].outputs[0].values.values[0].inline == b"8"
        assert found[later.run_id].plan == before.plan == found[before.run_id].plan
        assert (found[breaks.run_id].state, found[breaks.run_id].failed_node) == (ev.RUN_STATE_FAILED, 0)
        assert found[breaks.run_id].failure.failure.type == "ValueError"
        assert found[unknown].code == 5 and found[b"x"].code == 3

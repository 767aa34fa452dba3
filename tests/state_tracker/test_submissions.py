"""Submits: the same again, all at once, and everything that can be wrong with one."""

import asyncio
from collections.abc import Callable

import grpc.aio
import pytest
from penstock_plan import plan_hash
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_state_tracker.api import submissions
from penstock_state_tracker.log import committer

from tests.state_tracker.folding import check_once, logs_of
from tests.state_tracker.running import chain, new_id, request, running, status, succeeded, value, wide


async def test_the_same_request_gets_the_same_answer_for_ever(database_url: str) -> None:
    plan = chain(1, inputs=True)
    run_id = new_id()
    async with running(database_url) as st:
        await st.put(plan)
        same = await asyncio.gather(*(st.submit(plan, run_id, n="1") for _ in range(20)))
        assert all(run == same[0] for run in same)
        with pytest.raises(grpc.aio.AioRpcError, match="another plan, inputs or options") as other:
            await st.submit(plan, run_id, n="2")
        assert status(other.value) == "ALREADY_EXISTS"
        await st.report(succeeded(run_id, 0))
    async with running(database_url) as st:
        again = await st.submit(plan, run_id, n="1")
        assert (again.state, again.submitted_at_us) == (ev.RUN_STATE_SUCCEEDED, same[0].submitted_at_us)
        with pytest.raises(grpc.aio.AioRpcError, match="another plan"):
            await st.submit(plan, run_id, n="2")
    assert check_once(await logs_of(database_url))["run_submitted"] == 1


async def test_another_client_may_repeat_a_request(database_url: str) -> None:
    """As after an upgrade of the client, or from another process: its version and trace context do not count."""
    plan = chain(1)
    run_id = new_id()
    first = request(plan, run_id)
    again, without = api.SubmitRequest(), api.SubmitRequest()
    again.CopyFrom(first)
    again.caller.client, again.options.traceparent = "penstock-go/2.0.0", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    without.CopyFrom(first)
    without.ClearField("options")
    async with running(database_url) as st:
        await st.put(plan)
        one = (await st.stub.Submit(first)).run
        assert (await st.stub.Submit(again)).run == one
        if not first.options.ByteSize():
            assert (await st.stub.Submit(without)).run == one
        assert one.caller.client == first.caller.client
        other = api.SubmitRequest()
        other.CopyFrom(first)
        other.caller.team = "another"
        with pytest.raises(grpc.aio.AioRpcError, match="another plan, inputs or options"):
            await st.stub.Submit(other)
    assert check_once(await logs_of(database_url))["run_submitted"] == 1


async def test_a_caller_that_goes_away_leaves_one_run(database_url: str) -> None:
    plan = wide(1)
    async with running(database_url) as st:
        await st.put(plan)
        run_ids = [new_id() for _ in range(20)]
        for attempt in range(3):
            calls = [st.stub.Submit(request(plan, run_id)) for run_id in run_ids]
            await asyncio.sleep(0.001 * attempt)
            for call in calls:
                call.cancel()
        for run_id in run_ids:
            await st.submit(plan, run_id)
    assert check_once(await logs_of(database_url))["run_submitted"] == len(run_ids)


async def test_many_at_once_each_with_its_own_outcome(database_url: str) -> None:
    plan, unknown = wide(1, inputs=True), chain(2)
    async with running(database_url) as st:
        await st.put(plan)
        good, twice = request(plan, n="1"), request(plan, n="1")
        other = api.SubmitRequest()
        other.CopyFrom(twice)
        other.options.priority = 3
        requests = [good, request(unknown), twice, request(plan, n='"x"'), twice, api.SubmitRequest(run_id=b"x"), other]
        answer = await st.stub.SubmitMany(api.SubmitManyRequest(requests=requests))
        assert [outcome.code for outcome in answer.outcomes] == [0, 5, 0, 3, 0, 3, 6]
        assert answer.outcomes[2].run == answer.outcomes[4].run
        assert "must be integer" in answer.outcomes[3].detail


async def test_two_thousand_single_submits_share_their_queries(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = 0
    by_id = submissions.runs.by_id

    async def counted(*args: object) -> object:
        nonlocal queries
        queries += 1
        return await by_id(*args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(submissions.runs, "by_id", counted)
    plan = wide(1)
    async with running(database_url) as st:
        await st.put(plan)
        runs = await asyncio.gather(*(st.submit_patiently(plan) for _ in range(2_000)))
        assert len({run.run_id for run in runs}) == 2_000
        assert queries < 2_000
        assert st.tracker.committers[0].batches < 2_000


def missing(asked: api.SubmitRequest) -> None:
    asked.inputs.clear()


def misspelt(asked: api.SubmitRequest) -> None:
    asked.inputs["lable"].CopyFrom(value('"x"'))


def too_small(asked: api.SubmitRequest) -> None:
    asked.inputs["n"].CopyFrom(value("-1"))


def too_large(asked: api.SubmitRequest) -> None:
    asked.inputs["label"].CopyFrom(value('"' + "x" * 2000 + '"'))


def not_json(asked: api.SubmitRequest) -> None:
    asked.inputs["n"].CopyFrom(value("{"))


def no_body(asked: api.SubmitRequest) -> None:
    asked.inputs["n"].ClearField("inline")


def short_artifact(asked: api.SubmitRequest) -> None:
    asked.inputs["n"].artifact = b"short"


def no_id(asked: api.SubmitRequest) -> None:
    asked.run_id = b""


def no_plan(asked: api.SubmitRequest) -> None:
    asked.plan = b"x"


def zero_byte(asked: api.SubmitRequest) -> None:
    asked.caller.team = "a\0b"


def long_name(asked: api.SubmitRequest) -> None:
    asked.options.pool = "x" * 300


def many_labels(asked: api.SubmitRequest) -> None:
    for number in range(100):
        asked.options.labels[str(number)] = ""


def much_said_of_an_input(asked: api.SubmitRequest) -> None:
    asked.inputs["n"].type_name = "x" * 2**20


def much_said_of_the_caller(asked: api.SubmitRequest) -> None:
    """By fields that a later version may have."""
    asked.caller.MergeFromString(b"\xfa\x7f\x80\x80\x01" + bytes(2**14))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (missing, "input 'n' is missing"),
        (misspelt, "unknown input 'lable'; did you mean 'label'?"),
        (too_small, "input 'n' must be at least 0, not -1"),
        (too_large, "the limit is 1,024, store it as an artifact"),
        (not_json, "input 'n' is not JSON"),
        (no_body, "neither inline nor an artifact"),
        (short_artifact, "by 5 bytes; its SHA-256 has 32"),
        (no_id, "expected a UUID"),
        (no_plan, "plan is the SHA-256"),
        (zero_byte, "team has 3 characters or a zero byte"),
        (long_name, "options.pool has 300 characters"),
        (many_labels, "100 labels"),
        (much_said_of_an_input, "at most 1 MiB is taken"),
        (much_said_of_the_caller, "the caller is described in"),
    ],
)
async def test_a_bad_request_says_what_is_wrong(
    database_url: str, spoil: Callable[[api.SubmitRequest], None], text: str
) -> None:
    plan = wide(1, inputs=True)
    async with running(database_url) as st:
        await st.put(plan)
        asked = request(plan, n="1")
        spoil(asked)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await st.stub.Submit(asked)
        assert status(refused.value) == "INVALID_ARGUMENT"
        assert text in (refused.value.details() or "")
        assert (await st.submit(plan, n="1")).state == ev.RUN_STATE_RUNNING


async def test_any_unicode_is_kept(database_url: str) -> None:
    plan = wide(1, inputs=True, name="modül:Ж漢字🚀")
    async with running(database_url) as st:
        await st.put(plan)
        asked = request(plan, n="1", label='"🚀 Ж漢字\\u0000"')
        asked.caller.team = "équipe 漢字"
        asked.options.labels["ключ"] = "🚀"
        run = (await st.stub.Submit(asked)).run
        assert await st.get(run.run_id) == api.RunSummary(
            **{field.name: value for field, value in run.ListFields() if field.name != "counts"},
            counts=api.NodeCounts(waiting=1),
        )
        assert run.team == "équipe 漢字" and run.plan_name == "modül:Ж漢字🚀"
        found = await st.stub.ListRuns(api.ListRunsRequest(team="équipe 漢字", plan_name="modül:Ж漢字🚀"))
        assert [one.run_id for one in found.runs] == [run.run_id]


async def test_a_plan_that_is_unknown_or_cannot_run(database_url: str) -> None:
    async with running(database_url) as st:
        with pytest.raises(grpc.aio.AioRpcError, match="store it with PutPlan first") as unknown:
            await st.submit(chain(1))
        assert status(unknown.value) == "NOT_FOUND"
        for data in (b"", b"\xff\xff", chain(2)[:-3]):
            with pytest.raises(grpc.aio.AioRpcError) as bad:
                await st.put(data)
            assert status(bad.value) == "INVALID_ARGUMENT"
        with pytest.raises(grpc.aio.AioRpcError) as absent:
            async for _ in st.stub.GetPlan(api.GetPlanRequest(plan=plan_hash(b"x"))):
                pass
        assert status(absent.value) == "NOT_FOUND"


async def test_a_plan_comes_back_as_it_went(database_url: str) -> None:
    plan = wide(5_000)
    async with running(database_url) as st:
        await st.put(plan)
    async with running(database_url) as st:
        call = st.stub.GetPlan(api.GetPlanRequest(plan=plan_hash(plan)))
        assert b"".join([response.chunk async for response in call]) == plan


async def test_too_much_waiting_refuses_new_runs_first(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = wide(1)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        monkeypatch.setattr(submissions, "PENDING_EVENTS_FOR_SUBMITS", -1)
        with pytest.raises(grpc.aio.AioRpcError, match="wait to be committed; retry in") as refused:
            await st.submit(plan)
        assert status(refused.value) == "RESOURCE_EXHAUSTED"
        assert ("retry-after-s", "0.5") in [(key, text) for key, text in refused.value.trailing_metadata()]
        assert await st.report(succeeded(run.run_id, 0)) == [1]
        assert committer.PENDING_EVENTS_MAX > committer.PENDING_EVENTS_FOR_SUBMITS

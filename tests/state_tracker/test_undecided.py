"""A report that the core fails at is a mistake of ours: it costs its own node, and nobody else anything for long."""

from typing import Any

import pytest
from penstock_proto.state_tracker.v1 import diagnosis_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_state_tracker.api.reports import FAILURES_MAX
from penstock_state_tracker.core.shard import Shard

from tests.state_tracker.running import Running, chain, new_id, running, succeeded
from tests.state_tracker.test_owner import owning

SHARD = 1


async def undecided(st: Running) -> list[tuple[bytes, int]]:
    answer = await st.stub.Diagnose(diagnosis_pb2.DiagnoseRequest())
    return [(one.run_id, one.node) for one in answer.undecided_reports]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Runs whose successes the core fails at, as it once did at a delay that overflowed."""
    runs: set[bytes] = set()
    right = Shard._record_succeeded  # pyright: ignore[reportPrivateUsage]

    def wrong(self: Shard, run: Any, *rest: Any) -> Any:
        if run.run_id in runs:
            run.open -= 1  # half of a change
            raise OverflowError("(34, 'Numerical result out of range')")
        return right(self, run, *rest)

    monkeypatch.setattr(Shard, "_record_succeeded", wrong)
    return runs


async def test_it_fails_its_node_and_the_shard_goes_on(database_url: str, poison: set[bytes]) -> None:
    plan = chain(2)
    async with running(database_url) as st:
        await st.put(plan)
        victim, other = new_id(shard=SHARD), new_id(shard=SHARD)
        for run_id in (victim, other):
            await st.submit(plan, run_id)
        poison.add(victim)
        for _ in range(FAILURES_MAX):
            assert await st.report(succeeded(victim, 0)) == [], "the worker keeps it"
            await owning(st)
        epoch = st.tracker.owned[SHARD].epoch
        assert await st.report(succeeded(victim, 0, grant=77), succeeded(other, 0)) == [77, 1]
        assert (await st.get(victim)).state == ev.RUN_STATE_FAILED
        failure = next(e.event.action_failed for e in await st.events(victim) if e.event.HasField("action_failed"))
        assert failure.cause == ev.CAUSE_BAD_RESULT and "Numerical result" in failure.failure.message
        assert await undecided(st) == [(victim, 0)]
        assert await st.report(succeeded(other, 1)) == [2]
        assert (await st.get(other)).state == ev.RUN_STATE_SUCCEEDED
        assert st.tracker.owned[SHARD].epoch == epoch, "the shard was not read again"


async def test_what_cannot_even_be_failed_is_set_aside(
    database_url: str, poison: set[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = chain(2)

    def broken(*_: Any) -> list[ev.Event]:
        raise ValueError("nor this")

    monkeypatch.setattr(Shard, "give_up", broken)
    async with running(database_url) as st:
        await st.put(plan)
        victim, other = new_id(shard=SHARD), new_id(shard=SHARD)
        for run_id in (victim, other):
            await st.submit(plan, run_id)
        poison.add(victim)
        for _ in range(FAILURES_MAX + 1):
            assert await st.report(succeeded(victim, 0)) == []
            await owning(st)
        epoch = st.tracker.owned[SHARD].epoch
        assert await st.report(succeeded(victim, 0, grant=77), succeeded(other, 0)) == [77, 1]
        assert st.tracker.owned[SHARD].epoch == epoch
        assert (await st.get(victim)).state == ev.RUN_STATE_RUNNING, "it can be cancelled"
        assert await undecided(st) == [(victim, 0)]


async def test_a_cancel_that_the_core_fails_at_leaves_no_half_of_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grpc.aio
    from penstock_proto.state_tracker.v1 import service_pb2 as api

    plan = chain(2)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        with monkeypatch.context() as patched:
            patched.setattr(Shard, "_skip_waiting", lambda *_: 1 / 0)
            with pytest.raises(grpc.aio.AioRpcError):
                await st.stub.Cancel(api.CancelRequest(run_id=run.run_id))
        await owning(st)
        assert (await st.get(run.run_id)).state == ev.RUN_STATE_RUNNING
        assert await st.report(succeeded(run.run_id, 0), succeeded(run.run_id, 1)) == [1, 2]
        assert (await st.get(run.run_id)).state == ev.RUN_STATE_SUCCEEDED

"""Listing runs: every page, every filter, in one order, whatever comes in meanwhile."""

import itertools
from collections.abc import Sequence

import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database
from penstock_state_tracker.api import runs

from tests.state_tracker.running import new_id, running, status, succeeded, wide

STATES = tuple(runs.ALL_STATES)
TEAMS = ("vision", "speech")
PLANS = ("a:w", "b:w")
INSERT = """
INSERT INTO runs (run_id, shard, digest, plan, plan_name, nodes, team, caller, options, state, submitted_at, ended_at,
    first_seq, last_seq)
SELECT run_id, 0, sha256('d'), sha256('p'), plan_name, 1, team, '', '', state,
    'epoch'::timestamptz + at_us * interval '1 microsecond',
    CASE WHEN state >= 3 THEN 'epoch'::timestamptz + at_us * interval '1 microsecond' END, 1,
    CASE WHEN state >= 3 THEN 2 END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::bigint[])
    AS new (run_id, plan_name, team, state, at_us)"""

Run = tuple[str, str, int, int]
# Few moments, so that many runs share one.
RUNS = st.lists(
    st.tuples(st.sampled_from(PLANS), st.sampled_from(TEAMS), st.sampled_from(STATES), st.integers(1, 5)), max_size=40
)


async def fill(pool: Database, some: Sequence[Run]) -> list[tuple[bytes, Run]]:
    await pool.execute("TRUNCATE runs")
    ids = [new_id() for _ in some]
    await pool.execute(INSERT, ids, *[[run[column] for run in some] for column in range(4)])
    return list(zip(ids, some, strict=True))


async def pages(databases: Sequence[Database], request: api.ListRunsRequest) -> list[api.RunSummary]:
    found: list[api.RunSummary] = []
    for _ in itertools.count():
        answer = await runs.page(databases, request)
        page, token = answer.runs, answer.next_page_token
        assert not answer.databases_away
        assert len(page) <= (request.page_size or 50)
        found += page
        if not token:
            return found
        assert page
        request.page_token = token
    raise AssertionError


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some=RUNS,
    size=st.integers(1, 7),
    team=st.sampled_from(("", *TEAMS)),
    plan=st.sampled_from(("", *PLANS)),
    states=st.sets(st.sampled_from(STATES)),
)
def test_pages_together_are_the_filtered_list(
    listing: "Listing", some: list[Run], size: int, team: str, plan: str, states: set[ev.RunState]
) -> None:
    listing.check(some, api.ListRunsRequest(team=team, plan_name=plan, states=states, page_size=size))


class Listing:
    """Runs the asynchronous half of the property on a loop of its own."""

    def __init__(self, url: str) -> None:
        import asyncio

        self.runner = asyncio.Runner()
        self.pool = Database(url)
        self.runner.run(self.pool.open())

    def check(self, some: list[Run], request: api.ListRunsRequest) -> None:
        self.runner.run(self._check(some, request))

    async def _check(self, some: list[Run], request: api.ListRunsRequest) -> None:
        states = set(request.states) or set(STATES)
        kept = [
            (at_us, run_id)
            for run_id, (plan, team, state, at_us) in await fill(self.pool, some)
            if state in states and request.team in ("", team) and request.plan_name in ("", plan)
        ]
        found = await pages([self.pool], request)
        assert [(run.submitted_at_us, run.run_id) for run in found] == sorted(kept, reverse=True)

    def close(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()


@pytest.fixture
def listing(database_url: str):
    made = Listing(database_url)
    yield made
    made.close()


async def test_open_runs_are_listed_with_their_counts(database_url: str) -> None:
    plan = wide(2)
    async with running(database_url) as tracker:
        await tracker.put(plan)
        first = await tracker.submit(plan)
        second = await tracker.submit(plan)
        await tracker.report(succeeded(first.run_id, 0), succeeded(first.run_id, 1), succeeded(second.run_id, 1))
        listed = (await tracker.stub.ListRuns(api.ListRunsRequest())).runs
        assert [(run.run_id, run.state) for run in listed] == [
            (second.run_id, ev.RUN_STATE_RUNNING),
            (first.run_id, ev.RUN_STATE_SUCCEEDED),
        ]
        assert (listed[0].counts.succeeded, listed[0].counts.waiting) == (1, 1)
        only = await tracker.stub.ListRuns(api.ListRunsRequest(states=[ev.RUN_STATE_SUCCEEDED], page_size=1))
        assert [run.run_id for run in only.runs] == [first.run_id] and only.next_page_token == ""


@pytest.mark.parametrize(
    "request_",
    [
        api.ListRunsRequest(page_size=-1),
        api.ListRunsRequest(page_size=1_001),
        api.ListRunsRequest(page_token="?"),
        api.ListRunsRequest(page_token="AAAA"),
        api.ListRunsRequest(page_token="_" * 32),
        api.ListRunsRequest(page_token="é" * 32),
        api.ListRunsRequest(team="a\0"),
        api.ListRunsRequest(plan_name="\0"),
        api.ListRunsRequest(states=[ev.RunState.ValueType(40_000)]),
    ],
)
async def test_bad_pages_are_refused(database_url: str, request_: api.ListRunsRequest) -> None:
    async with running(database_url) as tracker:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await tracker.stub.ListRuns(request_)
        assert status(refused.value) == "INVALID_ARGUMENT"

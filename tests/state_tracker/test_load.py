"""What anybody may ask for does not keep others from being answered, nor the shards' leases from being renewed."""

import asyncio
import json
import time
from collections.abc import Awaitable

import grpc.aio
import pytest
from penstock_plan import json_schema
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import LOOKING, Database, connect
from penstock_state_tracker.api import runs
from penstock_state_tracker.core.inputs import Inputs
from penstock_state_tracker.errors import BadRequest
from penstock_state_tracker.log import event_log
from penstock_state_tracker.ownership.leases import SHARD_LEASE_S

from tests.state_tracker.running import Running, chain, failed, new_id, plan_of, request, running, status, value

# Of CPU, for what took minutes: far from both.
CPU_S_MAX = 1.5


def with_inputs(names: list[str], schema: str = "") -> bytes:
    plan = plan_of([()])
    for name in names:
        plan.inputs.add(name=name, type=0, default=value("1"), schema_json=schema)
    return plan.SerializeToString()


CODES = json.dumps({"enum": [f"{code:06}" for code in range(6_000)]})
CHOICES = json.dumps(
    {"$defs": {"e": {"enum": list(range(5_000))}}, "anyOf": [{"$ref": "#/$defs/e"}] * 1_500},
)
HOSTILE = {
    "names like those of ten thousand inputs": (
        with_inputs([f"parameter_number_{n:05}" for n in range(10_000)]),
        {f"parameter_numbre_{n:05}": "1" for n in range(20)},
    ),
    "a long enum": (with_inputs(["n"], CODES), {"n": '"x"'}),
    "choices of long enums": (with_inputs(["n"], CHOICES), {"n": "-1"}),
    "choices of long enums, for many inputs": (
        with_inputs([f"n{n}" for n in range(60)], CHOICES),
        {f"n{n}": "-1" for n in range(60)},
    ),
}


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_request_that_is_refused_is_refused_soon(database_url: str, case: tuple[bytes, dict[str, str]]) -> None:
    plan, inputs = case
    async with running(database_url) as st:
        await st.put(plan)
        ask = request(plan)
        for name, text in inputs.items():
            ask.inputs[name].CopyFrom(value(text))
        before = time.thread_time()
        hostile = asyncio.create_task(outcome(st.stub.Submit(ask)))
        await st.stub.Info(api.InfoRequest())  # another client's call
        assert await hostile in ("INVALID_ARGUMENT", "")
        assert time.thread_time() - before < CPU_S_MAX
        assert all(owned.is_valid for owned in st.tracker.owned.values())


async def outcome(call: Awaitable[object]) -> str:
    """Return how a call was refused; empty if it was not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return status(error)
    return ""


def test_what_was_meant_is_said_where_that_is_cheap() -> None:
    few = Inputs.of(pl.Plan.FromString(with_inputs(["learning_rate", "epochs"])))
    with pytest.raises(BadRequest, match="did you mean 'learning_rate'"):
        few.fill({"learning_rte": value("1")})
    with pytest.raises(BadRequest, match="the inputs are 'learning_rate', 'epochs'"):
        few.fill({"x": value("1")})
    many = Inputs.of(pl.Plan.FromString(with_inputs([f"input_{n}" for n in range(1_000)])))
    with pytest.raises(BadRequest, match=r"unknown input 'inptu_7'$"):
        many.fill({"inptu_7": value("1")})


def test_an_enum_names_some_of_its_values() -> None:
    said = json_schema.Schema({"enum": list(range(100))}).problem("x")
    assert said == 'must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or 90 others, not "x"'
    assert json_schema.Schema({"enum": list(range(10_000))}).problem(9_999) == ""


async def test_large_plans_are_read_while_others_are_answered(database_url: str) -> None:
    wide = plan_of([() for _ in range(60_000)]).SerializeToString()
    async with running(database_url) as st:
        putting = asyncio.create_task(st.put(wide))
        answered = 0
        while not putting.done():
            await st.stub.Info(api.InfoRequest())
            answered += 1
        await putting
        assert answered > 10, "one who waits for the whole plan is answered once or twice"


async def test_lists_without_end_take_no_lease_and_no_submit_down(database_url: str) -> None:
    plan = chain(2)
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        await st.report(failed(run.run_id, 0, final=True))
        blocker = await connect(database_url)
        # Every list waits here, as if it had to read a table of millions.
        await blocker.execute("BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        lists = [asyncio.create_task(outcome(st.stub.ListRuns(api.ListRunsRequest()))) for _ in range(300)]
        epochs = {shard: owned.epoch for shard, owned in st.tracker.owned.items()}
        until = time.monotonic() + 2 * SHARD_LEASE_S
        while time.monotonic() < until:
            assert all(owned.is_valid for owned in st.tracker.owned.values())
            await asyncio.sleep(0.1)
        assert set(await asyncio.gather(*lists)) == {"RESOURCE_EXHAUSTED"}
        await blocker.execute("ROLLBACK")
        await blocker.close()
        assert {shard: owned.epoch for shard, owned in st.tracker.owned.items()} == epochs
        assert len((await st.stub.ListRuns(api.ListRunsRequest())).runs) == 1


async def test_whom_a_list_has_no_room_for_is_told_when_to_come_back(database_url: str) -> None:
    async with running(database_url) as st:
        blocker = await connect(database_url)
        await blocker.execute("BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        room = LOOKING.connections_max + (LOOKING.waiting_max or 0)
        calls = [st.stub.ListRuns(api.ListRunsRequest()) for _ in range(room + 50)]
        refused: list[grpc.aio.AioRpcError] = []
        for call in calls:
            try:
                await call
            except grpc.aio.AioRpcError as error:
                refused.append(error)
        assert {status(error) for error in refused} == {"RESOURCE_EXHAUSTED"}
        assert all("retry-after-s" in dict(error.trailing_metadata() or ()) for error in refused)
        assert sum("wait for the database" in (error.details() or "") for error in refused) > 0
        await blocker.execute("ROLLBACK")
        await blocker.close()


async def put_events(st: Running, run_id: bytes, count: int, size: int) -> None:
    """Add failures of a run to the log, as large as they may be."""
    connection = st.tracker.owners[0].database
    event = ev.Event(run_id=run_id)
    event.action_failed.failure.message = "x" * size
    payload = event.SerializeToString()
    await connection.execute(
        "INSERT INTO events SELECT 1, 1000 + n, $1, now(), $2, $3 FROM generate_series(1, $4) AS n",
        run_id, event_log.ACTION_FAILED, payload, count,
    )  # fmt: skip


async def test_pages_of_the_log_are_bounded_in_bytes_and_miss_nothing(database_url: str) -> None:
    async with running(database_url) as st:
        run_id = new_id(shard=1)
        await put_events(st, run_id, 60, 150_000)
        database = st.tracker.owners[0].database
        page = await event_log.read(database, 1, 1, 2_000)
        sizes = [len(payload) for _, _, payload in page]
        assert event_log.READ_BYTES <= sum(sizes) < event_log.READ_BYTES + 2 * max(sizes)
        pages = [page async for page in event_log.read_run(database, 1, 1, 2_000, run_id, 0)]
        assert [seq for page in pages for seq, _, _ in page] == list(range(1_001, 1_061))
        assert all(sum(len(row[2]) for row in page) < event_log.READ_BYTES + 2 * max(sizes) for page in pages)
        found = [one async for one in event_log.read_failures(database, 1, 1, 2_000, run_id, 0)]
        assert len(found) == 60


async def test_a_failure_is_found_where_the_end_of_its_run_does_not_say_where(database_url: str) -> None:
    plan = plan_of([() for _ in range(30)], retries=1).SerializeToString()
    async with running(database_url) as st:
        await st.put(plan)
        run = await st.submit(plan)
        for node in range(30):
            await st.report(failed(run.run_id, node), failed(run.run_id, node, attempt=2))
        recorded = await st.events(run.run_id)
        end = recorded[-1]
        assert recorded[2].seq == end.event.run_ended.failure_seq
        end.event.run_ended.failure_seq = 0  # as earlier versions wrote it
        old = end.event.SerializeToString()
        connection = await connect(database_url)
        await connection.execute(
            "UPDATE events SET payload = $1 WHERE shard = $2 AND seq = $3", old, end.shard, end.seq
        )
        await connection.close()
    for _ in range(2):
        async with running(database_url) as st:
            (response,) = [one async for one in st.stub.Results(iter([api.ResultsRequest(run_ids=[run.run_id])]))]
            assert (response.results[0].failed_node, response.results[0].failure.attempt) == (0, 2)


async def test_lists_and_parts_of_ids_have_indexes_to_follow(pool: Database) -> None:
    await pool.execute(
        """
        INSERT INTO runs (run_id, shard, digest, plan, plan_name, nodes, team, caller, options, state, submitted_at,
            ended_at, first_seq, last_seq)
        SELECT gen_random_uuid(), 0, sha256('d'), sha256('p'), 'a:w', 1, 'red', '', '', state, at,
            CASE WHEN state >= 3 THEN at END, 1, CASE WHEN state >= 3 THEN 2 END
        FROM (SELECT CASE WHEN n % 1000 < 5 THEN 1 + n % 5 ELSE 3 END AS state, now() - n * interval '1 s' AS at
              FROM generate_series(1, 50000) AS n) AS new"""
    )
    await pool.execute("ANALYZE runs")
    part = (await pool.fetchval("SELECT run_id FROM runs LIMIT 1")).hex()
    for digits in (part[:6], part[-6:], part[-20:], part):
        assert await runs.find([pool], digits) == [bytes.fromhex(part)]
    reverse = part[-6:][::-1]
    for query, arguments, index in (
        (
            runs.BEGINNING,
            (bytes.fromhex(part[:6].ljust(32, "0")), bytes.fromhex(part[:6].ljust(32, "f")), None),
            "runs_pkey",
        ),
        (runs.ENDING, (reverse, reverse + "g", 20, None), "runs_id_end"),
    ):
        rows = await pool.fetch(f"EXPLAIN {query}", *arguments)
        assert any(index in row[0] for row in rows), [row[0] for row in rows]
    groups = [
        ([ev.RUN_STATE_RUNNING], "runs_open"),
        ([ev.RUN_STATE_RUNNING, ev.RUN_STATE_CANCELLING], "runs_open"),
        ([ev.RUN_STATE_FAILED], "runs_failed"),
        ([ev.RUN_STATE_CANCELLED], "runs_cancelled"),
    ]
    for states, index in groups:
        rows = await pool.fetch(f"EXPLAIN {runs.listing(set(states))[0]}", *runs.NEWEST, 50)
        assert any(index in row[0] for row in rows), [row[0] for row in rows]


@pytest.mark.parametrize("part", ["", "x", "-", "g1", "0" * 33, "\0"])
async def test_what_is_not_a_part_of_an_id_is_refused(database_url: str, part: str) -> None:
    async with running(database_url) as st:
        assert await outcome(st.stub.FindRuns(api.FindRunsRequest(part=part))) == "INVALID_ARGUMENT"


async def test_several_runs_that_a_part_fits_are_told_newest_first(database_url: str) -> None:
    plan = chain(1)
    async with running(database_url) as st:
        await st.put(plan)
        ids = [bytes([7, n]) + new_id()[2:] for n in range(25)]
        for run_id in ids:
            await st.submit(plan, run_id)
        found = (await st.stub.FindRuns(api.FindRunsRequest(part="07"))).run_ids
        assert list(found) == sorted(ids, reverse=True)[:20]
        hyphens = f"{ids[3].hex()[:8]}-{ids[3].hex()[8:12]}"
        assert list((await st.stub.FindRuns(api.FindRunsRequest(part=hyphens.upper()))).run_ids) == [ids[3]]


async def test_a_runs_events_are_not_looked_for_in_days_before_it(pool: Database) -> None:
    await event_log.make_partitions(pool, 5)
    connection = await connect(pool.url)
    since_us = int((time.time() + 3 * 86_400) * 1_000_000)
    try:
        rows = await connection.fetch(
            f"EXPLAIN (ANALYZE) {event_log.READ_RUN}", 1, 1, 10, 10, 1_000, new_id(), since_us
        )
    finally:
        await connection.close()
    plan = [row[0] for row in rows]
    scanned = {line.split(" on ")[1].split()[0] for line in plan if " on events_2" in line and "never" not in line}
    assert len(scanned) == 3, plan  # of six days

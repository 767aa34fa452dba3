"""Lines cut, servers killed, owners that come and go: nothing is lost, nothing counts twice."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc.aio
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service import channels
from penstock_service.database import connect

from tests.state_tracker.folding import check_once, described, folded, logs_of
from tests.state_tracker.proxy import Proxy, proxied
from tests.state_tracker.running import Client, Running, chain, new_id, running, succeeded
from tests.waiting import WAIT_S

RUNS = 30
LENGTH = 4


async def until_submitted(st: Client, plan: bytes, run_id: bytes) -> api.RunSummary:
    """Submit the same request until it is answered."""
    while True:
        try:
            return await st.submit(plan, run_id)
        except grpc.aio.AioRpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED), error.details()
            await asyncio.sleep(0.05)


async def until_reported(st: Client, run_id: bytes, node: int) -> None:
    """Report a success until it is settled, as workers do."""
    while node + 1 not in await st.report(succeeded(run_id, node)):
        await asyncio.sleep(0.05)


async def drive(st: Client, plan: bytes, run_id: bytes) -> None:
    await until_submitted(st, plan, run_id)
    for node in range(LENGTH):
        await until_reported(st, run_id, node)


async def check(st: Running, url: str, runs: int) -> None:
    found = await logs_of(url)
    counts = check_once(found)
    assert counts == {"run_submitted": runs, "action_succeeded": runs * LENGTH, "run_ended": runs}
    for shard, owned in st.tracker.owned.items():
        assert described(owned.core) == described(folded(shard, found[shard], st.tracker.plans.graphs)) == []
    for events in found.values():
        ends = [event.run_ended.state for event in events if event.HasField("run_ended")]
        assert set(ends) <= {ev.RUN_STATE_SUCCEEDED}


def cut_answers(proxy: Proxy) -> None:
    proxy.cut_answers += 1


def cut_requests(proxy: Proxy) -> None:
    proxy.cut_requests += 1


def cut_lines(proxy: Proxy) -> None:
    proxy.cuts += 1
    proxy.cut_all()


@pytest.mark.parametrize("cut", [cut_answers, cut_requests, cut_lines])
async def test_a_line_cut_in_the_middle_of_commits(database_url: str, cut: Callable[[Proxy], None]) -> None:
    plan = chain(LENGTH)
    async with proxied(database_url) as (url, proxy), running(url) as st:
        await st.put(plan)
        runs = [asyncio.create_task(drive(st, plan, new_id())) for _ in range(RUNS)]
        for _ in range(10):
            await asyncio.sleep(0.02)
            cut(proxy)
        await asyncio.wait_for(asyncio.gather(*runs), WAIT_S)
        assert proxy.cuts
        await check(st, database_url, RUNS)


async def test_backends_terminated_at_random(database_url: str) -> None:
    plan = chain(LENGTH)
    async with running(database_url) as st:
        await st.put(plan)
        killer = await connect(database_url)
        runs = [asyncio.create_task(drive(st, plan, new_id())) for _ in range(RUNS)]
        choice = random.Random(7)
        for _ in range(15):
            await asyncio.sleep(choice.uniform(0.001, 0.03))
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await killer.close()
        await asyncio.wait_for(asyncio.gather(*runs), WAIT_S)
        await check(st, database_url, RUNS)


async def test_while_the_database_is_away_submits_are_refused_and_later_all_goes_on(database_url: str) -> None:
    plan = chain(LENGTH)
    async with proxied(database_url) as (url, proxy), running(url) as st:
        await st.put(plan)
        run_id = new_id()
        await st.submit(plan, run_id)
        proxy.down = True
        proxy.cut_all()
        reported = asyncio.create_task(until_reported(st, run_id, 0))
        while not st.tracker.committers[0].away:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError, match="database is unavailable") as refused:
            await st.submit(plan)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not reported.done()
        proxy.down = False
        await asyncio.wait_for(reported, WAIT_S)
        await drive(st, plan, new_id())


TRACKER = """
import asyncio, sys
from tests.state_tracker.running import running
async def main():
    async with running(sys.argv[1]) as st:
        print(st.server.address, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_killed_and_started_again_it_knows_what_the_log_says(database_url: str) -> None:
    plan = chain(LENGTH)
    run_ids = [new_id() for _ in range(RUNS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TRACKER, database_url, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    channel = channels.open_channel((await process.stdout.readline()).decode().strip())
    st = Client(channel)
    await st.put(plan)
    submits = [asyncio.create_task(st.submit(plan, run_id)) for run_id in run_ids]
    await submits[0]
    await st.report(succeeded(run_ids[0], 0))
    process.send_signal(signal.SIGKILL)
    await process.wait()
    outcomes = await asyncio.gather(*submits, return_exceptions=True)
    answered = [one for one in outcomes if isinstance(one, api.RunSummary)]
    await channel.close()
    async with running(database_url) as again:
        found = await logs_of(database_url)
        for shard, owned in again.tracker.owned.items():
            assert described(owned.core) == described(folded(shard, found[shard], again.tracker.plans.graphs))
        # Whoever was answered is in the log; whoever was not asks again, and nothing happens twice.
        recorded = {event.run_id for events in found.values() for event in events if event.HasField("run_submitted")}
        assert {run.run_id for run in answered} <= recorded
        for run_id in run_ids:
            await drive(again, plan, run_id)
        await check(again, database_url, RUNS)


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
CREATE TRIGGER refusing BEFORE INSERT ON plans FOR EACH ROW EXECUTE FUNCTION refuse()"""


async def test_a_plan_that_could_not_be_stored_does_not_count_as_stored(database_url: str) -> None:
    plan = chain(LENGTH)
    async with running(database_url) as st:
        connection = await connect(database_url)
        await connection.execute(REFUSE)
        with pytest.raises(grpc.aio.AioRpcError, match="the disk is full"):
            await st.put(plan)
        await connection.execute("DROP TRIGGER refusing ON plans")
        run_id = new_id()
        await st.put(plan)
        await st.submit(plan, run_id)
        await connection.close()
    async with running(database_url, owner="two") as st:
        assert (await st.get(run_id)).state == ev.RUN_STATE_RUNNING

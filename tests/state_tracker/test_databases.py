"""Several databases: one that is away takes out its own shards, and nothing else."""

import asyncio

import grpc.aio
import pytest
from penstock_plan import plan_hash
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import TROUBLE, Database
from penstock_state_tracker import app
from penstock_state_tracker.errors import WrongDatabase

from tests.state_tracker.proxy import Proxy, proxied
from tests.state_tracker.running import SHARDS, Running, new_id, request, running, status, succeeded, wide
from tests.waiting import WAIT_S


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "REJOIN_EVERY_S", 0.1)


async def submitted(st: Running, plan: bytes, shard: int) -> bytes:
    """Submit a run of a shard, again while the shard changes hands; return its id."""
    asked = request(plan, new_id(shard))
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return (await st.stub.Submit(asked)).run.run_id
            except grpc.aio.AioRpcError as error:
                if status(error) != "UNAVAILABLE":
                    raise
            await asyncio.sleep(0.1)


async def read_plan(st: Running, plan: bytes) -> bytes:
    answers = st.stub.GetPlan(api.GetPlanRequest(plan=plan_hash(plan)))
    return b"".join([answer.chunk async for answer in answers])


def cut(line: Proxy) -> None:
    line.down = True
    line.cut_all()


@pytest.mark.parametrize("away", [0, 1])
async def test_a_database_that_is_away_takes_out_its_own_shards_alone(
    away: int, database_url: str, empty_database_url: str
) -> None:
    old, new = wide(1, name="m:old"), wide(1, name="m:new")
    here, there = 1 - away, away  # shards 0 and 2 are in the first database, 1 and 3 in the second
    async with proxied(empty_database_url) as (url, line):
        urls = [url, database_url] if away == 0 else [database_url, url]
        async with running(urls) as st:
            await st.put(old)
            runs = {shard: await submitted(st, old, shard) for shard in range(SHARDS)}
        cut(line)
        async with running(urls) as st:
            assert st.tracker.is_ready
            heads = (await st.stub.Heads(api.HeadsRequest())).heads
            assert sorted(head.shard for head in heads) == [here, here + 2]
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await st.stub.Submit(request(old, new_id(there)))
            assert status(refused.value) == "UNAVAILABLE"
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await st.stub.Submit(request(new, new_id(here)))
            assert status(unknown.value) == "NOT_FOUND", "its client stores it then"
            await st.put(new)
            later = await submitted(st, new, here)
            assert await st.report(succeeded(later, 0), succeeded(runs[here], 0)) == [1, 1]
            assert await read_plan(st, old) == old and await read_plan(st, new) == new
            listed = await st.stub.ListRuns(api.ListRunsRequest())
            assert {run.run_id for run in listed.runs} == {later, runs[here], runs[here + 2]}
            assert listed.databases_away == 1
            assert list((await st.stub.FindRuns(api.FindRunsRequest(part=later.hex()[-8:]))).run_ids) == [later]
            with pytest.raises(grpc.aio.AioRpcError) as unsure:
                await st.stub.FindRuns(api.FindRunsRequest(part=runs[there].hex()[-8:]))
            assert status(unsure.value) == "UNAVAILABLE"
            positions = [api.ShardSeqs(shard=shard, seqs=[1]) for shard in range(SHARDS)]
            with pytest.raises(grpc.aio.AioRpcError) as whole:
                await st.stub.ReadValues(api.ReadValuesRequest(positions=positions))
            assert status(whole.value) == "UNAVAILABLE"
            values = await st.stub.ReadValues(api.ReadValuesRequest(positions=positions, partial=True))
            assert sorted(one.shard for one in values.values) == [here, here + 2]
            assert list(values.shards_away) == [there, there + 2]
            line.down = False
            last = await submitted(st, new, there)
            assert await st.report(succeeded(last, 0), succeeded(runs[there], 0)) == [1, 1]
            assert (await st.stub.ListRuns(api.ListRunsRequest())).databases_away == 0
        database = Database(empty_database_url)
        await database.open()
        stored = [row["hash"] for row in await database.fetch("SELECT hash FROM plans")]
        await database.close()
        assert set(stored) == {plan_hash(old), plan_hash(new)}, "a run needs no other database than its own"


async def test_a_database_of_another_deployment_is_not_taken_for_the_one_that_was_away(
    database_url: str, empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxied(empty_database_url) as (url, line):
        async with running([database_url, url]):
            pass
        database = Database(empty_database_url)
        await database.open()
        await database.execute("UPDATE deployment SET id = gen_random_uuid()")
        await database.close()
        cut(line)
        async with running([database_url, url]) as st:
            line.down = False
            async with asyncio.timeout(WAIT_S):
                while "belongs to a different deployment" not in caplog.text:
                    await asyncio.sleep(0.05)
            assert len((await st.stub.Heads(api.HeadsRequest())).heads) == SHARDS // 2


async def test_a_new_deployment_needs_all_of_its_databases(database_url: str, empty_database_url: str) -> None:
    async with proxied(empty_database_url) as (url, line):
        cut(line)
        with pytest.raises(TROUBLE):
            async with running([database_url, url]):
                pass
        line.down = False
        async with running([database_url, url]) as st:
            assert len((await st.stub.Heads(api.HeadsRequest())).heads) == SHARDS
        with pytest.raises(WrongDatabase):
            async with running([url, database_url]):
                pass

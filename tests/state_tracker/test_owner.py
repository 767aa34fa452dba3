"""Shards change hands: by a lease that ends, by a stop, by force; memory follows the log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database, connect
from penstock_state_tracker.app import prepare
from penstock_state_tracker.errors import WrongDatabase
from penstock_state_tracker.log import checkpoints
from penstock_state_tracker.ownership import leases
from penstock_state_tracker.ownership.owner import Owner
from penstock_state_tracker.ownership.shares import share

from tests.state_tracker.folding import check_once, described, folded, logs_of
from tests.state_tracker.running import SHARDS, Running, chain, new_id, running, started, status, succeeded
from tests.waiting import WAIT_S


async def owning(st: Running, shards: int = SHARDS) -> None:
    async with asyncio.timeout(WAIT_S):
        while len(st.tracker.owned) < shards:
            await asyncio.sleep(0.02)


async def sharing(*trackers: Running) -> None:
    """Wait until all shards are owned, evenly."""
    async with asyncio.timeout(WAIT_S):
        while sorted(shard for st in trackers for shard in st.tracker.owned) != list(range(SHARDS)) or any(
            len(st.tracker.owned) > share(SHARDS, len(trackers)) for st in trackers
        ):
            await asyncio.sleep(0.02)


async def test_several_share_the_shards_and_runs_go_on_wherever_they_are(database_url: str) -> None:
    plan = chain(3)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(database_url, "first"))
        assert len(first.tracker.owned) == SHARDS
        await first.put(plan)
        runs = [await first.submit(plan, new_id(shard=shard)) for shard in range(SHARDS)]
        await first.report(*[succeeded(run.run_id, 0) for run in runs])
        async with running(database_url, "second") as second:
            await sharing(first, second)
            for run in runs:
                mine, other = (first, second) if run.shard in first.tracker.owned else (second, first)
                await known(other, run.shard, mine.server.address)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await other.submit(plan, new_id(shard=run.shard))
                assert status(refused.value) == "FAILED_PRECONDITION"
                assert ("penstock-owner", mine.server.address) in list(refused.value.trailing_metadata())
                assert (await other.get(run.run_id)).state == ev.RUN_STATE_RUNNING
                assert await other.report(succeeded(run.run_id, 1)) == []
                assert await mine.report(succeeded(run.run_id, 1)) == [2]
            await stack.aclose()
            await sharing(second)
            for run in runs:
                await second.report(succeeded(run.run_id, 0), succeeded(run.run_id, 2))
                assert (await second.get(run.run_id)).state == ev.RUN_STATE_SUCCEEDED
    assert check_once(await logs_of(database_url))["action_succeeded"] == 3 * SHARDS


async def known(st: Running, shard: int, address: str) -> None:
    """Wait until a State Tracker has heard who owns a shard."""
    async with asyncio.timeout(WAIT_S):
        while st.tracker.owners[0].addresses.get(shard) != address:
            await asyncio.sleep(0.02)


async def test_shards_move_while_runs_go_on(database_url: str) -> None:
    plan, counts = chain(3), 40
    async with AsyncExitStack() as stack:
        trackers = [await stack.enter_async_context(running(database_url, "first"))]
        await trackers[0].put(plan)
        run_ids = [(await trackers[0].submit(plan)).run_id for _ in range(counts)]

        async def move() -> None:
            for name in ("second", "third"):
                trackers.append(await stack.enter_async_context(running(database_url, name)))
                await sharing(*trackers)

        moving = asyncio.create_task(move())
        todo = {(run_id, node) for run_id in run_ids for node in range(3)}
        async with asyncio.timeout(WAIT_S):
            while todo:
                for run_id, node in sorted(todo)[:20]:
                    if node and (run_id, node - 1) in todo:
                        continue
                    for st in tuple(trackers):
                        if await st.report(succeeded(run_id, node)):
                            todo.discard((run_id, node))
                            break
        await moving
    found = check_once(await logs_of(database_url))
    assert (found["action_succeeded"], found["run_ended"]) == (3 * counts, counts)


def test_shares_add_up() -> None:
    for shards in (1, 4, 7, 256):
        for members in range(1, 9):
            fair = share(shards, members)
            assert fair * members >= shards > fair * members - members


async def test_an_owner_whose_shard_was_taken_by_force_notices_at_its_next_commit(database_url: str) -> None:
    plan = chain(3)
    async with running(database_url) as st:
        await st.put(plan)
        run_id = new_id(shard=1)
        await st.submit(plan, run_id)
        old = st.tracker.owned[1]
        await take_by_force(database_url, 1)
        watcher = asyncio.create_task(st.events(run_id, follow=True))
        await asyncio.sleep(0.05)
        assert await st.report(succeeded(run_id, 0)) == []
        assert old.is_lost
        with pytest.raises(grpc.aio.AioRpcError, match="taken over; retry") as away:
            await watcher
        assert status(away.value) == "UNAVAILABLE"
        await owning(st)
        assert st.tracker.owned[1].epoch == 3
        assert await st.report(succeeded(run_id, 0)) == [1]


async def take_by_force(url: str, shard: int, name: str = "one", lease_s: float = 0.1) -> leases.Taken:
    """Be another process that takes a shard as if its lease had ended."""
    async with database_of(url) as database:
        await database.execute("UPDATE leases SET expires_at = clock_timestamp() WHERE shard = $1", shard)
        (taken,) = await leases.take(database, [shard], leases.Holder(name), "thief:1", lease_s)
        return taken


@asynccontextmanager
async def database_of(url: str) -> AsyncGenerator[Database]:
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def test_a_replacement_under_the_same_name_waits_until_the_former_process_cannot_speak(database_url: str) -> None:
    plan = chain(2)
    async with running(database_url, "same") as former:
        await former.put(plan)
        run = await former.submit(plan)
        async with running(database_url, "same") as again:
            assert not again.tracker.owned, "the former process may still run"
            with pytest.raises(grpc.aio.AioRpcError):
                await again.submit(plan, new_id(shard=run.shard))
            # They share the shards like two of any names.
            await sharing(former, again)
            owner, other = (former, again) if run.shard in former.tracker.owned else (again, former)
            assert await other.report(succeeded(run.run_id, 0)) == []
            assert await owner.report(succeeded(run.run_id, 0)) == [1]


async def test_a_process_that_wakes_up_after_its_replacement_settles_nothing(database_url: str) -> None:
    plan = chain(2)
    async with running(database_url, "same") as former:
        await former.put(plan)
        await hold_still(former.tracker.owners[0])
        for owned in former.tracker.owned.values():
            owned.valid_until = 0.0
        async with database_of(database_url) as database:
            await database.execute("UPDATE leases SET expires_at = clock_timestamp()")
        async with running(database_url, "same") as replacement:
            await owning(replacement)
            run = await replacement.submit(plan)
            # What its renewals do once it runs again: the leases are those of the replacement.
            await former.tracker.owners[0].renew()
            assert former.tracker.owned == {}
            assert await former.report(succeeded(run.run_id, 0)) == [], "the replacement has not recorded it"
            assert await replacement.report(succeeded(run.run_id, 0)) == [1]


async def test_a_lease_is_renewed_for_its_epoch_alone(database_url: str) -> None:
    holder = leases.Holder("same")
    async with running(database_url), database_of(database_url) as database:
        await database.execute("UPDATE leases SET expires_at = clock_timestamp() WHERE shard = 1")
        (first,) = await leases.take(database, [1], holder, "here:1")
        (second,) = await leases.take(database, [1], holder, "here:1")
        assert second.epoch == first.epoch + 1
        assert not await leases.renew(database, {1: first.epoch}, holder, "here:1")
        assert set(await leases.renew(database, {1: second.epoch}, holder, "here:1")) == {1}
        assert not await leases.renew(database, {1: second.epoch}, leases.Holder("same"), "here:1")


async def test_an_orderly_stop_leaves_no_lease_behind(database_url: str) -> None:
    async with running(database_url):
        pass
    async with database_of(database_url) as database:
        assert await database.fetchval("SELECT count(*) FROM leases") == 0
        assert await database.fetchval("SELECT count(*) FROM members") == 0


async def test_who_proves_to_be_alone_takes_the_leases_of_the_dead(database_url: str) -> None:
    async with database_of(database_url) as database, running(database_url) as killed:
        await hold_still(killed.tracker.owners[0])
        await database.execute("UPDATE leases SET expires_at = now() + interval '1 hour'")
        await prepare([database_url], SHARDS, alone=True)
        async with running(database_url) as again:
            assert len(again.tracker.owned) == SHARDS


async def test_a_checkpoint_and_the_tail_give_what_the_whole_log_gives(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_EVENTS_MIN", 10)
    plan = chain(4)
    connection = await connect(database_url)
    run_ids = [new_id(shard=shard) for shard in (0, 0, 1)]
    async with running(database_url) as st:
        await st.put(plan)
        for run_id in run_ids:
            await st.submit(plan, run_id)
        for round_ in range(10):
            passing = await st.submit(plan, new_id(shard=0))
            await st.report(*[succeeded(passing.run_id, node) for node in range(4)], started(run_ids[0], 0))
            if round_ == 5:
                await st.report(succeeded(run_ids[0], 0))
                async with asyncio.timeout(WAIT_S):
                    while not await connection.fetchval("SELECT count(*) FROM checkpoints"):
                        await asyncio.sleep(0.05)
                await st.report(succeeded(run_ids[1], 0))
        before = {shard: described(owned.core) for shard, owned in st.tracker.owned.items()}
        # As after a crash: nothing is written at the end.
        monkeypatch.setattr(checkpoints, "write", never)
    rows = await connection.fetch("SELECT DISTINCT shard, seq FROM checkpoints")
    assert [row["shard"] for row in rows] == [0] and rows[0]["seq"] < 60
    monkeypatch.undo()
    async with running(database_url) as st:
        found = await logs_of(database_url)
        for shard, owned in st.tracker.owned.items():
            assert (
                described(owned.core)
                == before[shard]
                == described(folded(shard, found[shard], st.tracker.plans.graphs))
            )
            assert all(run.submitted_at_us for run in owned.core.runs.values())
        assert st.tracker.owned[0].checkpoint_seq == rows[0]["seq"]
    # A stop in order leaves nothing to replay.
    assert {row["shard"]: row["seq"] for row in await connection.fetch("SELECT shard, seq FROM checkpoints")} == {
        shard: len(events) for shard, events in found.items() if events
    }
    await connection.close()


async def never(*_: object) -> None:
    pass


async def test_a_damaged_log_is_not_served_and_harms_no_other(database_url: str) -> None:
    plan = chain(2)
    async with running(database_url) as st:
        await st.put(plan)
        damaged, sound = await st.submit(plan, new_id(shard=1)), await st.submit(plan, new_id(shard=2))
        await st.report(succeeded(damaged.run_id, 0))
    connection = await connect(database_url)
    await connection.execute("DELETE FROM events WHERE shard = 1 AND seq = 1")
    await connection.execute("DELETE FROM checkpoints")
    await connection.close()
    async with running(database_url) as st:
        assert sorted(st.tracker.owned) == [0, 2, 3]
        assert await st.report(succeeded(sound.run_id, 0)) == [1]
        with pytest.raises(grpc.aio.AioRpcError, match="shard 1 is being taken over"):
            await st.stub.Cancel(api.CancelRequest(run_id=damaged.run_id))


async def test_two_databases_share_the_shards(database_url: str, empty_database_url: str) -> None:
    plan = chain(1)
    urls = [database_url, empty_database_url]
    async with running(urls) as st:
        await st.put(plan)
        run_ids = [new_id(shard=shard % SHARDS) for shard in range(12)]
        for run_id in run_ids:
            await st.submit(plan, run_id)
        await st.report(*[succeeded(run_id, 0) for run_id in run_ids])
        first = await st.stub.ListRuns(api.ListRunsRequest(page_size=7))
        rest = await st.stub.ListRuns(api.ListRunsRequest(page_size=7, page_token=first.next_page_token))
        listed = [run.run_id for run in [*first.runs, *rest.runs]]
        assert sorted(listed) == sorted(run_ids) and rest.next_page_token == ""
    connection = await connect(empty_database_url)
    assert [row["shard"] for row in await connection.fetch("SELECT DISTINCT shard FROM events ORDER BY 1")] == [1, 3]
    await connection.close()
    with pytest.raises(WrongDatabase, match="name the same databases in the same order"):
        async with running(urls[::-1]):
            pass


async def test_a_former_owner_that_stood_still_says_nothing_from_memory(database_url: str) -> None:
    plan = chain(3)
    async with running(database_url, "first") as st:
        await st.put(plan)
        owner = st.tracker.owners[0]
        old = st.tracker.owned[1]
        # As after a SIGSTOP: the lease was not renewed in time, and somebody else took the shard.
        await hold_still(owner)
        await take_by_force(database_url, 1, "second", 30.0)
        old.valid_until = 0.0
        unknown = new_id(shard=1)
        assert await st.report(succeeded(unknown, 0)) == [], "the new owner may know this run"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await st.submit(plan, unknown)
        assert status(refused.value) == "UNAVAILABLE"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await st.get(unknown)
        assert status(refused.value) == "NOT_FOUND", "as the database says"


async def hold_still(owner: Owner) -> None:
    """End what an owner does by itself."""
    tasks, owner._tasks = owner._tasks, []  # pyright: ignore[reportPrivateUsage]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_owner_that_stops_speaks_for_no_shard_once_others_may_take_it(database_url: str) -> None:
    async with running(database_url, "one") as st:
        owned = list(st.tracker.owned.values())
        assert owned and all(one.is_valid for one in owned)
        await st.tracker.owners[0].stop()
        assert not any(one.is_valid for one in owned)

"""The append statement: fenced by the head row, gapless, and one for all shards."""

import asyncio
import importlib
import itertools
import pkgutil
import re

import penstock_state_tracker
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import MESSAGE_BYTES_MAX
from penstock_service.database import Database, connect
from penstock_service.errors import DatabaseAway
from penstock_state_tracker import deployment
from penstock_state_tracker.errors import WrongDatabase
from penstock_state_tracker.log import event_log
from penstock_state_tracker.log.committer import messages
from penstock_state_tracker.ownership import leases

from tests.state_tracker.running import SHARDS, new_id

ALL = list(range(SHARDS))
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")


@pytest.fixture
async def shards(pool: Database) -> Database:
    await deployment.create_or_get([pool], SHARDS)
    return pool


def started(count: int = 1, run_id: bytes | None = None) -> list[ev.Event]:
    action = ev.ActionStarted(node=1, attempt=1)
    return [ev.Event(run_id=run_id or new_id(), action_started=action) for _ in range(count)]


def part(taken: leases.Taken, events: list[ev.Event], after_seq: int | None = None) -> event_log.Part:
    return event_log.part_of(taken.shard, taken.epoch, taken.seq if after_seq is None else after_seq, events, {})


ONE, TWO = leases.Holder("one"), leases.Holder("two")


async def take(pool: Database, holder: leases.Holder = ONE, lease_s: float = 3.0) -> dict[int, leases.Taken]:
    return {one.shard: one for one in await leases.take(pool, ALL, holder, "here:1", lease_s)}


async def test_a_new_owner_fences_the_old_and_only_in_its_shards(shards: Database) -> None:
    old = await take(shards)
    new = {one.shard: one for one in await leases.take(shards, [2], ONE, "here:1")}
    async with shards.acquire() as connection:
        held = await event_log.append(connection, [part(old[shard], started(2)) for shard in ALL])
        assert held.keys() == {0, 1, 3}
        assert (await event_log.append(connection, [part(new[2], started())])).keys() == {2}
    found = await event_log.heads(shards, ALL)
    assert {shard: (head.epoch, head.seq) for shard, head in found.items()} == {
        0: (1, 2),
        1: (1, 2),
        2: (2, 1),
        3: (1, 2),
    }
    assert [row[0] for row in await event_log.read(shards, 2, 1, 9)] == [1]


async def test_a_batch_appends_once_however_often_it_is_tried(shards: Database) -> None:
    taken = (await take(shards))[0]
    batch = part(taken, started(3))
    async with shards.acquire() as connection:
        assert await event_log.append(connection, [batch]) != {}
        assert await event_log.append(connection, [batch]) == {}
        assert await event_log.append(connection, [part(taken, started(), after_seq=2)]) == {}
        assert await event_log.append(connection, [part(taken, started(), after_seq=4)]) == {}
    assert [row[0] for row in await event_log.read(shards, 0, 1, 9)] == [1, 2, 3]


def test_a_batch_is_cut_between_decisions_only() -> None:
    skipped = [ev.Event(nodes_skipped=ev.NodesSkipped(nodes=[node])) for node in range(3)]
    ended, stopped = ev.Event(run_ended=ev.RunEnded()), ev.Event(cancel_requested=ev.CancelRequested(fail_fast=True))
    asked = ev.Event(cancel_requested=ev.CancelRequested())
    failed, begun = ev.Event(action_failed=ev.ActionFailed()), started()[0]
    events = [begun, failed, stopped, *skipped, ended, begun, asked, *skipped, ended]
    assert [event_log.whole(events, count) for count in range(14)] == [1, 1, 7, 7, 7, 7, 7, 7, 8, 13, 13, 13, 13, 13]
    assert [event_log.whole([], count) for count in range(2)] == [0, 0]


async def test_recorded_time_never_goes_back(shards: Database) -> None:
    taken = (await take(shards))[0]
    await shards.execute("UPDATE heads SET recorded_at = now() + interval '1 hour' WHERE shard = 0")
    ahead = (await event_log.heads(shards, [0]))[0].recorded_at_us
    async with shards.acquire() as connection:
        assert await event_log.append(connection, [part(taken, started())]) == {0: ahead}


async def test_a_lease_is_anothers_until_it_ends(shards: Database) -> None:
    epochs = {shard: one.epoch for shard, one in (await take(shards, ONE, lease_s=0.1)).items()}
    assert epochs == dict.fromkeys(ALL, 1)
    assert await take(shards, TWO) == {}
    assert await take(shards, leases.Holder("one")) == {}, "another process of that name"
    assert await leases.others(shards, TWO) == dict.fromkeys(ALL, leases.Lease(ONE.member, "here:1"))
    assert await leases.others(shards, ONE) == {}
    assert set(await leases.renew(shards, {1: 1, 2: 1}, ONE, "there:2")) == {1, 2}
    assert (await leases.others(shards, TWO))[1] == leases.Lease(ONE.member, "there:2")
    await leases.release(shards, {1: 0}, ONE)  # late: of an epoch that has ended
    assert 1 in await leases.others(shards, TWO)
    await leases.release(shards, {3: 1}, ONE)
    assert (await take(shards, TWO)).keys() >= {3}
    assert 3 not in await leases.renew(shards, epochs, ONE, "here:1")


async def test_rows_go_into_the_partition_of_their_day(shards: Database) -> None:
    taken = (await take(shards))[0]
    await event_log.make_partitions(shards, 2)
    await event_log.make_partitions(shards, 2)
    async with shards.acquire() as connection:
        await event_log.append(connection, [part(taken, started())])
    assert await shards.fetchval("SELECT count(*) FROM events_default") == 0
    assert await shards.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass") == 4


async def test_several_make_the_same_partitions_at_once(shards: Database) -> None:
    for days in range(20, 60, 10):
        await asyncio.gather(*(event_log.make_partitions(shards, days) for _ in range(4)))


async def test_a_deployment_is_what_it_was_created_as(shards: Database) -> None:
    again = await deployment.create_or_get([shards], None)
    assert again.shards == SHARDS and again.places == (tuple(ALL),)
    with pytest.raises(WrongDatabase, match="created with 4 shards, but 8 are configured"):
        await deployment.create_or_get([shards], 8)
    with pytest.raises(WrongDatabase, match="1 of 2 was created as number 1 of 1"):
        await deployment.create_or_get([shards, shards], None)
    with pytest.raises(WrongDatabase, match="1 to 65536 shards"):
        await deployment.create_or_get([shards], 0)


def statements() -> list[tuple[str, str]]:
    """Every SQL statement of the package, by the name of its constant."""
    found: list[tuple[str, str]] = []
    for module in pkgutil.walk_packages(penstock_state_tracker.__path__, f"{penstock_state_tracker.__name__}."):
        if module.name.endswith("__main__"):
            continue
        names = vars(importlib.import_module(module.name))
        for name, text in names.items():
            texts = list(text.values()) if name == "LISTS" else [text]
            for one in texts:
                if (
                    name.isupper()
                    and isinstance(one, str)
                    and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", one)
                ):
                    found.append((f"{module.name}.{name}", one))
    return found


async def test_the_schema_admits_every_statement(database_url: str) -> None:
    connection = await connect(database_url)
    try:
        await connection.execute("CREATE TABLE schema_migrations_used AS SELECT * FROM schema_migrations")
        found = statements()
        assert len(found) > 20
        for number, (name, statement) in enumerate(found):
            try:
                await connection.execute(f"PREPARE statement_{number} AS {statement}")
            except Exception as error:
                raise AssertionError(f"{name}: {error}") from error
    finally:
        await connection.close()


def test_a_large_part_is_cut_into_messages_that_follow_each_other() -> None:
    run_id = new_id()
    failure = ev.Failure(traceback="x" * 30_000)
    events = [ev.Event(run_id=run_id, action_failed=ev.ActionFailed(node=node, failure=failure)) for node in range(40)]
    cut = messages(event_log.part_of(3, 5, 100, events, {}), 77)
    assert len(cut) > 1 and all(len(batch.SerializeToString()) < MESSAGE_BYTES_MAX + 1000 for batch in cut)
    assert cut[0].from_seq == 101
    assert [event.action_failed.node for batch in cut for event in batch.events] == list(range(40))
    for before, after in itertools.pairwise(cut):
        assert before.from_seq + len(before.events) == after.from_seq
        assert (after.shard, after.epoch, after.recorded_at_us) == (3, 5, 77)


async def test_a_reader_of_the_log_holds_up_neither_commits_nor_for_good_the_next_partitions(shards: Database) -> None:
    """As pg_dump does, which reads all tables in one transaction."""
    taken = (await take(shards))[0]
    await event_log.make_partitions(shards, 0)
    reader = await connect(shards.url)
    await reader.execute("BEGIN; SELECT count(*) FROM events")
    making = asyncio.create_task(event_log.make_partitions(shards, 3))
    committed = 0
    while not making.done():
        async with shards.acquire() as connection:
            assert await event_log.append(connection, [part(taken, started(), after_seq=committed)]) != {}
        committed += 1
    with pytest.raises(DatabaseAway):
        await making
    assert committed > 1
    await reader.execute("ROLLBACK")
    await reader.close()
    await event_log.make_partitions(shards, 3)
    assert await shards.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass") == 5


async def test_rows_in_the_default_partition_do_not_keep_their_day_from_being_made(shards: Database) -> None:
    taken = (await take(shards))[0]
    await shards.execute("UPDATE heads SET recorded_at = now() + interval '2 days' WHERE shard = 0")
    async with shards.acquire() as connection:
        await event_log.append(connection, [part(taken, started(3))])
    assert await shards.fetchval("SELECT count(*) FROM events_default") == 3
    await event_log.make_partitions(shards, 4)
    assert await shards.fetchval("SELECT count(*) FROM events_default") == 0
    assert [row[0] for row in await event_log.read(shards, 0, 1, 9)] == [1, 2, 3]
    assert await shards.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass") == 6

"""Leases of pools, on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
from penstock_action_service.shell.leases import Leases
from penstock_service.database import TROUBLE
from penstock_service.migrations import packaged

KILL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()"""


@pytest.fixture
async def leases(empty_database_url: str) -> AsyncIterator[tuple[Leases, Leases]]:
    """Two owners' views of one table."""
    both = (Leases(empty_database_url, "one", lease_s=30), Leases(empty_database_url, "two", lease_s=30))
    await asyncio.gather(*(of_one.prepare() for of_one in both))
    yield both
    for of_one in both:
        await of_one.close()


async def test_a_pool_has_one_owner(leases: tuple[Leases, Leases]) -> None:
    one, two = leases
    assert await one.take(["a", "b"], "h:1") == {"a": 1, "b": 1}
    assert await two.take(["a", "b", "c"], "h:2") == {"c": 1}
    assert await two.owners(["a", "c", "d"]) == {"a": "h:1", "c": "h:2"}
    assert await one.renew({"a": 1, "c": 1}, "h:3") == {"a"}
    assert await two.owners(["a"]) == {"a": "h:3"}


async def test_each_take_raises_the_epoch(leases: tuple[Leases, Leases]) -> None:
    one, two = leases
    await one.take(["a"], "h:1")
    assert await one.take(["a"], "h:1") == {"a": 2}
    assert await one.renew({"a": 1}, "h:1") == set()
    await one.release({"a": 1})
    assert await two.take(["a"], "h:2") == {}
    await one.release({"a": 2})
    assert await two.take(["a"], "h:2") == {"a": 3}


async def test_an_expired_lease_is_taken(empty_database_url: str) -> None:
    one, two = Leases(empty_database_url, "one", lease_s=0.05), Leases(empty_database_url, "two")
    await one.prepare()
    await one.take(["a"], "h:1")
    await asyncio.sleep(0.1)
    assert await two.take(["a"], "h:2") == {"a": 2}
    assert await one.renew({"a": 1}, "h:1") == set()
    await one.close()
    await two.close()


async def test_a_broken_connection_is_opened_anew(leases: tuple[Leases, Leases], empty_database_url: str) -> None:
    one, _ = leases
    await one.take(["a"], "h:1")
    killer = await asyncpg.connect(empty_database_url)
    await killer.execute(KILL_OTHERS)
    await killer.close()
    with suppress(*TROUBLE):
        await one.renew({"a": 1}, "h:1")
    await one.close()
    assert await one.renew({"a": 1}, "h:1") == {"a"}


async def test_the_next_owner_learns_which_workers_were_connected(leases: tuple[Leases, Leases]) -> None:
    one, two = leases
    await one.take(["a"], "h:1")
    await one.note_workers("a", 1, ["w1", "w2"])
    await one.release({"a": 1})
    assert await two.take(["a"], "h:2") == {"a": 2}
    assert await two.workers(["a", "b"]) == {"a": ["w1", "w2"]}
    await one.note_workers("a", 1, [])
    assert await two.workers(["a"]) == {"a": ["w1", "w2"]}


async def test_a_replacement_under_the_same_name_waits_for_the_former_lease(leases: tuple[Leases, Leases]) -> None:
    one, _ = leases
    assert await one.take(["a"], "h:1") == {"a": 1}
    again = Leases(one.url, "one", lease_s=30)
    assert await again.take(["a"], "h:1") == {}
    assert await again.renew({"a": 1}, "h:1") == set(), "only the process that took it"
    await again.release({"a": 1})
    assert await one.renew({"a": 1}, "h:1") == {"a"}
    await again.prepare(alone=True)  # nobody else can run: what is left is a dead process's
    assert await again.take(["a"], "h:1") == {"a": 2}
    assert await one.renew({"a": 1}, "h:1") == set()
    await again.close()


async def test_the_table_of_an_earlier_version_is_brought_up_to_date(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(packaged("penstock_action_service")[0].up)
    await connection.execute(
        "INSERT INTO penstock_action_service.pools VALUES ('a', 7, 'one', 'h:1', now() - interval '1 s')"
    )
    await connection.close()
    one = Leases(empty_database_url, "one")
    await one.prepare()
    assert await one.take(["a"], "h:1") == {"a": 8}
    await one.close()

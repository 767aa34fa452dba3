"""The registry when its database, its line or its process fails, at the worst moments; and its schema."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
from contextlib import suppress
from types import ModuleType

import pytest
from penstock_proto.registry.v1 import service_pb2 as api
from penstock_registry import store
from penstock_registry.app import SCHEMA, Registry
from penstock_registry.store import tables
from penstock_service.database import TROUBLE, Connection, connect
from penstock_service.errors import DatabaseAway
from penstock_service.migrations import migrate, packaged

from tests.registry.running import plan, refusal, serving, with_record
from tests.state_tracker.proxy import proxied
from tests.state_tracker.running import running
from tests.waiting import WAIT_S

# A deploy with a type and an alias makes fewer statements than this.
STATEMENTS_MAX = 40
# Besides the observer's own.
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
# In the order in which their rows can be made.
TABLES = ("entries", "versions", "aliases", "links", "forms")


@pytest.mark.parametrize("cut", ["requests", "answers", "commits"])
async def test_a_deploy_that_is_cut_at_any_statement_can_be_repeated(database_url: str, cut: str) -> None:
    async with (
        running(database_url) as tracker,
        proxied(database_url) as (url, proxy),
        serving(url, tracker.server.address, tracker) as registry,
    ):
        version = 0
        for place in range(STATEMENTS_MAX if cut != "commits" else 3):
            data = with_record(place, **{f"field{place}": "int?"})
            await tracker.put(data)
            cuts = proxy.cuts
            proxy.passed = place
            setattr(proxy, f"cut_{cut}", 1)
            version += 1
            async with asyncio.timeout(WAIT_S):
                while True:
                    try:
                        made = await registry.publish(data, alias="production", allow_incompatible=True)
                        break
                    except Exception as error:
                        assert "UNAVAILABLE" in str(error), error
            assert (made.version.version, made.version.workflow.types[0].version) == (version, version)
            if proxy.cuts == cuts and cut != "commits":
                break  # beyond the last statement
        else:
            assert cut == "commits", "it has more statements than were tried"
        proxy.passed = proxy.cut_requests = proxy.cut_answers = proxy.cut_commits = 0
        # No event was lost or recorded twice, whatever was repeated.
        kinds = await registry.kinds()
        assert kinds == ["workflow_published", "type_registered", "alias_moved"] * version
        assert (await registry.get(alias="production")).version.version == version


async def test_while_the_database_is_away_it_says_so_and_goes_on_afterwards(database_url: str) -> None:
    async with (
        running(database_url) as tracker,
        proxied(database_url) as (url, proxy),
        serving(url, tracker.server.address, tracker) as registry,
    ):
        await registry.publish(plan(1))
        call = registry.stub.Read(api.ReadRequest(follow=True))
        assert (await call.read()).batch.from_seq == 1
        proxy.down = True
        proxy.cut_all()
        code, text = await refusal(registry.get())
        assert (code, text.startswith("the database is unavailable")) == ("UNAVAILABLE", True)
        async with asyncio.timeout(WAIT_S):
            while registry.registry.is_ready:
                await asyncio.sleep(0.05)
            proxy.down = False
            while not registry.registry.is_ready:
                await asyncio.sleep(0.05)
            await registry.publish(plan(2))
            # Who followed is still connected, and missed nothing.
            assert (await call.read()).batch.from_seq == 2
        call.cancel()


async def test_a_writer_that_stands_still_does_not_stop_the_others(database_url: str) -> None:
    async with running(database_url) as tracker, serving(database_url, tracker.server.address, tracker) as registry:
        await registry.publish(plan(1))
        still = await connect(database_url)
        async with asyncio.timeout(WAIT_S):
            transaction = still.transaction()
            await transaction.__aenter__()
            await still.fetchval(importlib.import_module("penstock_registry.store.log").LOCK)
            assert (await registry.publish(plan(2))).version.version == 2
        still.terminate()


async def test_a_restarted_registry_knows_what_it_knew(database_url: str) -> None:
    async with running(database_url) as tracker:
        async with serving(database_url, tracker.server.address, tracker) as registry:
            await registry.publish(plan(1), alias="production")
            before = await registry.get(alias="production")
        async with serving(database_url, tracker.server.address, tracker) as registry:
            assert await registry.get(alias="production") == before
            assert await registry.kinds() == ["workflow_published", "alias_moved"]
            assert (await registry.publish(plan(2))).version.version == 2


async def test_the_tables_are_what_the_log_says(database_url: str) -> None:
    """Everything but the log can be lost: made again from it, the tables are the same."""
    async with running(database_url) as tracker, serving(database_url, tracker.server.address, tracker) as registry:
        for number in range(3):
            await registry.publish(with_record(number, **{f"field{number}": "int?"}), allow_incompatible=True)
        await registry.publish(plan(9, n="int"), "other", team="ads", alias="production")
        await registry.move("production", 3)
        await registry.move("staging", 1)
        await registry.move("staging", 0)
        batches = await registry.log()
    connection = await connect(database_url)
    before = await tables_of(connection)
    assert all(before.values())
    async with connection.transaction():
        for table in reversed(TABLES):
            await connection.execute(f"DELETE FROM penstock_registry.{table}")
        for batch in batches:
            await tables.apply(connection, batch.from_seq, batch.events)
    assert await tables_of(connection) == before
    await connection.close()


async def test_registries_that_start_together_migrate_once(empty_database_url: str) -> None:
    migrations = packaged("penstock_registry")
    both = await asyncio.gather(*(migrate(empty_database_url, migrations, SCHEMA) for _ in range(3)))
    assert sorted(both) == [[], [], [one.version for one in migrations]]


async def test_the_schema_admits_every_statement(database_url: str) -> None:
    await migrate(database_url, packaged("penstock_registry"), SCHEMA)
    connection = await connect(database_url)
    found = [(name, text) for module in modules() for name, text in statements(module)]
    assert len(found) >= 20
    for number, (name, statement) in enumerate(found):
        try:
            await connection.execute(f"PREPARE statement_{number} AS {statement.format('')}")
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error
    await connection.close()


async def test_the_schema_can_be_taken_away_again(empty_database_url: str) -> None:
    await migrate(empty_database_url, packaged("penstock_registry"), SCHEMA)
    connection = await connect(empty_database_url)
    for file in reversed(list_migrations()):
        await connection.execute(file.partition("-- migrate:down")[2])
    assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = $1", SCHEMA) == 0
    await connection.close()


async def tables_of(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """The rows of each table that is made from the log, in no order."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for table in TABLES:
        rows = await connection.fetch(f"SELECT * FROM penstock_registry.{table}")
        found[table] = sorted((tuple(row.values()) for row in rows), key=repr)
    return found


def modules() -> list[ModuleType]:
    return [importlib.import_module(f"{store.__name__}.{one.name}") for one in pkgutil.iter_modules(store.__path__)]


def statements(module: ModuleType) -> list[tuple[str, str]]:
    """The SQL constants of a module."""
    return [
        (f"{module.__name__}.{name}", text)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", text)
    ]


def list_migrations() -> list[str]:
    from importlib.resources import files

    folder = files("penstock_registry") / "migrations"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)
    return [one.read_text("utf-8") for one in found]


async def test_a_start_that_is_cut_keeps_no_connections(database_url: str) -> None:
    await migrate(database_url, packaged("penstock_registry"), schema=SCHEMA)
    observer = await connect(database_url)
    async with proxied(database_url) as (url, proxy):
        for place in range(STATEMENTS_MAX):
            registry = Registry(url, ["127.0.0.1:1"])
            cuts, proxy.passed, proxy.cut_answers = proxy.cuts, place, 1
            async with asyncio.timeout(WAIT_S):
                while not registry.is_ready:
                    with suppress(DatabaseAway, *TROUBLE):
                        await registry.start()
                await registry.stop()
                while await observer.fetchval(CONNECTIONS):
                    await asyncio.sleep(0.05)
            if proxy.cuts == cuts:
                break  # beyond the last statement
        assert proxy.cuts
    await observer.close()

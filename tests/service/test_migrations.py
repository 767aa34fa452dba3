"""The schema comes up to the code's from any state that a crash, a rival or a person can leave."""

import asyncio

import pytest
from penstock_service.database import connect
from penstock_service.errors import MigrationFailed
from penstock_service.migrations import Migration, migrate, packaged, parse

ONE = parse("0001_one.sql", "-- migrate:up\nCREATE TABLE one (n int);\n-- migrate:down\nDROP TABLE one;\n")
BROKEN = parse("0002_two.sql", "-- migrate:up\nCREATE TABLE two (n int);\nSELECT nonsense;\n")
TWO = parse("0002_two.sql", "-- migrate:up\nCREATE TABLE two (n int);\n")
CONCURRENT = parse(
    "0003_three.sql",
    "-- migrate:up transaction:false\n"
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS one_n ON one (n);\n"
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS two_n ON two (n);\n",
)


TRACKER = "penstock_state_tracker"


async def _tables(url: str) -> set[str]:
    connection = await connect(url)
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    await connection.close()
    return {row["relname"] for row in rows}


async def test_applies_what_is_missing_once(empty_database_url: str) -> None:
    assert await migrate(empty_database_url, [ONE]) == ["0001"]
    assert await migrate(empty_database_url, [ONE, TWO, CONCURRENT]) == ["0002", "0003"]
    assert await migrate(empty_database_url, [ONE, TWO, CONCURRENT]) == []
    assert {"one", "two", "one_n", "two_n"} <= await _tables(empty_database_url)


async def test_services_that_share_a_database_do_not_see_each_others_migrations(empty_database_url: str) -> None:
    await migrate(empty_database_url, [ONE, TWO])
    other = packaged("penstock_action_service")
    assert await migrate(empty_database_url, other, "penstock_action_service") == [one.version for one in other]
    assert await migrate(empty_database_url, other, "penstock_action_service") == []
    assert await migrate(empty_database_url, [ONE, TWO]) == []


async def test_two_at_once_apply_it_once(empty_database_url: str) -> None:
    both = await asyncio.gather(*(migrate(empty_database_url, packaged(TRACKER)) for _ in range(2)))
    assert sorted(both) == [[], [migration.version for migration in packaged(TRACKER)]]


async def test_a_failure_half_way_leaves_nothing_behind(empty_database_url: str) -> None:
    with pytest.raises(MigrationFailed, match="0002_two"):
        await migrate(empty_database_url, [ONE, BROKEN])
    assert "two" not in await _tables(empty_database_url)
    assert await migrate(empty_database_url, [ONE, TWO]) == ["0002"]


async def test_a_crash_between_statements_without_a_transaction_is_made_good(empty_database_url: str) -> None:
    await migrate(empty_database_url, [ONE, TWO])
    connection = await connect(empty_database_url)
    await connection.execute("CREATE INDEX one_n ON one (n)")
    await connection.close()
    assert await migrate(empty_database_url, [ONE, TWO, CONCURRENT]) == ["0003"]
    assert "two_n" in await _tables(empty_database_url)


async def test_an_edited_file_is_noticed(empty_database_url: str) -> None:
    await migrate(empty_database_url, [ONE])
    edited = Migration(ONE.version, ONE.name, ONE.up + " ", True)
    with pytest.raises(MigrationFailed, match="was changed after it was applied"):
        await migrate(empty_database_url, [edited])


async def test_a_database_of_a_later_version_is_refused(empty_database_url: str) -> None:
    await migrate(empty_database_url, [ONE, TWO])
    with pytest.raises(MigrationFailed, match=r"does not know \(0002\)"):
        await migrate(empty_database_url, [ONE])


async def test_what_dbmate_applied_is_accepted(empty_database_url: str) -> None:
    connection = await connect(empty_database_url)
    await connection.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
    await connection.execute("INSERT INTO schema_migrations VALUES ('0001')")
    await connection.close()
    assert await migrate(empty_database_url, [ONE, TWO]) == ["0002"]


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(MigrationFailed, match="does not begin with"):
        parse("0004_four.sql", "CREATE TABLE four (n int);")

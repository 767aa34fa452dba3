"""Brings a database's schema up to the code's: numbered SQL files of a service's package, in dbmate's format."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from .database import DEFINITE, Connection, connect
from .errors import MigrationFailed

log = logging.getLogger(__name__)

# Any number will do, as long as every service takes the same.
LOCK_KEY: Final = 0x70656E73746F636B
UP: Final = "-- migrate:up"
DOWN: Final = "-- migrate:down"

APPLIED_TABLE = """
CREATE TABLE IF NOT EXISTS {table} (version varchar PRIMARY KEY)"""
# dbmate makes the table without these.
APPLIED_COLUMNS = """
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS checksum text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS applied_at timestamptz NOT NULL DEFAULT now()"""
APPLIED = "SELECT version, checksum FROM {table} ORDER BY version"
RECORD = "INSERT INTO {table} (version, checksum) VALUES ($1, $2)"


@dataclass(frozen=True, slots=True)
class Migration:
    version: str
    name: str
    up: str
    # False: statements that Postgres refuses in a transaction. They run one by one, again after a crash, so each
    # must do no harm when repeated, and end with a semicolon at the end of a line.
    in_transaction: bool

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()


def parse(name: str, text: str) -> Migration:
    """Read one file, NUMBER_NAME.sql; raise MigrationFailed if it is not in the format."""
    before, mark, after = text.partition(UP)
    if not mark or before.strip():
        raise MigrationFailed(f"migration {name} does not begin with {UP!r}")
    options, _, body = after.partition("\n")
    up = body.split(DOWN)[0].strip()
    return Migration(name.split("_")[0], name, up, "transaction:false" not in options)


def packaged(package: str) -> list[Migration]:
    """Return the migrations of a package, in order."""
    folder = files(package) / "migrations"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [parse(name, (folder / name).read_text("utf-8")) for name in names]


async def migrate(url: str, migrations: Sequence[Migration], schema: str = "public") -> list[str]:
    """Apply what is missing, and return the versions applied. Two at once are safe: one waits for the other.

    Args:
        schema: Where the table of applied migrations is kept: one for each service that shares the database.

    Raises:
        MigrationFailed: A file failed (and left nothing behind), was edited after it was applied, or the database
            is of a later version than this code.
    """
    table = f"{schema}.schema_migrations"
    connection = await connect(url, {"application_name": "penstock-migrate"})
    try:
        # Held by the connection: a crash releases it.
        await connection.fetchval("SELECT pg_advisory_lock($1)", LOCK_KEY)
        if schema != "public":
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        await connection.execute(APPLIED_TABLE.format(table=table))
        await connection.execute(APPLIED_COLUMNS.format(table=table))
        rows = await connection.fetch(APPLIED.format(table=table))
        applied = {row["version"]: row["checksum"] for row in rows}
        _check(applied, {migration.version: migration for migration in migrations})
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            await _apply(connection, migration, RECORD.format(table=table))
            log.info("applied migration %s", migration.name)
        return [migration.version for migration in missing]
    finally:
        await connection.close()


def _check(applied: dict[str, str], known: dict[str, Migration]) -> None:
    newer = sorted(applied.keys() - known.keys())
    if newer:
        raise MigrationFailed(
            f"the database has migrations that this version does not know ({', '.join(newer)}): "
            "a later version of Penstock has used it; upgrade to that version"
        )
    for version, checksum in applied.items():
        # Empty: applied by dbmate.
        if checksum and checksum != known[version].checksum:
            raise MigrationFailed(
                f"migration {known[version].name} was changed after it was applied to this database; "
                "undo the change and add a new migration instead"
            )


async def _apply(connection: Connection, migration: Migration, record: str) -> None:
    try:
        if migration.in_transaction:
            async with connection.transaction():
                await connection.execute(migration.up)
                await connection.execute(record, migration.version, migration.checksum)
            return
        for statement in migration.up.split(";\n"):
            if statement.strip():
                await connection.execute(statement)
        await connection.execute(record, migration.version, migration.checksum)
    except DEFINITE as error:
        raise MigrationFailed(f"migration {migration.name} failed: {error}") from error

"""One embedded Postgres for a test process, and databases of their own for its tests.

The server belongs to the process, so workers of pytest-xdist do not meet. Nothing is started unless a test asks.
"""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock_service.database import Database
    from penstock_stack.postgres import EmbeddedPostgres

# Nothing here outlives the machine, so it need not survive it either.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
}
TEMPLATE = "penstock_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator["EmbeddedPostgres"]:
    """A running server."""
    from penstock_stack.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="penstock-tests-"))
    # Where the tests run as root, the server runs as another user.
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder, SETTINGS)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: "EmbeddedPostgres") -> str:
    """The name of a migrated database that nobody connects to."""
    from penstock_service.migrations import migrate, packaged

    url = postgres.create(TEMPLATE)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(url, packaged("penstock_state_tracker"))).result()
    return TEMPLATE


@pytest.fixture
def database_url(postgres: "EmbeddedPostgres", template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name, template)
    postgres.drop(name)


@pytest.fixture
def empty_database_url(postgres: "EmbeddedPostgres") -> Iterator[str]:
    """A database of the test's own without any table."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator["Database"]:
    """Connections to a migrated, empty database of the test's own."""
    from penstock_service.database import Database

    database = Database(database_url)
    await database.open()
    yield database
    await database.close()

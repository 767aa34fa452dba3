"""The embedded Postgres starts, keeps what was committed, survives kills, and says what is wrong."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest
from penstock_stack.errors import PostgresFailed
from penstock_stack.postgres import EmbeddedPostgres

KILLED_PARENT = """
import os, signal, sys
from pathlib import Path
from penstock_stack.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can enter, also where the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def _one(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_survive_a_stop_and_a_kill(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "data of a person")
    postgres.start()
    try:
        url = postgres.create("penstock")
        assert postgres.create("penstock") == url
        assert await _one(url, "SHOW fsync") == "on"
        await _one(url, "CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(postgres.pid, signal.SIGKILL)
        postgres.stop()
        postgres.start()
        assert await _one(postgres.url("penstock"), "SELECT n FROM kept") == 7
    finally:
        postgres.stop()


async def test_a_server_that_outlived_its_stack_is_stopped_by_the_next(folder: Path) -> None:
    done = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", KILLED_PARENT, str(folder)], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    orphan = int(done.stdout)
    os.kill(orphan, 0)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        assert postgres.pid != orphan
        assert await _one(postgres.url(), "SELECT 1") == 1
    finally:
        postgres.stop()


def test_a_pid_file_that_names_no_server_is_forgotten(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    pid_file = (folder / "data").resolve() / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    postgres.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    postgres.stop()


def test_a_folder_in_use_and_one_of_another_version_are_refused(folder: Path) -> None:
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    first.start()
    try:
        with pytest.raises(PostgresFailed, match=f"in use by process {os.getpid()}"):
            second.start()
    finally:
        first.stop()
    ((folder / "data").resolve() / "PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresFailed, match=r"written by Postgres 12"):
        second.start()


def test_a_folder_that_is_closed_to_others_works(folder: Path) -> None:
    folder.chmod(0o700)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    postgres.stop()
    data = (folder / "data").resolve()
    assert (data / "PG_VERSION").exists()
    shutil.rmtree(data)

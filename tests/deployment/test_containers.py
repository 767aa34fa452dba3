"""`make compose-test` where no engine is: it says so. What it does with one is not part of `make test`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.deployment.described import ROOT
from tests.waiting import WAIT_S


def test_without_an_engine_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"} | {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.deployment.containers"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: no container engine answers: start Docker")

"""What an operator leaves behind is found, and what is not gone in time is a violation."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.marks import demand_gone, living
from tests.chaos.workload import LEFT
from tests.simulation.invariants import Violation
from tests.waiting import wait_for


def test_what_is_left_behind_is_found_until_it_is_gone(tmp_path: Path) -> None:
    mark, other = f"{tmp_path}/one", f"{tmp_path}/other"
    subprocess.run([sys.executable, "-c", f"from tests.chaos.workload import leave; leave({mark!r})"], check=True)
    try:
        wait_for(lambda: len(living(tmp_path)) == LEFT)
        assert set(living(tmp_path).values()) == {mark}
        with pytest.raises(Violation, match="after its end"):
            demand_gone(tmp_path, lambda _, found: found == mark, "after its end", within_s=0.1)
        demand_gone(tmp_path, lambda _, found: found == other, "after its end", within_s=0.1)
        assert not living(tmp_path / "of another round")
    finally:
        for pid in living(tmp_path):
            os.kill(pid, signal.SIGKILL)
    demand_gone(tmp_path, lambda _, found: found == mark, "after its end")

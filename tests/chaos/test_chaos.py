"""The harness itself: three faults, as a user would call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = ("kill a State Tracker", "kill Kafka and wipe its data", "operators' processes escape")
END_S_MAX = 1_200


@pytest.mark.timeout(END_S_MAX + 30)
def test_what_must_hold_holds_through_three_faults(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", "--calm-runs", "3", f"--json={report}"]
    done = subprocess.run(
        [*command, *(f"--fault={fault}" for fault in FAULTS)], capture_output=True, text=True, timeout=END_S_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert {line["fault"] for line in found["faults"]} == set(FAULTS)
    assert found["checked"]["runs"] >= 3
    assert found["checked"]["records"] > 0
    assert found["checked"]["artifacts"] > 0

"""What commands say and do while parts of a stack are away, and over its restart."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from penstock.doctor.probe import ANSWER_MIN_S, Budget
from penstock_stack.ports import choose_port

from tests.system.conftest import Served
from tests.waiting import wait_for

Project = Callable[[str, str], Path]

FLOW = """
import os, time
from pathlib import Path

from penstock import operator, workflow

@operator
def speak(until: str) -> int:
    for number in range(10**6):
        print(f"{os.getpid()} says {number}", flush=True)
        if Path(until).exists():
            return number
        time.sleep(0.1)
    return 0

@workflow
def talk(until: str) -> int:
    return speak(until)
"""


@pytest.fixture(scope="module")
def own_stack(make_data: Callable[[], Path]) -> Iterator[Served]:
    """A stack that is found at the same place after a restart."""
    served = Served(make_data(), "--cpu", "1", "--port", str(choose_port(0)))
    try:
        served.start()
        yield served
    finally:
        served.stop()


def test_logs_are_followed_over_a_restart(own_stack: Served, project: Project, tmp_path: Path) -> None:
    end, out = tmp_path / "end", tmp_path / "out"
    done = own_stack.cli("run", f"{project('talk.py', FLOW)}:talk", "--until", str(end), "--detach", "--json")
    run = done.json["run"]
    with out.open("w") as file:
        following = own_stack.cli.start("logs", "-f", run, stdout=file)
    try:
        wait_for(lambda: " says 3" in out.read_text())
        own_stack.kill()
        own_stack.start()
        first = out.read_text().split()[out.read_text().split().index("says") - 1]
        wait_for(lambda: any(" says 2" in line and first not in line for line in out.read_text().splitlines()))
        end.touch()
        _, errors = following.communicate()
    finally:
        following.kill()
    assert following.returncode == 0, errors
    lines = out.read_text().splitlines()
    assert len(lines) == len(set(lines)), "what was seen before the restart is not repeated"


def test_the_doctor_says_what_is_wrong_while_the_database_hangs(
    own_stack: Served, project: Project, tmp_path: Path
) -> None:
    flow = f"{project('talk.py', FLOW)}:talk"
    for _ in range(3):  # which wait, so that it would be asked why
        own_stack.cli("run", flow, "--until", str(tmp_path / "end"), "--pool", "none", "--detach")
    pid = int((own_stack.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    postgres = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in postgres:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        done = own_stack.cli("doctor", "--json", "--stuck-after-s", "0")
    finally:
        for process in postgres:
            os.kill(process.pid, signal.SIGCONT)
    assert done.code == 1
    errors = {one["check"] for one in done.json["findings"] if one["severity"] == "error"}
    assert "databases" in errors or "services" in errors
    assert "asking" in own_stack.cli("doctor").err, "it says what it does meanwhile"


def test_all_questions_of_the_doctor_share_one_time() -> None:
    assert Budget(14.0).part_s(4.0) == 4.0
    assert Budget(2.0).part_s(4.0) <= 2.0
    assert Budget(0.0).part_s(4.0) == ANSWER_MIN_S

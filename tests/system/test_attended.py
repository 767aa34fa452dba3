"""Without a running stack, a command starts one that ends with it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from penstock.client.discovery import find

from tests.system.conftest import Cli
from tests.waiting import WAIT_S, wait_for

Project = Callable[[str, str], Path]

FLOW = """
    import os, time
    from penstock import operator, workflow


    @operator
    def mark(path: str, seconds: float) -> int:
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(seconds)
        return 4


    @operator
    def double(x: int) -> int:
        return 2 * x


    @workflow
    def marked(path: str, seconds: float = 0.0) -> int:
        return double(mark(path, seconds))
"""


@pytest.fixture(scope="module")
def cli(make_data: Callable[[], Path]) -> Cli:
    return Cli(make_data())


def test_a_run_that_is_interrupted_is_resumed_by_the_printed_command(
    cli: Cli, project: Project, tmp_path: Path
) -> None:
    flow, path = project("flow.py", FLOW), tmp_path / "calls"
    process = cli.start("run", f"{flow}:marked", "--path", str(path), "--seconds", "2")
    operator_pid = int(wait_for(lambda: path.exists() and path.read_text().strip()))
    running = find(cli.data)
    assert running is not None and running.attended
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    run = err.split("penstock watch ")[1].split("`")[0]
    # The stack and the operator's process have ended with the command.
    assert find(cli.data) is None
    wait_for(lambda: not os.path.exists(f"/proc/{operator_pid}") and not os.path.exists(f"/proc/{running.pid}"))

    shown = cli("show", run, "--json").json
    assert shown["state"] == "running", "only looking at a run must not continue it"
    assert len(path.read_text().split()) == 1

    watched = cli("watch", run)
    assert watched.code == 0, watched.err
    assert "result: 8" in watched.out
    assert len(path.read_text().split()) == 2
    assert find(cli.data) is None


def test_a_killed_command_takes_its_stack_along(cli: Cli, project: Project, tmp_path: Path) -> None:
    flow, path = project("flow.py", FLOW), tmp_path / "calls"
    process = cli.start("run", f"{flow}:marked", "--path", str(path), "--seconds", "60")
    wait_for(path.exists)
    running = find(cli.data)
    assert running is not None
    process.kill()
    process.communicate()
    wait_for(lambda: find(cli.data) is None)
    wait_for(lambda: not os.path.exists(f"/proc/{running.pid}"))


def test_two_commands_share_one_stack(cli: Cli, project: Project, tmp_path: Path) -> None:
    flow = project("flow.py", FLOW)
    first = cli.start("run", f"{flow}:marked", "--path", str(tmp_path / "a"), "--seconds", "0.2", "--json")
    second = cli.start("run", f"{flow}:marked", "--path", str(tmp_path / "b"), "--seconds", "2", "--json")
    for process in (first, second):
        out, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, err
        assert '"result": 8' in out

"""Services in the background: a detached run is executed, `status` describes them, `down` stops them only."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from penstock.client.discovery import Running, announce, find, is_alive

from tests.system.conftest import Cli
from tests.waiting import WAIT_S, wait_for

Project = Callable[[str, str], Path]

FLOW = """
    import time
    from pathlib import Path
    from penstock import operator, workflow


    @operator
    def mark(path: str, go: str) -> int:
        Path(path).touch()
        while go and not Path(go).exists():
            time.sleep(0.02)
        return 4


    @workflow
    def marked(path: str, go: str = "") -> int:
        return mark(path, go)
"""


@pytest.fixture
def cli(make_data: Callable[[], Path]) -> Iterator[Cli]:
    cli = Cli(make_data())
    yield cli
    if (running := find(cli.data)) is not None and not running.attended:
        os.kill(running.pid, signal.SIGKILL)


def test_a_detached_run_starts_services_that_stay(cli: Cli, project: Project, tmp_path: Path) -> None:
    flow, marked = project("flow.py", FLOW), tmp_path / "marked"
    missing = cli("status")
    assert missing.code == 1 and f"no services are running on {cli.data}" in missing.out
    assert cli("workers").code == 2 and not cli.data.exists(), "looking at what runs starts and creates nothing"

    done = cli("run", f"{flow}:marked", "--path", str(marked), "--detach")
    assert done.code == 0, done.err
    assert "started services on" in done.err and "`penstock down` stops them" in done.err
    wait_for(marked.exists)
    status = cli("status", "--json").json
    assert status["running"] and not status["attended"] and status["data"] == str(cli.data)
    assert [pool["pool"] for pool in status["pools"]] == ["default"] and len(status["workers"]) == 1
    run = done.out.split()[1]
    assert cli("watch", run, "--json").json["outputs"] == {"result": 4}
    assert cli("status", "--json").json["pid"] == status["pid"], "watching does not end them"
    assert "no open runs" in cli("status").out

    stopped = cli("down", "--json").json
    assert stopped == {"stopped": True, "data": str(cli.data), "pid": status["pid"]}
    assert not is_alive(status["pid"]) and find(cli.data) is None
    again = cli("down")
    assert again.code == 0 and "no services are running" in again.out
    assert cli("show", run, "--json").json["state"] == "succeeded"


def test_a_run_is_not_left_to_services_that_end_with_another_command(
    cli: Cli, project: Project, tmp_path: Path
) -> None:
    flow, marked, go = project("flow.py", FLOW), tmp_path / "marked", tmp_path / "go"
    process = cli.start("run", f"{flow}:marked", "--path", str(marked), "--go", str(go), "--json")
    wait_for(marked.exists)
    status = cli("status").out
    assert "it stops when the command that started it ends" in status
    assert "1 open run\n" in status and "flow:marked  0 of 1 nodes" in status
    refused = cli("run", f"{flow}:marked", "--path", str(tmp_path / "other"), "--detach")
    assert refused.code == 1 and "stop when another command" in refused.err and refused.out == ""
    assert cli("down").code == 1, "the run of the other command must not lose its services"
    go.touch()
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    assert json.loads(out)["outputs"] == {"result": 4}


def test_up_detached(cli: Cli) -> None:
    started = cli("up", "--detach", "--port", "0", "--http-port", "0", "--cpu", "1", "--shards", "4", "--no-workers")
    assert started.code == 0 and "ready on 127.0.0.1:" in started.out, started.err
    status = cli("status", "--json").json
    assert status["shards"] == 4 and status["workers"] == []
    second = cli("up", "--detach", "--port", "0")
    assert second.code == 1 and f"services are already running on {cli.data} (process {status['pid']}" in second.err
    assert cli("down").code == 0


def test_what_keeps_it_from_starting_is_said(cli: Cli) -> None:
    cli.data.parent.mkdir(exist_ok=True)
    cli.data.write_text("a file")
    done = cli("up", "--detach", "--port", "0")
    assert done.code == 1 and str(cli.data) in done.err and "Traceback" not in done.err


def test_down_never_ends_another_process(cli: Cli) -> None:
    """Its id may have been given to another process after a crash of the stack."""
    cli.data.mkdir()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            announce(cli.data, Running("127.0.0.1:1", bystander.pid))
            (cli.data / "lock").write_text(str(bystander.pid))
            done = cli("down")
            assert done.code == 0 and "no services are running" in done.out
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_detached_run_without_a_worker_says_so(cli: Cli, project: Project, tmp_path: Path) -> None:
    assert cli("up", "--detach", "--port", "0", "--http-port", "0", "--no-workers").code == 0
    done = cli("run", f"{project('flow.py', FLOW)}:marked", "--path", str(tmp_path / "marked"), "--detach")
    assert done.code == 0 and "no worker is connected" in done.err
    assert cli("down").code == 0

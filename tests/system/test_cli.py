"""The command line against a running stack: run, look, cancel, edit."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.conftest import Cli
from tests.waiting import WAIT_S, wait_for

Project = Callable[[str, str], Path]

FLOW = '''
    import os, sys, time
    from dataclasses import dataclass
    from typing import Literal, NamedTuple

    from pydantic import BaseModel

    from penstock import operator, workflow


    class Settings(BaseModel):
        rate: float = 0.5
        layers: list[int] = [1]


    class Sum(NamedTuple):
        total: int
        text: str


    @operator
    def double(x: int) -> int:
        """Twice as much."""
        print("doubling", x)
        return 2 * x


    @operator
    def add(parts: list[int], settings: Settings, mode: str) -> Sum:
        print("adding \\x1b[31m in red")
        return Sum(sum(parts), f"{mode} {settings.rate} {settings.layers}")


    @workflow
    def total(
        x: int,
        numbers: list[int] = [1, 2],
        mode: Literal["fast", "exact"] = "fast",
        settings: Settings = Settings(),
        limit: int | None = None,
        loud: bool = False,
    ) -> Sum:
        """Add things up."""
        return add([double(x), double(3)], settings, mode)


    @operator
    def wait_for(path: str, seconds: float) -> int:
        with open(path, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(seconds)
        return 1


    @workflow
    def sleeping(path: str, seconds: float = 60.0) -> int:
        return double(wait_for(path, seconds))


    @operator
    def fails(message: str) -> int:
        raise ValueError(message)


    @workflow
    def failing(message: str = "no luck") -> int:
        return double(fails(message))
'''


@pytest.fixture
def flow(project: Project) -> Path:
    return project("flow.py", FLOW)


def test_run_prints_outputs_and_a_timeline(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:total", "--x", "5", "--settings", '{"rate": 0.1}', "--mode=exact", "--loud")
    assert done.code == 0, done.err
    assert "total: 16" in done.out
    assert "text: exact 0.1 [1]" in done.out
    assert "━" in done.out
    run = cli.run_id(done)

    shown = cli("show", run[-8:])
    assert shown.code == 0
    assert run in shown.out and "double-2" in shown.out and "succeeded" in shown.out
    detail = cli("show", run, "--json").json
    assert detail["outputs"] == {"total": 16, "text": "exact 0.1 [1]"}
    assert [node["state"] for node in detail["timings"]["nodes"]] == ["succeeded"] * 3
    listed = cli("runs", "--json").json
    assert run in [each["run"] for each in listed]
    assert run in cli("runs").out
    kinds = [event["kind"] for event in cli("events", run, "--json").json]
    assert kinds[0] == "run_submitted" and kinds[-1] == "run_ended" and kinds.count("action_succeeded") == 3
    assert "double  succeeded" in cli("events", run).out


def test_run_as_json_is_one_object(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:total", "--x", "1", "--numbers", "4", "--numbers", "5", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["state"] == "succeeded"
    assert found["outputs"]["total"] == 8
    assert found["timings"]["duration_s"] > 0
    assert "submitted" in done.err


def test_logs_are_kept_and_cannot_steer_the_terminal(cli: Cli, flow: Path) -> None:
    run = cli("run", f"{flow}:total", "--x", "5", "--json").json["run"]
    everything = cli("logs", run, "-f").out
    assert "double  doubling 5" in everything
    assert "add  adding \\x1b[31m in red" in everything and "\x1b" not in everything
    only = cli("logs", run, "double-2", "--json").json
    assert [line["text"] for line in only] == ["doubling 3"]
    wrong = cli("logs", run, "nobody")
    assert wrong.code == 1 and "no node 'nobody'; its nodes are double, double-2, add" in wrong.err


def test_a_failure_names_node_cause_and_line(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:failing", "--message", "bad \x1b[2J luck")
    assert done.code == 1
    assert "node fails failed" in done.out
    assert "ValueError: bad \\x1b[2J luck" in done.out and "\x1b" not in done.out
    assert "raise ValueError(message)" in done.out
    shown = cli("show", cli.run_id(done), "--json").json
    assert shown["failure"]["node"] == "fails" and shown["failure"]["cause"] == "user"
    assert [node["state"] for node in shown["timings"]["nodes"]] == ["failed", "skipped"]


def test_cancel_stops_the_operators_process(cli: Cli, flow: Path, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    process = cli.start("run", f"{flow}:sleeping", "--path", str(path))
    pid = int(wait_for(lambda: path.exists() and path.read_text()))
    runs = cli("runs", "--state", "running", "--json").json
    run = next(each["run"] for each in runs if each["workflow"] == "flow:sleeping")
    assert "wait_for" in cli("why", run).out
    assert cli("cancel", run, "--reason", "enough").code == 0
    out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3
    assert "enough" in out
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
    assert cli("show", run, "--json").json["state"] == "cancelled"
    assert cli("cancel", run).code == 0


def test_a_run_that_fits_no_worker_says_so_while_it_is_watched(cli: Cli, project: Project) -> None:
    large = project(
        "large.py",
        """
        from penstock import operator, workflow

        @operator(gpu=99)
        def train(x: int) -> int:
            return x

        @workflow
        def huge() -> int:
            return train(1)
        """,
    )
    process = cli.start("run", f"{large}:huge")
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("waits:"):
            break
    assert "train: needs cpu 1, gpu 99" in lines[-1] and "no worker in pool default has" in lines[-1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert cli("cancel", lines[0].split("run ", 1)[1].split()[0]).code == 0


def test_ctrl_c_detaches(cli: Cli, flow: Path, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    process = cli.start("run", f"{flow}:sleeping", "--path", str(path), "--seconds", "1.5")
    wait_for(path.exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert "detached" in err and "penstock watch" in err
    run = err.split("penstock watch ")[1].split("`")[0]
    watched = cli("watch", run)
    assert watched.code == 0, watched.err
    assert "result: 2" in watched.out


def test_an_edited_file_runs_as_it_is_now(cli: Cli, flow: Path) -> None:
    assert cli("run", f"{flow}:total", "--x", "5", "--json").json["outputs"]["total"] == 16
    flow.write_text(flow.read_text().replace("return 2 * x", "return 3 * x"))
    assert cli("run", f"{flow}:total", "--x", "5", "--json").json["outputs"]["total"] == 24


def test_workers_are_listed(cli: Cli) -> None:
    workers = cli("workers", "--json").json
    assert [worker["executor"] for worker in workers] == ["process"]
    assert workers[0]["capacity"]["cpu_milli"] == 2000
    assert "process" in cli("workers").out


def test_detached_runs_are_named_and_found(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:total", "--x", "5", "--detach")
    assert done.code == 0
    run = done.out.split()[1]
    assert cli("watch", run, "--json").json["state"] == "succeeded"

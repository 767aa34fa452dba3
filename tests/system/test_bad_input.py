"""Bad input: one clear line that names the thing and the remedy, the right exit code, nothing started."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from penstock import Client
from penstock.client import RunFailed
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S

Project = Callable[[str, str], Path]

FLOW = """
    import os, sys
    from penstock import operator, workflow


    @operator
    def double(x: int) -> int:
        return 2 * x


    @workflow
    def simple(x: int, rate: float = 0.5) -> int:
        return double(x)


    @operator
    def exits() -> int:
        os._exit(7)


    @operator
    def killed() -> int:
        os.kill(os.getpid(), 9)
        return 1


    @operator
    def prints_without_end() -> int:
        for _ in range(3):
            sys.stdout.write("x" * (8 << 20) + "\\n")
        return 1


    class Odd:
        pass


    @operator
    def returns_odd() -> list:
        return [Odd()]


    @operator
    def wrong_type() -> int:
        return "five"


    @operator
    def needs_module() -> int:
        import surely_not_installed
        return 1


    @workflow
    def exiting() -> int:
        return exits()


    @workflow
    def killing() -> int:
        return killed()


    @workflow
    def printing() -> int:
        return prints_without_end()


    @workflow
    def odd() -> list:
        return returns_odd()


    @workflow
    def wrong() -> int:
        return wrong_type()


    @workflow
    def importing() -> int:
        return needs_module()
"""
BROKEN = """
    from penstock import operator, workflow


    @operator
    def double(x: int) -> int:
        return 2 * x


    @workflow
    def twice(x: int) -> int:
        y = double("two")
        return double(x=1, z=2)


    @workflow
    def condition(x: int) -> int:
        y = double(x)
        if y:
            return y
        return double(y)
"""


@pytest.fixture
def flow(project: Project) -> Path:
    return project("flow.py", FLOW)


@pytest.fixture(scope="module")
def alone(make_data: Callable[[], Path]) -> Cli:
    """The command line without any stack; none of these commands may start one."""
    return Cli(make_data())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--x", "five"], "--x: 'five' is not int"),
        (["--x", "5", "--rate", "fast"], "--rate: 'fast' is not float"),
        ([], "--x is missing (int)"),
        (["--x", "5", "--lr", "1"], "unknown input --lr; the inputs are --x, --rate"),
        (["--x", "1", "--x", "2"], "--x: given 2 times"),
        (["--x", "5", "--label", "nothing"], "expected NAME=VALUE"),
    ],
)
def test_inputs_that_do_not_fit(alone: Cli, flow: Path, words: list[str], part: str) -> None:
    done = alone("run", f"{flow}:simple", *words)
    assert (done.code, done.out) == (2, "")
    assert part in done.err and "Traceback" not in done.err
    assert not alone.data.exists()


def test_names_that_are_not_there(alone: Cli, flow: Path, tmp_path: Path) -> None:
    for target, part in [
        (f"{flow}:simpel", "did you mean"),
        (str(flow), "has several workflows"),
        (str(tmp_path / "none.py"), "file not found"),
        ("flow", "unknown workflow"),
    ]:
        done = alone("run", target)
        assert done.code == 2, (target, done)
        assert part in done.err and "Traceback" not in done.err
    assert alone("rnu").code == 2


def test_check_says_everything_where_editors_look(alone: Cli, project: Project) -> None:
    path = project("broken.py", BROKEN)
    done = alone("check", "broken.py", cwd=path.parent)
    assert done.code == 2
    lines = done.out.splitlines()
    assert any(line.startswith("broken.py:12:1: error: double(x): ") for line in lines), done.out
    assert any(line.startswith("broken.py:13:1: error: double(z): ") for line in lines), done.out
    assert any(line.startswith("broken.py:19:1: error: ") and "condition" in line for line in lines), done.out
    assert {error["line"] for error in alone("check", str(path), "--json").json["files"][0]["errors"]} >= {12, 13, 19}
    assert alone("run", f"{path}:twice", "--x", "1").code == 2


def test_check_of_what_cannot_be_imported(alone: Cli, project: Project) -> None:
    syntax = project("syntax.py", "\n\nx = = 1\n")
    raising = project("raising.py", "import penstock\n\n1 / 0\n")
    empty = project("empty.py", "x = 1\n")
    done = alone("check", *(path.name for path in (syntax, raising, empty)), cwd=syntax.parent)
    assert done.code == 2
    assert "syntax.py:3:" in done.out
    assert "raising.py:3:" in done.out and "ZeroDivisionError" in done.out
    assert "empty.py:1:" in done.out and "no workflow" in done.out


def test_runs_that_are_not_there(cli: Cli) -> None:
    for command, part in [
        ("show", "0123456789abcdef0123456789abcdef"),
        ("logs", "ffffffffffff"),
        ("cancel", "nonsense"),
    ]:
        done = cli(command, part)
        assert done.code == 1 and "unknown run" in done.err and "penstock runs" in done.err, (command, done)


def test_nobody_answers(alone: Cli) -> None:
    done = alone("runs", "--address", "127.0.0.1:9")
    assert done.code == 1
    assert "no Penstock service responds at 127.0.0.1:9" in done.err and "penstock up" in done.err


def test_operators_that_go_wrong(stack: Served, flow: Path) -> None:
    expected = {
        "exiting": ("exited", "7"),
        "killing": ("exited", "SIGKILL"),
        "odd": ("bad result", "no codec"),
        "wrong": ("bad result", "expected int"),
        "importing": ("user", "surely_not_installed"),
    }
    with Client(stack.address) as client:
        runs = {name: client.submit(load_workflow(f"{flow}:{name}")) for name in expected}
        for name, (cause, part) in expected.items():
            with pytest.raises(RunFailed) as failed:
                client.result(runs[name], timeout_s=WAIT_S)
            assert failed.value.cause == cause, failed.value
            assert part in failed.value.message


def test_an_operator_that_prints_without_end_is_cut(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:printing", "--json")
    assert done.code == 0, done.err
    lines = cli("logs", done.json["run"], "--json").json
    assert sum(len(line["text"]) for line in lines) < 10 << 20


def test_an_operator_that_the_worker_cannot_import(cli: Cli, project: Project) -> None:
    path = project(
        "hidden.py",
        """
        import os
        from penstock import operator, workflow

        if "PENSTOCK_HOME" not in os.environ:  # only operators' processes lack it
            raise RuntimeError("not on a worker")

        @operator
        def one() -> int:
            return 1

        @workflow
        def single() -> int:
            return one()
        """,
    )
    done = cli("run", f"{path}:single", "--json")
    assert done.code == 1, done.err
    failure = done.json["failure"]
    assert failure["cause"] == "not loadable"
    assert "hidden" in failure["message"] and "not on a worker" in failure["message"]


def test_a_port_in_use(make_data: Callable[[], Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = Cli(make_data())("up", "--port", str(port))
    assert done.code == 1
    assert f"127.0.0.1:{port}" in done.err and "in use" in done.err and "Traceback" not in done.err


def test_a_data_folder_in_use_or_of_another_version(stack: Served, make_data: Callable[[], Path]) -> None:
    done = stack.cli("up", "--port", "0")
    assert done.code == 1
    assert stack.process is not None
    assert f"in use by process {stack.process.pid}" in done.err
    data = make_data()
    data.mkdir()
    (data / "version.json").write_text(json.dumps({"format": 99, "shards": 4}))
    done = Cli(data)("up", "--port", "0")
    assert done.code == 1
    assert "another version" in done.err and "format 99" in done.err


def test_debug_shows_the_traceback(alone: Cli, tmp_path: Path) -> None:
    debug = Cli(alone.data, {"PENSTOCK_DEBUG": "1"})
    assert "Traceback" in debug("run", str(tmp_path / "none.py")).err


def test_help_is_quick(alone: Cli) -> None:
    """Machines differ, so it is not timed: what would make it slow is what it imports."""
    script = (
        "import sys, penstock.cli.app as app; code = app.execute(['--help']); "
        "heavy = {'grpc', 'pydantic', 'google.protobuf', 'rich.console', 'asyncio'} & set(sys.modules); "
        "print(code, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"

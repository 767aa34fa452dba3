"""Workflows by name, as users deploy and run them: docs/registry.md as it is written, mistakes, restarts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from penstock import Client
from penstock.client import BadInputs, NotRegistered, Refused

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S

PAGE = (Path(__file__).parents[2] / "docs" / "registry.md").read_text()
Project = Callable[[str, str], Path]

FLOW = """
    from dataclasses import dataclass

    from penstock import Dataset, operator, workflow


    @dataclass
    class Options:
        rate: float = 0.5
        steps: int = 10


    @operator
    def product(options: Options, numbers: list[int]) -> float:
        return options.rate * options.steps * sum(numbers)


    @workflow
    def {name}(numbers: list[int], options: Options = Options(), data: Dataset | None = None) -> float:
        '''Multiply.'''
        return product(options, numbers)
"""


def blocks() -> Iterator[tuple[str, str]]:
    """The page's files and commands, in order."""
    yield from re.findall(r"```(python|console)\n(.*?)```", PAGE, re.DOTALL)


def prints(line: str, out: str) -> bool:
    pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
    return re.search(rf"^\s*{pattern}\s*$", out, re.MULTILINE) is not None


@pytest.mark.timeout(600)
def test_every_command_prints_what_the_page_says(cli: Cli, tmp_path: Path) -> None:
    typed = 0
    for kind, block in blocks():
        if kind == "python":
            (tmp_path / block.split("\n")[0].removeprefix("# ")).write_text(block)
            continue
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = entry.rstrip().split("\n")
            out = type_(cli, command, tmp_path)
            assert [line for line in expected if not prints(line, out)] == [], f"$ {command}\n{out}"
            typed += 1
    assert typed >= 15


def type_(cli: Cli, command: str, folder: Path) -> str:
    program, *words = shlex.split(command)
    if program == "python":
        env = {**os.environ, "PENSTOCK_HOME": str(cli.data)}
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        return done.stdout + done.stderr
    assert program == "penstock"
    ended = cli(*words, cwd=folder)
    return ended.out + ended.err


def test_inputs_are_read_by_the_form_without_the_file(cli: Cli, project: Project) -> None:
    file = project("by_form.py", FLOW.format(name="by_form"))
    deployed = cli("deploy", str(file), "--team", "forms", "--alias", "production", "--json").json
    assert (deployed["version"], deployed["created"], deployed["alias"]["version"]) == (1, True, 1)
    assert deployed["types"] == {"by_form.Options": 1}
    assert cli("types", "--search", "by form").out == "by_form.Options\n"
    (version,) = cli("types", "by_form.Options", "--json").json
    assert (version["version"], version["fields"]) == (1, {"rate": "float?", "steps": "int?"})
    assert "steps: int?" in cli("types", "by_form.Options").out
    file.unlink()
    done = cli("run", "by_form@production", "--numbers", "1", "--numbers", "2", "--options", '{"rate": 2}', "--json")
    assert (done.code, done.json["outputs"]) == (0, {"result": 60.0}), done.err
    listed = cli("runs", "--team", "forms", "--json").json
    assert [(run["name"], run["version"], run["team"]) for run in listed] == [("by_form", 1, "forms")]
    shown = cli("workflows", "by_form@1", "--json").json
    assert list(shown["form"]["properties"]) == ["numbers", "options", "data"]
    assert shown["form"]["properties"]["options"]["default"] == {"rate": 0.5, "steps": 10}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "by_mistake"], 2, "--numbers is missing"),
        (["run", "by_mistake", "--numbers", "x"], 2, "--numbers: 'x' is not int"),
        (["run", "by_mistake", "--numbers", "1", "--other", "2"], 2, "unknown input --other; the inputs are --numbers"),
        (["run", "by_mistake@7", "--numbers", "1"], 2, "unknown version by_mistake@7: the latest is 1"),
        (["run", "by_mistake@canary", "--numbers", "1"], 2, "unknown alias by_mistake@canary: its aliases are live"),
        (["run", "by_mistaken"], 2, "unknown workflow 'by_mistaken': `penstock workflows` lists what is there"),
        (["run", "by_mistake@", "--numbers", "1"], 2, "by_mistake@ is not a Python file"),
        (["run", "by_mistake.py@1"], 2, "is not a Python file"),
        (["alias", "by_mistake", "1"], 2, "expected NAME@ALIAS"),
        (["alias", "by_mistake@live"], 2, "expected either a version or --remove"),
        (["alias", "by_mistake@live", "1", "--remove"], 2, "expected either a version or --remove"),
        (["alias", "by_mistake@UP", "1"], 2, "invalid alias 'UP'"),
        (["alias", "by_mistake@live", "9"], 2, "unknown version by_mistake@9"),
        (["alias", "by_mistake@live", "9" * 30], 2, "invalid reference"),
        (["workflows", "a b"], 2, "invalid name 'a b'"),
        (["types", "m.Nothing"], 2, "unknown type 'm.Nothing': `penstock types` lists what is there"),
        (["workflows", "--search", "?"], 2, "invalid search"),
        (["deploy", "{file}", "--team", "others"], 1, "belongs to team 'mistakes'"),
        (["deploy", "{file}", "--team", "mistakes", "--name", "a/b"], 2, "invalid name 'a/b'"),
    ],
)
def test_mistakes_are_named(cli: Cli, project: Project, words: list[str], code: int, said: str) -> None:
    file = project("by_mistake.py", FLOW.format(name="by_mistake"))
    assert cli("deploy", str(file), "--team", "mistakes", "--alias", "live").code == 0
    done = cli(*(word.replace("{file}", str(file)) for word in words))
    assert done.code == code, done
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_file_of_that_name_is_suggested(cli: Cli, project: Project) -> None:
    file = project("only_a_file.py", FLOW.format(name="only_a_file"))
    done = cli("run", "only_a_file", "--numbers", "1", cwd=file.parent)
    assert done.code == 2
    assert "did you mean the file only_a_file.py?" in done.err


def test_the_client_submits_by_name(stack: Served, cli: Cli, project: Project) -> None:
    file = project("by_client.py", FLOW.format(name="by_client"))
    assert cli("deploy", str(file), "--team", "clients").code == 0
    with Client(stack.address) as client:
        run = client.submit("by_client@1", numbers=[1, 2], options={"rate": 1.0})
        assert client.result(run) == 30.0
        info = client.get(run)
        assert (info.name, info.version, info.team) == ("by_client", 1, "clients")
        assert client.get(client.submit("by_client", team="others", numbers=[])).team == "others"
        with pytest.raises(BadInputs, match="numbers is missing"):
            client.submit("by_client")
        with pytest.raises(Refused, match="input 'numbers'"):
            client.submit("by_client", numbers="text")
        with pytest.raises(NotRegistered, match="unknown workflow 'nobody'"):
            client.submit("nobody")


def test_names_survive_a_crash_and_a_deploy_is_repeatable(make_data: Callable[[], Path], project: Project) -> None:
    file = project("lasting.py", FLOW.format(name="lasting"))
    served = Served(make_data(), "--cpu", "1")
    served.start()
    try:
        first = served.cli("deploy", str(file), "--team", "t", "--alias", "production", "--json").json
        served.kill()
        served.start()
        again = served.cli("deploy", str(file), "--team", "t", "--alias", "production", "--json").json
        assert (again["version"], again["created"], again["alias"]) == (1, False, None)
        assert again["plan"] == first["plan"]
        done = served.cli("run", "lasting@production", "--numbers", "[4]", "--json")
        assert json.loads(done.out)["outputs"] == {"result": 20.0}
    finally:
        served.stop()

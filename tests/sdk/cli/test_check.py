"""`penstock check` names everything that is wrong, each file as if it were alone, and executes nothing but imports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from penstock.cli.app import execute

WF = "@workflow\ndef wf(x: int = 1) -> int:\n    return work(x)\n"
HEAD = "from penstock import operator, workflow\n\n@operator\ndef work(x: int) -> int:\n    return x\n\n"


def check(capsys: pytest.CaptureFixture[str], *files: Path) -> tuple[int, list[dict[str, Any]]]:
    code = execute(["check", *map(str, files), "--json"])
    return code, json.loads(capsys.readouterr().out)["files"]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "options",
    ["cpus=3", "cpu='two'", "memory='lots'", "retries=[1]", "labels=5", "on_failure=[]", "name=4", "timeout_s='x'"],
)
def test_a_bad_option_has_its_place_and_hides_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str
) -> None:
    bad = write(
        tmp_path / "bad_options.py",
        f"{HEAD}@workflow\ndef first(x: int = 1) -> int:\n    return work.options({options})(x)\n\n"
        "@workflow\ndef second(x: int = 1) -> int:\n    return work(x)\n",
    )
    good = write(tmp_path / "good_options.py", f"{HEAD}@workflow\ndef third(x: int = 1) -> int:\n    return work(x)\n")
    code, (one, two) = check(capsys, bad, good)
    assert code == 2
    (error,) = one["errors"]
    assert error["line"] == 9 and error["operator"] == "first"
    assert options.partition("=")[0] in error["problem"] and "raised" not in error["problem"]
    assert [each["name"] for each in one["workflows"]] == ["second"]
    assert [each["name"] for each in two["workflows"]] == ["third"] and not two["errors"]


HIDING = {
    "wraps": "import functools\ndef logged(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a)\n"
    "    return inner\n",
    "closure": "def logged(f):\n    def inner(*a):\n        return f(*a)\n    return inner\n",
    "partial": "import functools\nlogged = functools.partial(functools.partial)\n",
    "nothing": "def logged(f):\n    return None\n",
}


@pytest.mark.parametrize("how", HIDING)
def test_a_workflow_below_a_decorator_is_not_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    text = f"{HEAD}{HIDING[how]}@workflow\ndef plain(x: int = 1) -> int:\n    return work(x)\n\n"
    file = write(tmp_path / "hiding.py", f"{text}@logged\n@workflow\ndef nightly(x: int = 1) -> int:\n    return 1\n")
    code, (found,) = check(capsys, file)
    assert code == 2
    (error,) = found["errors"]
    assert "nightly is hidden" in error["problem"] and "put @workflow first" in error["problem"]
    assert error["line"] == text.count("\n") + 1
    assert [each["name"] for each in found["workflows"]] == ["plain"]
    if how == "wraps":
        assert execute(["compile", f"{file}:nightly"]) == 2
        assert "put @workflow first" in capsys.readouterr().err


def test_a_second_definition_of_a_name_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, (found,) = check(capsys, write(tmp_path / "twice.py", HEAD + WF + WF))
    assert code == 2 and "another definition of its name" in found["errors"][0]["problem"]


def test_decorators_that_hand_the_workflow_on_hide_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "KNOWN = []\ndef known(w):\n    KNOWN.append(w)\n    return w\n"
    file = write(
        tmp_path / "known.py", f"{HEAD}{text}@known\n@workflow\ndef wf(x: int = 1) -> int:\n    return work(x)\n"
    )
    code, (found,) = check(capsys, file)
    assert code == 0 and [each["name"] for each in found["workflows"]] == ["wf"]


OWN = "from penstock import operator\n\n@operator\ndef work(x: {0}) -> {0}:\n    return x\n"
USER = (
    "from helper import work\nfrom penstock import workflow\n\n@workflow\ndef wf(x: {0}) -> {0}:\n    return work(x)\n"
)


def test_each_file_is_checked_as_if_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "one" / "helper.py", OWN.format("int"))
    write(tmp_path / "two" / "helper.py", OWN.format("str"))
    one = write(tmp_path / "one" / "train.py", USER.format("int"))
    two = write(tmp_path / "two" / "train.py", USER.format("str"))
    other = write(tmp_path / "two" / "other.py", USER.format("str"))
    wrong = write(tmp_path / "two" / "wrong.py", USER.format("int"))
    lost = write(tmp_path / "three" / "lost.py", USER.format("int"))
    alone = {file: check(capsys, file)[1][0] for file in (one, two, other, wrong, lost)}
    assert {file.stem: bool(found["errors"]) for file, found in alone.items()} == {
        "train": False, "other": False, "wrong": True, "lost": True
    }  # fmt: skip
    for files in ((one, two, other, wrong, lost), (lost, wrong, other, two, one), (two, one, two)):
        assert check(capsys, *files)[1] == [alone[file] for file in files]
    assert not {"helper", "train", "wrong"} & sys.modules.keys()


def test_check_submits_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = f"import penstock\n{HEAD}{WF}\n"
    ways = {
        "client": "with penstock.Client('127.0.0.1:9') as client:\n    client.submit(wf, x=5)\n",
        "asyncio": "import asyncio\nasync def main():\n    async with penstock.AsyncClient('127.0.0.1:9') as client:\n"
        "        await client.submit(wf, x=5)\nasyncio.run(main())\n",
        "function": "def main():\n    return penstock.Client()\nmain()\n",
    }
    for name, text in ways.items():
        file = write(tmp_path / f"submits_{name}.py", begin + text)
        code, (found,) = check(capsys, file)
        (error,) = found["errors"]
        assert code == 2 and 'put that under `if __name__ == "__main__":`' in error["problem"], name
        assert error["line"] > begin.count("\n"), name
    guarded = write(tmp_path / "guarded.py", f'{begin}if __name__ == "__main__":\n    penstock.Client()\n')
    assert check(capsys, guarded)[0] == 0
    body = "@workflow\ndef wf(x: int = 1) -> int:\n    penstock.Client('127.0.0.1:9')\n    return work(x)\n"
    code, (found,) = check(capsys, write(tmp_path / "in_body.py", f"import penstock\n{HEAD}{body}"))
    assert code == 2 and "while a workflow is compiled" in found["errors"][0]["problem"]


def test_what_an_import_prints_or_asks_is_not_in_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(
        tmp_path / "talks.py", f"{HEAD}print('hello')\n@workflow\ndef wf(x: int = 1) -> int:\n    return work(x)\n"
    )
    assert check(capsys, file)[0] == 0
    asks = write(tmp_path / "asks_for.py", f"{HEAD}name = input('name? ')\n")
    code, (found,) = check(capsys, asks)
    assert code == 2 and "EOFError" in found["errors"][0]["problem"] and found["errors"][0]["line"] == 7


def test_a_traceback_has_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", str(write(tmp_path / "fails.py", "def f():\n    1 / 0\nf()\n"))]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("fails.py cannot be imported") and lines[-1].startswith("ZeroDivisionError")

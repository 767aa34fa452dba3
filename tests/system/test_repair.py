"""Runs that are repaired: the example of docs/repair.md as users do it, and what is refused."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from penstock import Client
from penstock.client import Refused
from penstock.client.errors import ForkRefused

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "repair.py"
CORRUPT = "117.txt"
FILES = 200
NAMES = [f"{number}.txt" for number in range(FILES)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE, tmp_path / "repair.py")
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in NAMES:
        (texts / name).write_text("\N{REPLACEMENT CHARACTER}" if name == CORRUPT else "two words")
    return tmp_path


def reads(folder: Path) -> Counter[str]:
    return Counter((folder / "texts" / "read.log").read_text().split())


def failed_run(cli: Cli, folder: Path) -> str:
    done = cli("run", "repair.py:survey", "--folder", str(folder / "texts"), "--json", cwd=folder)
    assert done.code == 1
    return done.json["run"]


def item_of(name: str) -> str:
    return f"count_words[{sorted(NAMES).index(name)}]"


def test_a_run_that_failed_continues_once_its_file_is_there(cli: Cli, stack: Served, folder: Path) -> None:
    run = failed_run(cli, folder)
    (folder / "texts" / CORRUPT).write_text("two words")
    assert cli("retry", run, "--json").json == {"run": run, "reopened": 3}, "the item, the list and add_up"
    shown = cli("watch", run, "--json").json
    assert shown["state"] == "succeeded" and shown["outputs"] == {"result": 2 * FILES}
    assert reads(folder) == Counter(NAMES) + Counter([CORRUPT])
    attempts = {node["name"]: len(node["attempts"]) for node in shown["timings"]["nodes"]}
    assert attempts[item_of(CORRUPT)] == 2 and attempts[item_of("3.txt")] == 1
    again = cli("retry", run)
    assert again.code == 1 and "has succeeded: fork it" in again.err
    with Client(stack.address) as client:
        wait_for(lambda: client.history.run(run).run.state == "succeeded")
        assert client.history.run(run).inputs == {"folder": str(folder / "texts")}


def test_a_fork_with_new_code_takes_over_what_the_change_does_not_touch(cli: Cli, stack: Served, folder: Path) -> None:
    run = failed_run(cli, folder)
    same = cli("fork", run, "--plan", "--json", cwd=folder).json
    assert {node["node"]: node["reasons"] for node in same["nodes"] if not node["reused"]} == {
        item_of(CORRUPT): ["it failed"],
        "count_words.list": ["it was skipped", f"{item_of(CORRUPT)} runs again"],
        "add_up": ["it was skipped", "count_words.list runs again"],
    }
    source = (folder / "repair.py").read_text()
    (folder / "repair.py").write_text(source.replace('raise ValueError(f"{name} is corrupt")', "return 7"))
    changed = cli("fork", run, "--plan", "--json", cwd=folder).json
    assert (changed["reused"], changed["runs"]) == (2, FILES + 2), "code of all items has changed"
    one = cli("fork", run, "--plan", "--json", "--keep", "count_words", "--from", item_of("3.txt"), cwd=folder).json
    assert one["runs"] == 4
    unknown = cli("fork", run, "--keep", "count_word", cwd=folder)
    assert unknown.code != 0 and "has no node" in unknown.err

    done = cli("fork", run, "--keep", "count_words", "--json", cwd=folder)
    forked = done.json
    assert done.code == 0 and forked["outputs"] == {"result": 2 * (FILES - 1) + 7}
    assert f"{FILES + 1} of {FILES + 4} nodes are reused" in done.err
    assert reads(folder) == Counter(NAMES) + Counter([CORRUPT])
    assert sum(node["reused"] for node in forked["timings"]["nodes"]) == FILES + 1
    assert "reused" in cli("show", forked["run"], item_of("3.txt")).out
    assert cli("show", forked["run"], item_of("3.txt"), "--json").json["outputs"] == {"result": 2}

    refused = cli("runs", "rm", run)
    assert refused.code == 1 and f"run {forked['run']} uses outputs of run {run}" in refused.err
    kept = cli("fork", forked["run"], "--from", "add_up", "--json", cwd=folder)
    assert kept.json["outputs"] == forked["outputs"] and reads(folder).total() == FILES + 1
    for each in (kept.json["run"], forked["run"], run):
        assert cli("runs", "rm", each).code == 0
    with Client(stack.address) as client:
        listed = {str(each.id) for each in client.list()}
    assert not listed & {kept.json["run"], forked["run"], run}


def test_many_failed_runs_are_retried_once_somebody_agrees(cli: Cli, stack: Served, folder: Path) -> None:
    runs = [
        cli("run", "repair.py:survey", "--folder", str(folder / "texts"), "--team", "many", "--json", cwd=folder)
        for _ in range(2)
    ]
    ids = {done.json["run"] for done in runs}
    chosen = ("retry", "--team", "many", "--failed-since", "1h")
    wait_for(lambda: set(cli(*chosen, "--dry-run", "--json").json["runs"]) == ids)
    unasked = cli(*chosen)
    assert unasked.code == 2 and "nobody can be asked here: give --yes" in unasked.err
    (folder / "texts" / CORRUPT).write_text("two words")
    assert "retried 2 runs" in cli(*chosen, "--yes").out
    for run in ids:
        assert cli("watch", run, "--json").json["state"] == "succeeded"
    assert cli("cancel", "--team", "many", "--yes").out.strip() == "no run matches"
    for words in ((), (runs[0].json["run"], "--team", "many")):
        assert cli("cancel", *words).code == 2


SLOW = """
import time
from pathlib import Path
from penstock import operator, workflow

@operator
def hold(go: str) -> int:
    while not Path(go).exists():
        time.sleep(0.02)
    return 1

@operator
def after(x: int) -> int:
    return x + 1

@workflow
def slow(go: str) -> int:
    return after(hold(go))
"""


def test_a_paused_run_starts_nothing_and_an_open_one_is_not_forked(cli: Cli, stack: Served, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    go = tmp_path / "go"
    run = cli("run", "slow.py:slow", "--go", str(go), "--detach", "--json", cwd=tmp_path).json["run"]
    with Client(stack.address) as client:
        wait_for(lambda: client.view(run).running())
        with pytest.raises(ForkRefused, match="has not ended"):
            client.repair.fork(run)
        assert client.repair.retry(run) == 0
        client.repair.pause(run, "a look")
        client.repair.pause(run)
        assert "paused" in cli("show", run).out
        go.touch()
        wait_for(lambda: "paused" in dict(client.why(run)).get("after", ""))
        assert client.view(run).nodes[1].attempts == []
        client.repair.resume(run)
        assert client.result(run) == 2
        with pytest.raises(Refused, match="has ended"):
            client.repair.pause(run)

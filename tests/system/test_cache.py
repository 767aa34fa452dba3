"""Results that later runs reuse: the example of docs/cache.md as users run it, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
from penstock import Client
from penstock.client import ClientError, RunRemoved

from tests.system.conftest import Cli, Served

PAGE = Path(__file__).parents[2] / "docs" / "cache.md"
MORE = """
@operator(cache=True)
def fragile(limit: int, number: int) -> int:
    if number > limit:
        raise ValueError(number)
    return number


@operator
def numbers(until: int) -> list[int]:
    return list(range(until))


@workflow
def several(until: int, limit: int) -> list[int]:
    return fragile.map(limit=limit, number=penstock.each(numbers(until)))


@workflow
def uncached(path: str) -> int:
    return count.options(cache=False)(clean(read(path)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "page.py").write_text(source + MORE)
    (tmp_path / "text.txt").write_text(f"One two {tmp_path.name}")  # another text than other tests have
    return tmp_path


def run(cli: Cli, folder: Path, *words: str, workflow: str = "counting") -> dict[str, Any]:
    given = ("--path", str(folder / "text.txt")) if workflow in ("counting", "uncached") else ()
    return cli("run", *words, f"page.py:{workflow}", *given, "--json", cwd=folder).json


def reused(shown: dict[str, Any]) -> set[str]:
    return {node["name"] for node in shown["timings"]["nodes"] if node["reused"]}


def test_the_second_run_computes_what_changed(cli: Cli, stack: Served, folder: Path) -> None:
    first = run(cli, folder)
    assert reused(first) == set() and first["outputs"] == {"result": 3}
    second = run(cli, folder)
    assert reused(second) == {"read", "clean", "count"} and second["outputs"] == {"result": 3}
    assert cli("logs", second["run"]).out == "", "no operator was called"
    (node,) = [node for node in second["timings"]["nodes"] if node["name"] == "clean"]
    assert (node["reused_from"]["run"], node["reused_from"]["node"]) == (first["run"], "clean")
    assert "was reused from node clean of run" in cli("cache", "explain", second["run"], "clean").out

    uncached = run(cli, folder, workflow="uncached")
    assert reused(uncached) == {"read", "clean"}
    refused = cli("cache", "explain", uncached["run"], "count")
    assert refused.code == 1 and "its operator has no cache=True" in refused.err
    assert reused(run(cli, folder, "--no-cache")) == set()
    assert reused(run(cli, folder, "--team", "others")) == set(), "never across teams"

    source = (folder / "page.py").read_text()
    (folder / "page.py").write_text(source.replace('LANGUAGE = "en"', 'LANGUAGE = "de"') + "# a comment\n")
    third = run(cli, folder)
    assert reused(third) == {"read"}
    why = cli("cache", "explain", third["run"], "clean", "--json").json
    assert not why["hit"] and why["differences"] == ["code changed: LANGUAGE in page"]
    assert cli("cache", "explain", third["run"], "count", "--json").json["differences"] == ["argument words changed"]
    assert {part["name"] for part in why["key"] if part["kind"] == "package"} == {"python"}

    (folder / "text.txt").write_text("One two three four")
    fourth = run(cli, folder)
    assert reused(fourth) == set() and fourth["outputs"] == {"result": 4}


def test_items_are_reused_one_by_one_and_failures_never(cli: Cli, folder: Path) -> None:
    words = ("run", "page.py:several", "--until", "4", "--limit", "2", "--json")
    failed = cli(*words, cwd=folder).json
    assert failed["state"] == "failed"
    again = cli(*words, cwd=folder).json
    assert again["state"] == "failed" and reused(again) == {"fragile[0]", "fragile[1]", "fragile[2]"}


def test_what_was_invalidated_or_removed_is_computed_again(cli: Cli, stack: Served, folder: Path) -> None:
    first = run(cli, folder)
    assert cli("cache", "invalidate", "--run", first["run"], "--node", "count", "--json").json == {"forgotten": 1}
    second = run(cli, folder)
    assert reused(second) == {"read", "clean"}
    assert cli("runs", "rm", first["run"]).code == 0
    third = run(cli, folder)
    assert reused(third) == {"count"} and third["outputs"] == {"result": 3}
    assert cli("cache", "invalidate", "page:count", "--all").code == 2
    with Client(stack.address) as client:
        assert client.cache.explain(third["run"], "count").is_hit
        with pytest.raises(RunRemoved):
            client.cache.explain(first["run"], "clean")
        with pytest.raises(ClientError, match="an operator, or a run, not both"):
            client.cache.invalidate("page:count", run=third["run"])
        with pytest.raises(ClientError, match="of which run"):
            client.cache.invalidate(node="count")
        assert client.cache.invalidate("page:clean") and client.cache.invalidate()

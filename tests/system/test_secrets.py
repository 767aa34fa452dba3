"""A secret reaches its operator and nothing else: its value is searched everywhere. docs/secrets.md is executed."""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.conftest import Cli
from tests.tracer.collector import Collector, listening
from tests.waiting import wait_for

FLOW = """
    import os, subprocess, sys, time
    import penstock
    from penstock import operator, workflow

    @operator(secrets=["canary"])
    def use(how: str, hold: str) -> int:
        value = penstock.secret("canary")
        print("it is", value)
        print(value, file=sys.stderr)
        penstock.progress(1, 2, value)
        if hold:
            open(hold, "w").close()
            while os.path.exists(hold):
                time.sleep(0.05)
        if how == "raise":
            try:
                raise KeyError(value)
            except KeyError as error:
                raise ValueError(f"cannot use {value!r}") from error
        if how == "die":
            os.abort()
        return len(value)

    @operator
    def look(length: int) -> list[str]:
        found = [name for name in os.environ if name.startswith("PENSTOCK_SECRET")]
        try:
            penstock.secret("canary")
        except Exception as error:
            found.append(str(error))
        import gc
        values = [value for each in gc.get_objects() if isinstance(each, dict) for value in each.values()]
        found += ["left" for value in values if isinstance(value, str) and value.startswith("canary-")]
        return found

    @workflow
    def flow(how: str = "return", hold: str = "") -> list[str]:
        return look(use(how, hold))
"""


@pytest.fixture
def canary() -> str:
    return f"canary-{uuid.uuid4().hex}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening(Collector()) as collector:
        yield collector


@pytest.fixture
def own(canary: str, tmp_path: Path, how: str, collector: Collector) -> Iterator[Cli]:
    """A stack of its own whose worker has the secret as a file; where an operator raises, with Kafka and traces."""
    data, folder = tmp_path / "data", tmp_path / "secrets"
    for each in (tmp_path.parent, tmp_path, data):
        each.mkdir(exist_ok=True)
        each.chmod(0o755)
    folder.mkdir(mode=0o700)
    (folder / "canary").write_text(canary + "\n")
    (folder / "canary").chmod(0o600)
    cli = Cli(data, {"PENSTOCK_SECRETS_FOLDER": str(folder)})
    streams = ("--kafka", "--traces", collector.address) if how == "raise" else ()
    assert cli("up", "--detach", "--port", "0", "--shards", "4", *streams).code == 0
    try:
        yield cli
    finally:
        cli("down")


def holders(value: str) -> list[str]:
    """Processes that show a value in their arguments or environment."""
    found: list[str] = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            try:
                data = Path(f"/proc/{pid}/{part}").read_bytes()
            except OSError:
                continue
            if value.encode() in data:
                found.append(f"{pid} {part}")
    return found


def files_with(value: str, folder: Path) -> list[str]:
    """Files below a folder that have a value: logs, artifacts, plans, and the tables and log of the database."""
    found = subprocess.run(["grep", "-rlaF", value, str(folder)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize("how", ["return", "raise", "die"])
def test_a_value_is_nowhere_else(
    own: Cli, canary: str, how: str, project: Callable[[str, str], Path], tmp_path: Path, collector: Collector
) -> None:
    path = project("guarded.py", FLOW)
    hold = tmp_path / "hold"
    running = own.start("run", str(path), "--how", how, "--hold", str(hold), "--json")
    wait_for(hold.exists)
    assert holders(canary) == []
    hold.unlink()
    out, err = running.communicate(timeout=300)
    assert running.returncode == (0 if how == "return" else 1), err
    run_id = re.search(r"run ([0-9a-f-]{36})", err)
    assert run_id
    shown = [out, err]
    for words in (("show",), ("logs",), ("events",), ("why",)):
        done = own(*words, run_id[1], *(["--json"] if words != ("logs",) else []))
        shown += [done.out, done.err]
    assert canary not in "".join(shown)
    assert "it is [secret canary]" in "".join(shown)
    if how == "raise":
        assert "cannot use '[secret canary]'" in "".join(shown)
        collector.wait(lambda: collector.ended(uuid.UUID(run_id[1]).bytes))
        assert not any(canary in str(span) for span in collector.of(uuid.UUID(run_id[1]).bytes))
        assert files_with("cannot use '[secret canary]'", own.data / "kafka") != []  # topics are not compressed
    if how == "return":
        assert "does not declare the secret 'canary'" in out and "left" not in out and "PENSTOCK_SECRET" not in out
    assert own("down").code == 0
    assert files_with(canary, own.data) == [] and holders(canary) == []


def test_a_secret_that_is_missing_is_named_before_the_operator_is_called(
    cli: Cli, project: Callable[[str, str], Path]
) -> None:
    path = project("guarded.py", FLOW)
    done = cli("check", str(path))
    assert done.code == 0 and "needs the secrets canary" in done.out
    assert cli("check", str(path), "--json").json["files"][0]["workflows"][0]["secrets"] == ["canary"]
    done = cli("run", str(path), "--json")
    failure = done.json["failure"]
    assert done.code == 1 and "the secret canary is missing here" in failure["message"]
    assert "PENSTOCK_SECRET_CANARY" in failure["message"] and "it is" not in done.err


def test_other_languages_of_trouble(cli: Cli, project: Callable[[str, str], Path]) -> None:
    """What a declaration may not say is refused at its line."""
    path = project("wrong.py", FLOW.replace('["canary"]', '["../canary"]'))
    done = cli("check", str(path))
    assert done.code != 0 and "invalid name of a secret" in done.out + done.err


PAGE = (Path(__file__).parents[2] / "docs" / "secrets.md").read_text()


def test_the_page_is_true(cli: Cli, tmp_path: Path) -> None:
    flow, test = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "fetch.py").write_text(flow)
    assert "needs the secrets hf-token" in cli("check", str(tmp_path / "fetch.py")).out
    done = subprocess.run([sys.executable, "-c", test], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

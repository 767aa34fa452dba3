"""docs/rest.md, typed as it is written: curl alone takes a newcomer from the launch to the result."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.system.conftest import Served
from tests.system.test_getting_started import prints

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def typed(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with what the page says it prints."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = entry.rstrip().split("\n")
            yield command, expected


def test_the_page_is_true(rest_stack: Served, url: str, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "greeting.py").write_text(program)
    known = {"$API": url, "PLAN": "", "RUN": ""}
    count = 0
    for command, expected in typed(PAGE):
        out = typed_out(rest_stack, replaced(command, known), tmp_path)
        for line in expected:
            assert prints(replaced(line, known), out), f"{command}\n{out}\nhas no line like\n{line}"
        if found := re.search(r'"plan":"(\w{64})"', out):
            known["PLAN"] = found[1]
        if (found := re.search(r'"run":"([\w-]{36})"', out)) and "Idempotency-Key" in command:
            known["RUN"] = found[1]
        count += 1
    assert count > 10


def replaced(text: str, known: dict[str, str]) -> str:
    for word, meant in known.items():
        text = text.replace(word, meant)
    return text


def typed_out(stack: Served, command: str, folder: Path) -> str:
    program, *words = shlex.split(command)
    if words == ["up"]:
        return re.sub(r"//127.0.0.1:\d+/", "//127.0.0.1:7780/", stack.log())
    if program == "penstock":
        done = stack.cli(*words, cwd=folder)
        assert done.code == 0, done
        return done.out + done.err
    assert program == "curl"
    curl = subprocess.run(["curl", "--noproxy", "*", *words], capture_output=True, text=True, check=False)
    assert curl.returncode == 0, curl.stderr
    return curl.stdout

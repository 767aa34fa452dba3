"""docs/getting-started.md, typed as it is written."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.conftest import Cli
from tests.waiting import WAIT_S, wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text()
# A free port instead, since the page's may be taken here.
PORT = "7733"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def typed() -> Iterator[tuple[str, list[str]]]:
    """Each command with what the page says it prints."""
    for block in blocks("console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = entry.rstrip().split("\n")
            yield command, expected


def prints(line: str, out: str) -> bool:
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", line.replace(PORT, "…")))
    return re.search(rf"^{pattern}\s*$", out, re.MULTILINE) is not None


class Terminals:
    """What the reader has open: one folder, and commands that go on in the background."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli, self.folder = cli, folder
        self.address = self.run = ""
        self.background: dict[str, subprocess.Popen[str]] = {}

    def type(self, command: str) -> str:
        for word, meant in {"RUN": self.run, f"127.0.0.1:{PORT}": self.address, "$PWD": str(self.folder)}.items():
            command = command.replace(word, meant)
        program, name, *words = shlex.split(command)
        assert program == "penstock"
        if name in ("up", "worker"):
            return self.start(name, *words)
        done = self.cli(name, *words, cwd=self.folder)
        assert done.code == (2 if "wrong.py" in command else 0), done
        if name == "run" and (found := re.search(r"^run (\S+)", done.out + done.err, re.MULTILINE)):
            self.run = found[1]
        return done.out + done.err

    def start(self, name: str, *words: str) -> str:
        self.stop(name)
        log = self.folder / f"{name}.log"
        port = ("--port", "0") if name == "up" else ()
        with log.open("w") as file:
            process = self.background[name] = self.cli.start(
                name, *words, *port, cwd=self.folder, stdout=file, stderr=file
            )
        ready = "ready on" if name == "up" else "joined pool"
        wait_for(lambda: ready in log.read_text() or process.poll() is not None)
        if found := re.search(r"ready on (\S+?),", log.read_text()):
            self.address = found[1]
        return log.read_text()

    def stop(self, name: str) -> None:
        """Ctrl-C."""
        if (process := self.background.pop(name, None)) is not None:
            process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_S) == 0

    def close(self) -> None:
        for process in self.background.values():
            process.kill()
            process.wait()


@pytest.fixture
def terminals(make_data: Callable[[], Path], tmp_path: Path) -> Iterator[Terminals]:
    opened = Terminals(Cli(make_data()), tmp_path)
    yield opened
    opened.close()


@pytest.mark.timeout(600)
def test_every_command_prints_what_the_page_says(terminals: Terminals) -> None:
    files = {block.split("\n")[0].removeprefix("# "): block for block in blocks("python")}
    assert set(files) == {"prices.py", "test_prices.py", "wrong.py", "flaky.py"}
    for name, text in files.items():
        (terminals.folder / name).write_text(text)
    subprocess.run([sys.executable, "test_prices.py"], cwd=terminals.folder, check=True, timeout=WAIT_S)
    for command, expected in typed():
        out = terminals.type(command)
        assert [line for line in expected if not prints(line, out)] == [], f"$ {command}\n{out}"
    for name in ("worker", "up"):
        terminals.stop(name)

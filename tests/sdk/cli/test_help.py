"""The commands' help: complete, readable, and the page made from it current."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from penstock.cli.app import app, execute
from penstock.cli.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
# Commands that neither list nor show anything.
WITHOUT_JSON = {"certs", "up", "worker"}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "`python -m penstock.cli.reference > docs/cli.md` writes it anew"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: penstock {name}") and "\\n" not in out
    for parameter in GROUP.commands[name].params:
        assert parameter.help or parameter.name in ("target", "help"), f"{name} {parameter.name}"


def test_the_list_of_commands_cuts_no_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    out = capsys.readouterr().out
    assert set(re.findall(r"^  ([a-z-]+)  ", out, re.MULTILINE)) >= set(COMMANDS)
    assert "..." not in out.split("Commands:")[1] and "Exit codes" in out


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_JSON))
def test_what_lists_or_shows_also_prints_json(name: str) -> None:
    command = GROUP.commands[name]
    commands = getattr(command, "commands", {}).values() if not command.params else [command]
    assert commands
    for one in commands:
        assert "--json" in [option for parameter in one.params for option in parameter.opts], one.name

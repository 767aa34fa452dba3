"""docs/cli.md, generated from the commands: `python -m penstock.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from .app import app

WIDTH = 80
HEAD = """# The command line

Generated from the help of the commands by `python -m penstock.cli.reference`; a test checks that it is current.

All commands share these rules:

* **Where the services are**: `--address` (default: `PENSTOCK_ADDRESS`, then the stack on this machine with the data
  folder of `--data` or `PENSTOCK_HOME`). If no stack is running, the command starts one and stops it at the end;
  `run --detach` and `up --detach` start one that keeps running until `down`. Only `run`, `watch` and `logs --follow`
  then execute actions; read-only commands leave open runs as they are. `status`, `down` and `workers` start nothing.
* **`RUN`** is a run id, or a prefix or suffix of it that matches exactly one run.
* **`--json`** prints one JSON value on stdout; progress and errors go to stderr.
* **Exit codes**: 0 success; 1 failure; 2 usage error or invalid workflow, nothing was started; 3 the run was cancelled;
  130 interrupted.
* **Ctrl-C** never cancels a run. If the services run elsewhere, the run continues; if this command started them, it
  prints the command that resumes the run.
"""


def page() -> str:
    """Return the whole page; the width of the terminal does not change it."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("penstock", [], resilient_parsing=True, terminal_width=WIDTH)
    parts = [HEAD]
    return "\n".join([*parts, *_commands(group, context)])


def _commands(group: Any, context: Any) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        own = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH)
        lines = [line.rstrip() for line in str(own.get_help()).splitlines()]
        yield "\n".join([f"## {own.command_path}", "", "```text", *lines, "```", ""])
        if hasattr(command, "list_commands"):
            yield from _commands(command, own)


if __name__ == "__main__":
    print(page(), end="")

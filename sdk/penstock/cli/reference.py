"""docs/cli.md, made from the commands: `python -m penstock.cli.reference > docs/cli.md`."""

from __future__ import annotations

from typing import Any

import typer.main

from .app import app

WIDTH = 80
HEAD = """# The command line

Made from the commands' own help by `python -m penstock.cli.reference`; a test compares.

What all commands share:

* **Where the services are**: `--address`, else `PENSTOCK_ADDRESS`, else the stack that runs on this machine over the
  data folder (`--data`, else `PENSTOCK_HOME`). If there is none, the command starts one that ends with it. Only `run`
  and `watch` then execute anything; commands that look leave open runs as they are.
* **`RUN`** is a run's id, or so much of its beginning or end that one run fits.
* **`--json`** prints one JSON value on stdout; progress and errors go to stderr.
* **Exit codes**: 0 it went well; 1 it failed; 2 what was typed, or the workflow, is wrong and nothing was started; 3
  the run was cancelled; 130 interrupted.
* **Ctrl-C** never ends a run. If the services run elsewhere, the run goes on; if this command had started them, it
  prints the command that resumes the run.
"""


def page() -> str:
    """The whole page; its lines are as long in every terminal."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("penstock", [], resilient_parsing=True, terminal_width=WIDTH)
    parts = [HEAD]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        own = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH)
        lines = [line.rstrip() for line in str(own.get_help()).splitlines()]
        parts.append("\n".join([f"## penstock {name}", "", "```text", *lines, "```", ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")

"""docs/configuration.md, generated from the settings: `python -m penstock_stack.configuration FILE`."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.cli.app import app
from penstock_service.settings import ServiceSettings
from penstock_service.variables import Variable, variables
from penstock_stream.settings import StreamSettings
from typer.main import get_command

from .members import services

HEAD: Final = """# Configuration

Generated from the settings of each service by `make docs`; a test checks that it is current.

Services take no arguments. Each service reads its environment variables when it starts. If one is missing or invalid,
it prints the name of the variable and exits with code 2. `penstock-state-tracker --help` (and so on) shows the same
information as this page. `docker-compose.yml` is a complete example; [deployment.md](deployment.md) explains how the
services work together.
"""
CLIENTS: Final = """
## Clients: `penstock` and `penstock.Client`

| variable | default | meaning |
|---|---|---|
| `PENSTOCK_ADDRESS` | the stack of this machine, then `127.0.0.1:7733` | Address of a State Tracker, or of a stack. |
| `PENSTOCK_HOME` | see below | Data folder of the embedded stack and of workers. |
| `PENSTOCK_DEBUG` | | `1` adds a traceback to errors, which are otherwise one line. |
| `TRACEPARENT` | | Parent span of a submitted run, as in W3C Trace Context. |

The data folder is `~/.local/share/penstock` by default (`$XDG_DATA_HOME/penstock`, if that is set), on macOS
`~/Library/Application Support/penstock`. As root it is `/var/lib/penstock`: the unprivileged account of the embedded
Postgres cannot reach root's home.
"""


def page() -> str:
    """Return the whole page in Markdown."""
    common, streams = variables(ServiceSettings), variables(StreamSettings)
    parts = [
        HEAD,
        _section("Every service", common),
        _section("Services with streams", _others(streams, common)),
    ]
    for settings in services():
        known = streams if issubclass(settings, StreamSettings) else common
        title, _, meaning = (settings.__doc__ or "").removeprefix("The ").partition(": ")
        title = f"{_capital(title)}: `{settings.service}`"
        parts.append(_section(title, _others(variables(settings), known), f"{_capital(meaning)}\n\n"))
    return "\n".join([*parts, _worker()]) + CLIENTS


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _others(these: Iterable[Variable], known: Sequence[Variable]) -> list[Variable]:
    return [one for one in these if one not in known]


def _section(title: str, these: Iterable[Variable], text: str = "") -> str:
    rows = [[f"`{one.name}`", one.kind, _default(one), one.meaning] for one in these]
    return f"## {title}\n\n{text}{_table(['variable', 'value', 'default', 'meaning'], rows)}"


def _default(one: Variable) -> str:
    if one.default is None:
        return "**required**"
    return f"`{one.default}`" if one.default else ""


def _worker() -> str:
    command: Any = get_command(app)
    worker = command.commands["worker"]
    rows = [
        [f"`{option.opts[0]}`", f"`{option.envvar}`" if option.envvar else "", _shown(option.default), option.help]
        for option in worker.params
    ]
    text = "A worker is configured by options; the second column names environment variables to use instead.\n\n"
    return f"## Worker: `penstock worker`\n\n{text}{_table(['option', 'variable', 'default', 'meaning'], rows)}"


def _shown(default: object) -> str:
    return f"`{str(default).lower() if isinstance(default, bool) else default}`" if default not in (None, "") else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:], ""])


def main() -> None:
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

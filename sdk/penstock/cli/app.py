"""The list of commands, and how their errors are shown. A command imports what is slow to import when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer import TyperException

from . import exits
from .access import audit, teams, tokens, whoami
from .artifacts import artifacts
from .cache import cache
from .certs import init, issue
from .compile import check, compile_
from .diff import diff
from .doctor import doctor
from .get import get
from .history import compare, rebuild, stats
from .inputs import RunCommand
from .login import login, logout
from .notifications import notifications
from .pages import open_page
from .registry import alias, deploy, types, workflows
from .removal import gc, rm
from .repair import fork, pause, resume, retry
from .run import run
from .show import events, runs, show, why, workers
from .signals import approve, signal
from .status import down, status
from .up import up
from .watch import cancel, logs, watch
from .worker import worker

HELP = """Typed, parallel, durable machine-learning workflows in ordinary Python.

Start with `penstock run FILE.py:WORKFLOW`. If no services are running, it starts them and stops them when it ends.
`penstock up` keeps them running.
"""
EPILOG = """Exit codes: 0 success, 1 failure, 2 usage error or invalid workflow, 3 run cancelled, 130 interrupted.
PENSTOCK_DEBUG=1 adds a traceback to errors.
"""

app = typer.Typer(
    name="penstock",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_UNPARSED: dict[Any, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
# In the order in which people come to need them.
app.command(cls=RunCommand, context_settings=_UNPARSED)(run)
app.command()(check)
app.command("compile")(compile_)
app.command()(diff)
app.command()(deploy)
app.command()(workflows)
app.command()(alias)
app.command()(types)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(worker)
app.command()(login)
app.command()(logout)
_certs = typer.Typer(help="Create certificates for TLS between services.")
_certs.command()(init)
_certs.command()(issue)
app.add_typer(_certs, name="certs")
_runs = typer.Typer(help=runs.__doc__, invoke_without_command=True, rich_markup_mode=None, no_args_is_help=False)
_runs.callback()(runs)
_runs.command("rm")(rm)
app.add_typer(_runs, name="runs")
app.command()(show)
app.command("open")(open_page)
app.command()(get)
app.command()(watch)
app.command()(logs)
app.command()(events)
app.command()(why)
app.command()(cancel)
app.command()(signal)
app.command()(approve)
app.command()(fork)
app.command()(retry)
app.command()(pause)
app.command()(resume)
app.add_typer(cache, name="cache")
app.command()(workers)
app.command()(gc)
app.command()(doctor)
app.command()(stats)
app.command()(compare)
app.command()(artifacts)
app.command("rebuild-history")(rebuild)
app.add_typer(notifications, name="notifications")
app.command()(whoami)
app.add_typer(tokens, name="tokens")
app.add_typer(teams, name="teams")
app.command()(audit)


@app.callback(invoke_without_command=True)
def options(ctx: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"penstock {installed('penstock')}")
        raise typer.Exit


def execute(words: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is a line on stderr; PENSTOCK_DEBUG=1 adds a traceback."""
    try:
        return int(app(list(words), prog_name="penstock", standalone_mode=False) or 0)
    except TyperException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)
        return exits.USAGE
    except typer.Abort:
        return exits.INTERRUPTED
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (Python flushes it at exit; the reader is gone)
        return exits.FAILED
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    from ..errors import CompileErrors, LoadError, PenstockError
    from .terminal import clean_lines

    if os.environ.get("PENSTOCK_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    known = isinstance(error, PenstockError) or type(error).__module__.startswith("penstock")
    text = str(error) if known else f"{type(error).__name__}: {error} (PENSTOCK_DEBUG=1 shows where)"
    if isinstance(error, RecursionError):
        text = "a value is nested too deeply; the limit is 100 (docs/data.md)"
    elif isinstance(error, UnicodeEncodeError):
        text = f"text with a lone surrogate, {error.object[error.start : error.end]!r}, is not valid text; clean it"
    print(f"error: {clean_lines(text)}", file=sys.stderr)
    from ..client.errors import BadInputs, NotRegistered, Refused, UnknownPool
    from ..client.registered import BadReference
    from .stack import NoStack

    wrong = CompileErrors | LoadError | BadInputs | BadReference | NotRegistered | UnknownPool | NoStack
    refused = isinstance(error, Refused) and error.code == "INVALID_ARGUMENT"
    unreadable = isinstance(error, RecursionError | UnicodeEncodeError)
    return exits.USAGE if isinstance(error, wrong) or refused or unreadable else exits.FAILED

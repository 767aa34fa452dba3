"""`penstock cancel` and `retry` of all runs that match a filter: which they are, a question, then the command."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import labels_of, time_s
from .terminal import counted

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.past import PastRun
    from ..client.runs import RunInfo
    from ..client.view import RunState

RUNS_MAX = 10_000
RUNS_SHOWN = 20

Team = Annotated[str, typer.Option(help="Choose runs of this team.")]
Workflow = Annotated[str, typer.Option(help="Choose runs of the workflow with this qualified name.")]
Name = Annotated[str, typer.Option(help="Choose runs of this workflow of the registry.")]
User = Annotated[str, typer.Option(help="Choose runs of this user.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Choose runs with this label; repeatable.")
]
Search = Annotated[str, typer.Option(help="Choose runs of workflows with this text in their name, in any case.")]
SubmittedSince = Annotated[
    str, typer.Option(metavar="TIME", help="Choose runs that were submitted within this time, such as 1h.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show which runs match, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Start without a question.")]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """All of it must hold; what is empty does not matter. Times are microseconds since 1970."""

    team: str = ""
    workflow: str = ""
    name: str = ""
    user: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    search: str = ""
    from_us: int = 0
    ended_from_us: int = 0

    @classmethod
    def read(
        cls,
        *,
        team: str = "",
        workflow: str = "",
        name: str = "",
        user: str = "",
        label: Sequence[str] | None = None,
        search: str = "",
        submitted_since: str = "",
        ended_since: tuple[str, str] = ("", ""),
    ) -> RunFilter:
        """Return what options say. `ended_since`: the option and its value. Raises BadParameter."""
        from_us = _since_us("--submitted-since", submitted_since)
        labels = tuple(sorted(labels_of(label or ()).items()))
        return cls(team, workflow, name, user, labels, search, from_us, _since_us(*ended_since))

    async def find(self, client: AsyncClient, states: Sequence[RunState], limit: int) -> Sequence[RunInfo | PastRun]:
        """Return the newest runs that match. Only teams and workflows are known without the history."""
        if self != RunFilter(team=self.team, workflow=self.workflow):
            return await client.history.runs(
                workflow=self.workflow,
                search=self.search,
                name=self.name,
                team=self.team,
                user=self.user,
                states=states,
                labels=dict(self.labels),
                from_us=self.from_us,
                ended_from_us=self.ended_from_us,
                limit=limit,
            )
        found = await client.list(team=self.team, workflow=self.workflow, states=states, limit=limit)
        if found.databases_away:
            terminal.line(f"incomplete: {found.databases_away} databases do not answer", to_stderr=True)
        return found


@dataclass(frozen=True, slots=True)
class Bulk:
    """A command for all runs that match a filter, as its options say it.

    Attributes:
        verb, done: As in "cancel 3 runs?" and "cancelled 3 runs".
    """

    verb: str
    done: str
    wanted: RunFilter
    dry_run: bool
    yes: bool
    as_json: bool

    def check(self, run: str | None) -> None:
        """Raise BadParameter unless either one run is named, or a filter."""
        if run is None and self.wanted == RunFilter():
            raise typer.BadParameter("name a run, or say which runs, as in --team search --submitted-since 1h")
        if run is not None and (self.wanted != RunFilter() or self.dry_run):
            raise typer.BadParameter("a run was named: filters and --dry-run are for many runs")
        if run is None and not (self.yes or self.dry_run) and (self.as_json or not sys.stdin.isatty()):
            raise typer.BadParameter("nobody can be asked here: give --yes, or --dry-run to see which runs match")

    async def apply(
        self, client: AsyncClient, states: Sequence[RunState], command: Callable[[Any], Awaitable[Any]]
    ) -> int:
        """Show which runs match, ask, and give each the command."""
        from ..client.bulk import apply

        runs = await self.wanted.find(client, states, RUNS_MAX)
        if not self.as_json:
            self._show(runs)
        if self.dry_run or not runs or not (self.yes or typer.confirm(f"{self.verb} {counted(len(runs), 'run')}?")):
            failures, chosen = [], []
        else:
            chosen = [run.id for run in runs]
            failures = await apply(command, chosen)
        if self.as_json:
            terminal.json_out(
                {
                    "dry_run": self.dry_run,
                    "runs": [str(run.id) for run in runs],
                    self.done: len(chosen) - len(failures),
                    "failures": [{"run": str(run), "error": str(error)} for run, error in failures],
                    "more": len(runs) == RUNS_MAX,
                }
            )
        else:
            for run, error in failures:
                terminal.line(f"run {run}: {error}", to_stderr=True)
            if chosen:
                terminal.line(f"{self.done} {counted(len(chosen) - len(failures), 'run')}")
        return exits.FAILED if failures else exits.SUCCEEDED

    def _show(self, runs: Sequence[RunInfo | PastRun]) -> None:
        from . import texts

        if not runs:
            terminal.line("no run matches")
            return
        texts.runs_table(runs[:RUNS_SHOWN])
        if len(runs) > RUNS_SHOWN:
            terminal.line(f"and {len(runs) - RUNS_SHOWN} more")
        if len(runs) == RUNS_MAX:
            terminal.line(f"these are the newest {RUNS_MAX}; there may be more: repeat the command")


def _since_us(option: str, text: str) -> int:
    return int((time.time() - time_s(option, text)) * 1e6) if text else 0

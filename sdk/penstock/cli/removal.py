"""`penstock runs rm` and `penstock gc`: what is no longer needed makes room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, time_s
from .show import call_with_client
from .terminal import counted

if TYPE_CHECKING:
    from ..client import AsyncClient, Collected


def rm(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Remove these runs: ids, or prefixes or suffixes of ids.")
    ],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Remove runs that have ended, with their events and logs.

    `penstock gc` then removes the artifacts that no other run refers to.
    """

    async def look(client: AsyncClient) -> int:
        found = list(dict.fromkeys([await client.find(run) for run in runs]))
        infos = [await client.get(run) for run in found]  # all of them, before any is removed
        if open_runs := [str(run.id) for run in infos if not run.state.ended]:
            raise typer.BadParameter(
                f"not ended: {', '.join(open_runs)}; cancel them or wait for their end before removing them"
            )
        freed = await client.remove(found)
        if as_json:
            terminal.json_out({"removed": [str(run) for run in found], "logs_bytes": freed})
        else:
            for run in found:
                terminal.line(f"removed {run}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def gc(
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Remove runs that ended longer ago than this, such as 30d, 12h or 90min."),
    ] = None,
    keep: Annotated[int | None, typer.Option(min=0, help="Keep this many of the newest ended runs.")] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Keep artifacts stored within this time (default: 1h, or 24h while runs are open)."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Remove old runs, and artifacts that no run refers to.

    Without --older-than and --keep, only artifacts are removed. With both, runs are removed that are older and beyond
    the number. Open runs are never removed. It can run at any time, and again after an interruption.
    """
    older_than_s = None if older_than is None else time_s("--older-than", older_than)
    grace_s = None if grace is None else time_s("--grace", grace)

    async def look(client: AsyncClient) -> int:
        found = await client.collect(older_than_s, keep, grace_s=grace_s, dry_run=dry_run)
        if as_json:
            terminal.json_out(_record(found, dry_run))
        else:
            _print(found, dry_run)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _record(found: Collected, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "runs": [str(run) for run in found.runs],
        "logs_bytes": found.logs_bytes,
        "artifacts": found.artifacts,
        "artifacts_bytes": found.artifacts_bytes,
        "kept_runs": found.kept_runs,
        "kept_artifacts_bytes": found.kept_artifacts_bytes,
        "grace_s": found.grace_s,
    }


def _print(found: Collected, dry_run: bool) -> None:
    from penstock_plan.show.sizes import size

    done = "would remove" if dry_run else "removed"
    logs = "" if dry_run else f" with {size(found.logs_bytes)} of logs"
    terminal.line(f"{done} {counted(len(found.runs), 'run')}{logs}; {counted(found.kept_runs, 'run')} stay")
    terminal.line(
        f"{done} {counted(found.artifacts, 'artifact')} of {size(found.artifacts_bytes)}; "
        f"{size(found.kept_artifacts_bytes)} stay"
    )
    if found.runs and dry_run:
        terminal.line("artifacts of these runs are not counted: they are free once the runs are removed")
    terminal.line(f"artifacts that were stored within {terminal.seconds(found.grace_s)} stay in any case")

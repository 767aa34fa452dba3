"""`penstock status` and `penstock down`: the services on this machine, what they do, and their end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exits, terminal
from .options import Address, AsJson, Data

if TYPE_CHECKING:
    from penstock_proto.action_service.v1 import service_pb2 as action_pb2

    from ..client.discovery import Running
    from ..client.runs import RunInfo

# A stack on this machine answers at once, or is about to end.
PATIENCE_S = 2.0
OPEN_RUNS_SHOWN_MAX = 10
OPEN_RUNS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Status:
    """What services say of themselves."""

    address: str
    version: str
    shards: int
    pools: Sequence[action_pb2.Pool]
    workers: Sequence[action_pb2.Worker]
    open_runs: Sequence[RunInfo]
    # On this machine: the process, and the folder with its data.
    running: Running | None
    data: Path | None


def status(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Show whether services are running, and what they do.

    Address, version, pools, workers and open runs.
    The exit code is 1 if none are running. No services are started.
    """
    import asyncio
    import os

    from ..client.discovery import choose_address, data_folder, find

    folder = data or data_folder()
    running = find(folder)
    if running is None and not address and not os.environ.get("PENSTOCK_ADDRESS"):
        if as_json:
            terminal.json_out({"running": False, "data": str(folder)})
        else:
            terminal.line(f"no services are running on {folder}; start them with `penstock up`")
        return exits.FAILED
    chosen = choose_address(address, folder)
    here = running if running is not None and running.address == chosen else None
    found = asyncio.run(_ask(chosen, here, folder if here is not None else None))
    if as_json:
        terminal.json_out(_record(found))
    else:
        _print(found)
    return exits.SUCCEEDED


def down(as_json: AsJson = False, data: Data = None) -> int:
    """Stop the services that run on this machine.

    Stop those that `penstock up` or `penstock run --detach` started. Open runs continue at the next start.
    """
    from ..client.discovery import data_folder
    from . import background

    folder = data or data_folder()
    stopped = background.stop(folder)
    if as_json:
        pid = stopped.pid if stopped else None
        terminal.json_out({"stopped": stopped is not None, "data": str(folder), "pid": pid})
    elif stopped is None:
        terminal.line(f"no services are running on {folder}")
    else:
        terminal.line(f"stopped the services on {folder}; open runs continue at the next start")
    return exits.SUCCEEDED


async def _ask(address: str, running: Running | None, data: Path | None) -> Status:
    from ..client import AsyncClient
    from ..client.view import RunState
    from .show import program

    async with AsyncClient(address, program=program(), patience_s=PATIENCE_S) as client:
        info = await client.info()
        open_runs = await client.list(states=[RunState.RUNNING, RunState.CANCELLING], limit=OPEN_RUNS_MAX)
        pools, workers = await client.pools(), await client.workers()
    return Status(address, info.version, info.shards, pools, workers, open_runs, running, data)


def _record(found: Status) -> dict[str, Any]:
    from . import records

    return {
        "running": True,
        "address": found.address,
        "version": found.version,
        "shards": found.shards,
        "pid": found.running.pid if found.running else None,
        "attended": found.running.attended if found.running else None,
        "data": str(found.data) if found.data else None,
        "pools": [records.of_message(pool) for pool in found.pools],
        "workers": [records.of_message(worker) for worker in found.workers],
        "open_runs": [records.of_info(run) for run in found.open_runs],
    }


def _print(found: Status) -> None:
    from rich.text import Text

    from . import texts

    out = texts.console()
    process = f", process {found.running.pid}" if found.running else ""
    out.print(Text.assemble("running on ", (found.address, "bold"), f", version {found.version}{process}"))
    if found.data is not None:
        out.print(Text(f"data in {terminal.clean(str(found.data))}"))
    if found.running is not None and found.running.attended:
        out.print(Text("it stops when the command that started it ends", "yellow"))
    out.print()
    out.print(texts.pools_table(found.pools))
    if found.workers:
        out.print()
    texts.workers_table(found.workers)
    out.print()
    if not found.open_runs:
        out.print("no open runs")
        return
    more = "+" if len(found.open_runs) == OPEN_RUNS_MAX else ""
    out.print(Text(f"{len(found.open_runs)}{more} open run{'s' * (len(found.open_runs) > 1)}", "bold"))
    now_us = time.time_ns() // 1000
    for run in found.open_runs[:OPEN_RUNS_SHOWN_MAX]:
        since = terminal.seconds(max(0, now_us - run.submitted_at_us) / 1e6)
        done = sum(run.counts.get(state, 0) for state in ("succeeded", "failed", "skipped"))
        line = f"  {run.id}  {terminal.clean(run.workflow)}  {done} of {run.nodes} nodes  {since}"
        out.print(Text(line, no_wrap=True, overflow="ellipsis"))

"""`penstock get`: outputs of a run as files."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, RunId
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient

STDOUT = "-"


def get(
    run: RunId,
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="[NODE.]OUTPUT",
            help="Save this output of the run or of a node, or a part of it: OUTPUT.PART (default: list them).",
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Write to this file, into this folder, or to stdout (-)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Save an output of a run as a file.

    The suffix of FILE selects the format: a table is saved as .csv, .tsv, .parquet, .arrow or .json, an array as .npy
    or .csv, a report as .md, other values as .json; a file or a figure is saved as it is. A value with several parts
    becomes a folder. Without FILE, a name that fits is chosen.

    Outputs of a node are available once it has succeeded, even if the run continues or has failed.
    """

    from penstock_plan.show.sizes import size

    async def look(client: AsyncClient) -> int:
        run_id = str(await client.find(run))
        if output is None:
            return await _list(client, run_id, as_json)
        if file == STDOUT:
            return await _print(client, run_id, output)
        saved = await client.save(run_id, output, file, force=force)
        if as_json:
            shown = {"run": run_id, "output": output, "file": str(saved.path.absolute())}
            terminal.json_out({**shown, "files": saved.files, "size_bytes": saved.size_bytes})
        else:
            what = f"{saved.files} files, " if saved.files > 1 else ""
            terminal.line(f"wrote {saved.path} ({what}{size(saved.size_bytes)})")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


async def _print(client: AsyncClient, run_id: str, output: str) -> int:
    """The bytes to a program; to a terminal only text, with what could steer it written out."""
    if not sys.stdout.isatty():
        await client.save(run_id, output, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return exits.SUCCEEDED
    from ..client.errors import SaveFailed

    kept = io.BytesIO()
    await client.save(run_id, output, kept)
    try:
        text = kept.getvalue().decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SaveFailed(f"{output} is not text, and stdout is a terminal; give a FILE")
    print(terminal.clean_lines(text.removesuffix("\n")), flush=True)
    return exits.SUCCEEDED


async def _list(client: AsyncClient, run_id: str, as_json: bool) -> int:
    """The outputs of the run, and how one is saved."""
    from penstock_plan.show.sizes import size

    from . import records, texts
    from .output_texts import command

    found = await client.outputs(run_id)
    if as_json:
        terminal.json_out([records.of_output(each) for each in found])
        return exits.SUCCEEDED
    out = texts.console()
    table = texts.plain_table("output", "type", "size", "")
    for each in found:
        known = size(each.size_bytes) if each.is_ready else "not there yet"
        how = command(run_id, each.path) if each.is_ready else ""
        table.add_row(terminal.clean(each.path), terminal.clean(each.type), known, terminal.clean(how))
    out.print(table if found else "this workflow has no outputs")
    out.print(f"outputs of a node: penstock get {run_id[-12:]} NODE.OUTPUT", style="dim")
    return exits.SUCCEEDED

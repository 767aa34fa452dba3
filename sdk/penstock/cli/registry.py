"""Workflows by name: `deploy`, `workflows`, `alias`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, Static, static_values
from .show import call_with_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..client import AsyncClient
    from ..client.registered import AliasMove, Change

SHOWN_VERSIONS = 20


def deploy(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py[:WORKFLOW]",
            help="Use this workflow; omit the name if the file has only one.",
        ),
    ],
    team: Annotated[str, typer.Option("--team", help="Give the name to this team, if the name is new.")] = "",
    name: Annotated[
        str, typer.Option("--name", help="Use this name (default: the name of the workflow in its file).")
    ] = "",
    alias: Annotated[str, typer.Option("--alias", help="Move this alias, such as production, to the version.")] = "",
    breaking: Annotated[
        bool, typer.Option("--breaking", help="Allow inputs with which calls of the latest version may fail.")
    ] = False,
    static: Static = None,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Give a workflow a name, by which others run it.

    Deploying the same code again gives the same version. If the inputs changed so that calls of the latest version may
    fail, nothing is deployed without --breaking.
    """
    from ..client import submission
    from ..compiler.loader import load_workflow
    from . import records

    workflow = load_workflow(target)
    # What is wrong with it is said before any service is asked.
    compiled = submission.compile_once(workflow, static_values(workflow, static))

    async def look(client: AsyncClient) -> int:
        done = await client.registry.deploy(compiled, name=name, team=team, alias=alias, allow_incompatible=breaking)
        if as_json:
            terminal.json_out(records.of_deployed(done))
            return exits.SUCCEEDED
        what = "deployed" if done.created else "has this plan already"
        terminal.line(f"{done.version} {what}, plan {done.version.plan_hash.hex()[:12]}")
        _print_changes(done.version.changes if done.created else ())
        if done.moved is not None:
            _print_move(done.moved)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def workflows(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME[@VERSION]", help="Show the versions of this workflow, or the inputs of one version."
        ),
    ] = None,
    search: Annotated[
        str, typer.Option("--search", help="List only workflows that have words beginning with these.")
    ] = "",
    team: Annotated[str, typer.Option("--team", help="List only workflows of this team.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many workflows or versions.")] = SHOWN_VERSIONS,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List deployed workflows, or show one.

    NAME shows its versions, NAME@VERSION or NAME@ALIAS the inputs of that version.
    """
    from . import records, texts

    async def look(client: AsyncClient) -> int:
        if name is not None:
            return await _show(client, name, limit, as_json)
        found = await client.registry.workflows(search, team=team, limit=limit)
        if as_json:
            terminal.json_out([records.of_workflow(each) for each in found])
        else:
            texts.workflows_table(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def alias(
    target: Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="Move this alias, or create it.")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Use this version: a number, another alias, or latest.")
    ] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias instead.")] = False,
    expect: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Move it only if it points at this version, 0 if it must not exist (default: where it points now).",
        ),
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Move an alias to a version of a workflow.

    If somebody else moves the alias at the same moment, one of both commands fails, and says so.
    """
    from ..client.registered import parse_reference
    from . import records

    reference = parse_reference(target)
    if not reference.alias:
        raise typer.BadParameter(f"invalid alias {target!r}: expected NAME@ALIAS, such as digits@production")
    if bool(version) == remove:
        raise typer.BadParameter("expected either a version or --remove")

    async def look(client: AsyncClient) -> int:
        registry, own, moving = client.registry, reference.name, reference.alias
        expected = (await registry.workflow(own)).aliases.get(moving, 0) if expect is None else expect
        if remove:
            moved = await registry.remove_alias(own, moving, expected_version=expected)
        else:
            moved = await registry.move_alias(own, moving, version, expected_version=expected)
        if as_json:
            terminal.json_out(None if moved is None else records.of_move(moved))
        elif moved is None:
            there = "does not exist" if remove else f"points at {version} already"
            terminal.line(f"{own}@{moving} {there}")
        else:
            _print_move(moved)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def types(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the versions of the class with this qualified name.")
    ] = None,
    search: Annotated[
        str, typer.Option("--search", help="List only classes that have words beginning with these.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many classes or versions.")] = SHOWN_VERSIONS,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List classes of deployed workflows, or show one."""
    from . import records, texts

    async def look(client: AsyncClient) -> int:
        if name is not None:
            versions = await client.registry.type_versions(name, limit=limit)
            if as_json:
                terminal.json_out([records.of_type(each) for each in versions])
            else:
                texts.types_table(versions)
            return exits.SUCCEEDED
        found = await client.registry.types(search, limit=limit)
        if as_json:
            terminal.json_out(found)
        for each in () if as_json else found:
            terminal.line(each)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


async def _show(client: AsyncClient, name: str, limit: int, as_json: bool) -> int:
    from . import inputs, records, texts

    if "@" in name:
        form = await client.registry.form(name)
        version = await client.registry.version(str(form))  # an alias may move meanwhile
        if as_json:
            terminal.json_out({**records.of_version(version), "form": form.schema})
        else:
            texts.workflow_version(version)
            terminal.line("")
            inputs.print_help(str(version), form.schema)
        return exits.SUCCEEDED
    info, versions = await client.registry.workflow(name), await client.registry.versions(name, limit=limit)
    if as_json:
        terminal.json_out({**records.of_workflow(info), "versions": [records.of_version(each) for each in versions]})
    else:
        texts.versions_table(info, versions)
    return exits.SUCCEEDED


def _print_move(moved: AliasMove) -> None:
    was = str(moved.from_version) if moved.from_version else "new"
    to: Any = moved.version or "removed"
    terminal.line(f"{moved.name}@{moved.alias} -> {to} ({'was ' if moved.from_version else ''}{was})")
    _print_changes(moved.changes)


def _print_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        terminal.line(f"  {change}")

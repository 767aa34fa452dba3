"""Who may do what: `whoami`, `tokens`, `teams`, `audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import Address, AsJson, Data
from .show import call_with_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..client import AsyncClient
    from ..client.access import AuditEntry, TokenInfo

DAY_S = 86_400

tokens = typer.Typer(help="Create, list and revoke API tokens.", rich_markup_mode=None, no_args_is_help=True)
teams = typer.Typer(help="List and change who has which role in a team.", rich_markup_mode=None, no_args_is_help=True)

Team = Annotated[str, typer.Argument(metavar="TEAM", help="Use this team; * is the deployment.")]
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="Use this subject: ISSUER|SUBJECT, as `penstock whoami` prints it.")
]


def whoami(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Show your name, your teams and your roles."""

    async def look(client: AsyncClient) -> int:
        me = await client.access.whoami()
        if as_json:
            terminal.json_out(asdict(me))
            return exits.SUCCEEDED
        terminal.line(f"{me.subject}  {me.kind}, signed in by {me.source}")
        if me.is_admin:
            terminal.line("  admin of the deployment")
        for team, role in me.teams.items():
            terminal.line(f"  {role} in {team}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="Give it a name, for people.")] = "",
    team: Annotated[list[str] | None, typer.Option(help="Allow only this team; repeatable.")] = None,
    role: Annotated[str, typer.Option(help="Allow at most viewer, launcher, operator or admin.")] = "",
    subject: Annotated[
        str, typer.Option(help="Give it to this subject, as an admin of the deployment (default: yourself).")
    ] = "",
    pool: Annotated[
        str,
        typer.Option(help="Give it to workers of this pool, as an admin of the deployment; it allows nothing else."),
    ] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="Let it expire after this many days.")] = 90,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Create an API token and print it: it cannot be looked up later."""

    async def look(client: AsyncClient) -> int:
        secret, made = await client.access.create_token(
            name, subject=subject, teams=team or (), role=role, pool=pool, expires_in_s=days * DAY_S
        )
        if as_json:
            terminal.json_out({"token": secret} | asdict(made))
        else:
            terminal.line(secret)
            terminal.line(f"{made.id} for {made.subject}, until {terminal.date(made.expires_at_us)}", to_stderr=True)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@tokens.command("list")
def list_tokens(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """List your API tokens; as an admin of the deployment, those of everybody."""

    async def look(client: AsyncClient) -> int:
        found = await client.access.tokens()
        if as_json:
            terminal.json_out([asdict(one) for one in found])
        else:
            _print_tokens(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="Cancel the token with this id.")],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Cancel an API token. Access that was given for it ends within minutes."""

    async def look(client: AsyncClient) -> int:
        done = await client.access.revoke_token(token)
        terminal.json_out(asdict(done)) if as_json else terminal.line(f"revoked {done.id}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@teams.command("list")
def list_members(
    team: Annotated[str, typer.Option(help="List only this team.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List who has which role in your teams; as an admin of the deployment, in all teams."""

    async def look(client: AsyncClient) -> int:
        found = await client.access.members(team)
        if as_json:
            terminal.json_out([asdict(one) for one in found])
        for one in [] if as_json else found:
            terminal.line(f"{one.team:<20} {one.role:<9} {terminal.clean(one.subject)}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@teams.command("set")
def set_member(
    team: Team,
    subject: Subject,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="Give viewer, launcher, operator or admin.")],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Give somebody a role in a team, in place of the one they had."""
    return _set(team, subject, role, as_json, address, data)


@teams.command("remove")
def remove_member(
    team: Team, subject: Subject, as_json: AsJson = False, address: Address = None, data: Data = None
) -> int:
    """Remove somebody from a team. Access that they were given ends within minutes."""
    return _set(team, subject, "", as_json, address, data)


@tokens.command("rotate-key")
def rotate_key(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Sign access tokens with a new key from now on, as an admin of the deployment. Nobody has to sign in again."""

    async def look(client: AsyncClient) -> int:
        key_id = await client.access.rotate_key()
        terminal.json_out({"key_id": key_id}) if as_json else terminal.line(f"signing with key {key_id}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def audit(
    what: Annotated[
        str,
        typer.Option(help="Show only denied, signed_in, token_created, token_revoked, member_set or key_rotated."),
    ] = "",
    subject: Annotated[str, typer.Option(help="Show only what this subject did.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many entries.")] = 50,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Show denials, sign-ins and changes of rights.

    The newest are first. The events of a run say who did what to it.
    """

    async def look(client: AsyncClient) -> int:
        found = await client.access.audit(what=what, subject=subject, limit=limit)
        if as_json:
            terminal.json_out([asdict(one) for one in found])
        else:
            _print_audit(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _set(team: str, subject: str, role: str, as_json: bool, address: Address, data: Data) -> int:
    async def look(client: AsyncClient) -> int:
        await client.access.set_member(team, subject, role)
        done = {"team": team, "subject": subject, "role": role}
        if as_json:
            terminal.json_out(done)
        else:
            terminal.line(f"{terminal.clean(subject)} is {role or 'no longer a member'} in {terminal.clean(team)}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _print_tokens(found: Sequence[TokenInfo]) -> None:
    for one in found:
        state = (
            f"revoked {terminal.date(one.revoked_at_us)}"
            if one.revoked_at_us
            else (f"until {terminal.date(one.expires_at_us)}")
        )
        used = f"last used {terminal.date(one.used_at_us)}" if one.used_at_us else "never used"
        limits = ", ".join(filter(None, (one.pool and f"workers of {one.pool}", one.role, *one.teams)))
        terminal.line(terminal.clean(f"{one.id}  {one.subject}  {one.name or '-'}  {limits or 'all'}  {state}, {used}"))


def _print_audit(found: Sequence[AuditEntry]) -> None:
    for one in found:
        text = f"{terminal.date(one.at_us)}  {one.what:<13} {one.subject or 'nobody'}  {one.action}  {one.detail}"
        terminal.line(terminal.clean(text))

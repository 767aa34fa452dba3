"""`notifications`: who is told when runs end."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.notifications import Channel, Delivery, Rule

SHOWN_DELIVERIES = 20
Team = Annotated[str, typer.Option("--team", help="List only those of this team.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Use the channel of this name.")]

notifications = typer.Typer(
    help="Send messages when runs end, by channels and rules.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
_channels = typer.Typer(invoke_without_command=True, rich_markup_mode=None, no_args_is_help=False)
_rules = typer.Typer(invoke_without_command=True, rich_markup_mode=None, no_args_is_help=False)


@_channels.callback()
def channels(
    ctx: typer.Context, team: Team = "", as_json: AsJson = False, address: Address = None, data: Data = None
) -> int:
    """List channels: where messages go."""
    if ctx.invoked_subcommand is not None:
        return exits.SUCCEEDED

    async def look(client: AsyncClient) -> int:
        found = await client.notifications.channels(team=team)
        if as_json:
            terminal.json_out([dataclasses.asdict(one) for one in found])
        else:
            rows = [(one.name, _target(one), one.team, one.user) for one in found]
            _table(("channel", "target", "team", "user"), rows, "there are no channels")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@_channels.command("add")
def add_channel(
    name: Name,
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Send a POST of JSON to this https:// URL, as Standard Webhooks.")
    ] = "",
    secret: Annotated[
        str, typer.Option(metavar="SECRET", help="Use the secret of this name to sign what the webhook gets.")
    ] = "",
    email: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Send e-mail to this address; repeatable.")
    ] = None,
    slack: Annotated[
        str,
        typer.Option(metavar="SECRET", help="Send to the incoming webhook whose URL is the secret of this name."),
    ] = "",
    apprise: Annotated[
        str, typer.Option(metavar="SECRET", help="Send by Apprise to the URL that is the secret of this name.")
    ] = "",
    team: Annotated[str, typer.Option("--team", help="Give the channel to this team.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Create a channel, or replace one.

    Secrets are named here and never given: the notifications service reads them from its environment, where the secret
    hooks is the variable PENSTOCK_SECRET_HOOKS, or from files in PENSTOCK_SECRETS_FOLDER.
    """
    from ..client.notifications import Channel

    asked = Channel(
        name, team=team, webhook=webhook, secret=secret, email=tuple(email or ()), slack=slack, apprise=apprise
    )

    async def put(client: AsyncClient) -> int:
        kept, created = await client.notifications.put_channel(asked)
        if as_json:
            terminal.json_out({**dataclasses.asdict(kept), "created": created})
        else:
            terminal.line(f"channel {kept.name} {'made' if created else 'replaced'}: {_target(kept)}")
        return exits.SUCCEEDED

    return call_with_client(put, address, data)


@_channels.command("rm")
def remove_channel(name: Name, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Remove a channel that no rule uses."""

    async def remove(client: AsyncClient) -> int:
        await client.notifications.remove_channel(name)
        _print_removed("channel", name, as_json)
        return exits.SUCCEEDED

    return call_with_client(remove, address, data)


@_channels.command("test")
def test_channel(name: Name, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Send a message to a channel now."""

    async def test(client: AsyncClient) -> int:
        problem = await client.notifications.test_channel(name)
        if as_json:
            terminal.json_out({"channel": name, "delivered": not problem, "error": problem or None})
        else:
            terminal.line(f"not delivered: {problem}" if problem else "delivered", to_stderr=bool(problem))
        return exits.FAILED if problem else exits.SUCCEEDED

    return call_with_client(test, address, data)


@_rules.callback()
def rules(
    ctx: typer.Context, team: Team = "", as_json: AsJson = False, address: Address = None, data: Data = None
) -> int:
    """List rules: which channel gets messages about which runs."""
    if ctx.invoked_subcommand is not None:
        return exits.SUCCEEDED

    async def look(client: AsyncClient) -> int:
        found = await client.notifications.rules(team=team)
        if as_json:
            terminal.json_out([dataclasses.asdict(one) for one in found])
        else:
            rows = [
                (one.name, one.channel, ", ".join(one.kinds), one.workflow or "any", one.team or "any") for one in found
            ]
            _table(("rule", "channel", "when", "workflow", "team"), rows, "there are no rules")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@_rules.command("add")
def add_rule(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Use the rule of this name.")],
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help="Send the messages to this channel.")],
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="END",
            help="Send one for runs that end so: succeeded, failed, cancelled; repeatable (default: failed).",
        ),
    ] = None,
    workflow: Annotated[
        str, typer.Option(help="Send them only for this workflow: its name in the registry, or its qualified name.")
    ] = "",
    team: Annotated[str, typer.Option("--team", help="Send them only for runs of this team.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Create a rule, or replace one."""
    from ..client.notifications import Rule

    asked = Rule(name, channel, tuple(on or ("failed",)), workflow, team)

    async def put(client: AsyncClient) -> int:
        kept, created = await client.notifications.put_rule(asked)
        if as_json:
            terminal.json_out({**dataclasses.asdict(kept), "created": created})
        else:
            terminal.line(
                f"rule {kept.name} {'made' if created else 'replaced'}: {kept.channel} gets a message about runs that "
                f"{' or '.join(_ends(kept))}"
            )
        return exits.SUCCEEDED

    return call_with_client(put, address, data)


@_rules.command("rm")
def remove_rule(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Use the rule of this name.")],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Remove a rule."""

    async def remove(client: AsyncClient) -> int:
        await client.notifications.remove_rule(name)
        _print_removed("rule", name, as_json)
        return exits.SUCCEEDED

    return call_with_client(remove, address, data)


@notifications.command()
def deliveries(
    state: Annotated[
        list[str] | None,
        typer.Option(help="List only messages in this state: waiting, delivered or dead; repeatable."),
    ] = None,
    channel: Annotated[str, typer.Option(help="List only messages to this channel.")] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="List only messages about this run.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="List at most this many messages.")] = SHOWN_DELIVERIES,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List messages, newest first, and what became of them."""

    async def look(client: AsyncClient) -> int:
        about = await client.find(run) if run else None
        found = await client.notifications.deliveries(states=state or (), channel=channel, run=about, limit=limit)
        if as_json:
            terminal.json_out([_delivery(one) for one in found])
        else:
            rows = [
                (one.id, terminal.date(one.created_at_us), one.channel, str(one.run)[-12:], one.kind, *_progress(one))
                for one in found
            ]
            columns = ("message", "made", "channel", "run", "end", "state", "attempts", "trouble")
            _table(columns, rows, "there are no messages")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@notifications.command()
def retry(
    messages: Annotated[
        list[str] | None, typer.Argument(metavar="MESSAGE...", help="Send these dead messages again.")
    ] = None,
    channel: Annotated[str, typer.Option(help="Send all dead messages to this channel again.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Send messages again that were given up."""

    async def again(client: AsyncClient) -> int:
        count = await client.notifications.retry(messages or (), channel=channel)
        if as_json:
            terminal.json_out({"retried": count})
        else:
            terminal.line(f"{count} {'message is' if count == 1 else 'messages are'} sent again")
        return exits.SUCCEEDED

    return call_with_client(again, address, data)


notifications.add_typer(_channels, name="channels", help=channels.__doc__)
notifications.add_typer(_rules, name="rules", help=rules.__doc__)


def _delivery(one: Delivery) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "run": str(one.run)}


def _target(one: Channel) -> str:
    if one.webhook:
        return f"{one.webhook}, {f'signed with {one.secret}' if one.secret else 'unsigned'}"
    if one.email:
        return ", ".join(one.email)
    return f"Slack, URL in the secret {one.slack}" if one.slack else f"Apprise, URL in the secret {one.apprise}"


def _ends(rule: Rule) -> list[str]:
    return ["are cancelled" if kind == "cancelled" else {"failed": "fail"}.get(kind, "succeed") for kind in rule.kinds]


def _progress(one: Delivery) -> tuple[str, str, str]:
    return one.state, str(one.attempts), one.error[:80]


def _print_removed(what: str, name: str, as_json: bool) -> None:
    if as_json:
        terminal.json_out({what: name, "removed": True})
    else:
        terminal.line(f"{what} {name} removed")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    from rich.text import Text

    from . import texts

    table = texts.plain_table(*columns)
    for row in rows:
        table.add_row(*map(terminal.clean, row))
    texts.console().print(table if rows else Text(nothing))

"""Who is told when runs end, as the client calls it: channels, rules, and what became of messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import events_pb2

from .connection import Connection, pages
from .errors import Refused
from .run_id import parse_run_id

PAGE_MAX = 1_000
KINDS = {"succeeded": api.KIND_SUCCEEDED, "failed": api.KIND_FAILED, "cancelled": api.KIND_CANCELLED}
STATES = {
    "waiting": api.DELIVERY_STATE_WAITING,
    "delivered": api.DELIVERY_STATE_DELIVERED,
    "dead": api.DELIVERY_STATE_DEAD,
}
_KIND_NAMES = {number: name for name, number in KINDS.items()}
_STATE_NAMES = {number: name for name, number in STATES.items()}


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go: exactly one of `webhook`, `email`, `slack` and `apprise`.

    Attributes:
        webhook: A URL that gets a POST, with the headers of Standard Webhooks.
        secret: Name of the secret that signs what the webhook gets; empty: unsigned.
        email: Addresses.
        slack: Name of the secret that is the URL of an incoming webhook.
        apprise: Name of the secret that is a URL of Apprise.
    """

    name: str
    team: str = ""
    webhook: str = ""
    secret: str = ""
    email: tuple[str, ...] = ()
    slack: str = ""
    apprise: str = ""
    user: str = ""
    updated_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Of which runs a channel is told; an empty workflow or team is any."""

    name: str
    channel: str
    kinds: tuple[str, ...] = ("failed",)
    workflow: str = ""
    team: str = ""
    user: str = ""
    updated_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to a channel. Times are microseconds since 1970, 0 where there is none.

    Attributes:
        id: Webhooks get it as `webhook-id`, the same in every attempt.
        rule: Empty: the run itself names the channel.
        state: "waiting", "delivered" or "dead".
        error: Why the last attempt failed.
    """

    id: str
    rule: str
    channel: str
    run: uuid.UUID
    kind: str
    workflow: str
    team: str
    state: str
    attempts: int
    error: str
    created_at_us: int
    due_at_us: int
    tried_at_us: int


@dataclass(frozen=True, slots=True)
class NotificationsStatus:
    """How far behind the log the rules are (-1: another process knows), and counts up to 10,000."""

    lag_events: int
    waiting: int
    dead: int


class AsyncNotifications:
    """What `AsyncClient.notifications` is."""

    def __init__(self, connection: Connection, caller: events_pb2.Caller) -> None:
        self._connection, self._caller = connection, caller

    async def put_channel(self, channel: Channel, caller: events_pb2.Caller | None = None) -> tuple[Channel, bool]:
        """Make a channel, or replace one; return it as it is kept, and whether it is new. Raises Refused."""
        request = api.PutChannelRequest(channel=_channel_message(channel), caller=caller or self._caller)
        answer = await self._call("PutChannel", request)
        return channel_of(answer.channel), answer.created

    async def channels(self, *, team: str = "", names: Sequence[str] = ()) -> list[Channel]:
        """Return the channels in alphabetical order: all, those of a team, or those of these names."""
        answer = await self._call("ListChannels", api.ListChannelsRequest(team=team, names=names))
        return [channel_of(one) for one in answer.channels]

    async def remove_channel(self, name: str) -> None:
        """Remove a channel that no rule uses; what waits for it is dead. Raises Refused."""
        await self._call("RemoveChannel", api.RemoveChannelRequest(name=name))

    async def test_channel(self, name: str) -> str:
        """Send a message at once; return why it could not be delivered, empty if it was."""
        answer = await self._connection.call("notifications", "TestChannel", api.TestChannelRequest(name=name))
        return "" if answer.delivered else answer.error or "it was not delivered"

    async def put_rule(self, rule: Rule, caller: events_pb2.Caller | None = None) -> tuple[Rule, bool]:
        """Make a rule, or replace one; return it as it is kept, and whether it is new. Raises Refused."""
        if unknown := set(rule.kinds) - KINDS.keys():
            text = f"unknown kind of end {min(unknown)!r}: choose from {', '.join(KINDS)}"
            raise Refused("INVALID_ARGUMENT", text)
        kinds = [KINDS[kind] for kind in rule.kinds]
        message = api.Rule(name=rule.name, channel=rule.channel, kinds=kinds, workflow=rule.workflow, team=rule.team)
        answer = await self._call("PutRule", api.PutRuleRequest(rule=message, caller=caller or self._caller))
        return rule_of(answer.rule), answer.created

    async def rules(self, *, team: str = "") -> list[Rule]:
        """Return the rules in alphabetical order."""
        answer = await self._call("ListRules", api.ListRulesRequest(team=team))
        return [rule_of(one) for one in answer.rules]

    async def remove_rule(self, name: str) -> None:
        """Remove a rule; raise Refused."""
        await self._call("RemoveRule", api.RemoveRuleRequest(name=name))

    async def deliveries(
        self,
        *,
        states: Sequence[str] = (),
        channel: str = "",
        run: uuid.UUID | str | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """Return messages, the newest first."""
        if unknown := set(states) - STATES.keys():
            text = f"unknown state {min(unknown)!r}: choose from {', '.join(STATES)}"
            raise Refused("INVALID_ARGUMENT", text)
        request = api.ListDeliveriesRequest(
            states=[STATES[state] for state in states],
            channel=channel,
            run_id=parse_run_id(run).bytes if run is not None else b"",
        )
        found = await pages(self._call, "ListDeliveries", request, "deliveries", limit, PAGE_MAX)
        return [delivery_of(one) for one in found]

    async def retry(self, ids: Sequence[str] = (), *, channel: str = "") -> int:
        """Try dead messages again, those with these ids or all of a channel; return how many."""
        return (await self._call("RetryDeliveries", api.RetryDeliveriesRequest(ids=ids, channel=channel))).retried

    async def status(self) -> NotificationsStatus:
        """Return how far behind the log the rules are, and how many messages wait or are dead."""
        answer = await self._call("Status", api.StatusRequest())
        return NotificationsStatus(answer.lag_events, answer.waiting, answer.dead)

    async def refuse_unknown(self, names: Sequence[str], team: str) -> None:
        """Raise Refused if one of the channels that a run names does not exist, or is another team's than the run's."""
        if not names:
            return
        there = {channel.name for channel in await self.channels(names=names) if channel.team in ("", team)}
        for name in names:
            if name not in there:
                why = f"unknown channel {name!r} for the team {team!r}"
                text = f"{why}: `penstock notifications channels` lists what is there"
                raise Refused("INVALID_ARGUMENT", text)

    async def _call(self, method: str, request: Any) -> Any:
        return await self._connection.call("notifications", method, request)


class Notifications:
    """What `Client.notifications` is: the same calls, each of which waits for its answer."""

    def __init__(self, notifications: AsyncNotifications, call: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._notifications, self._wait = notifications, call

    def put_channel(self, channel: Channel) -> tuple[Channel, bool]:
        """Make a channel, or replace one; return it as it is kept, and whether it is new."""
        return self._wait(self._notifications.put_channel(channel))

    def channels(self, *, team: str = "", names: Sequence[str] = ()) -> list[Channel]:
        """Return the channels in alphabetical order."""
        return self._wait(self._notifications.channels(team=team, names=names))

    def remove_channel(self, name: str) -> None:
        """Remove a channel that no rule uses."""
        self._wait(self._notifications.remove_channel(name))

    def test_channel(self, name: str) -> str:
        """Send a message at once; return why it could not be delivered, empty if it was."""
        return self._wait(self._notifications.test_channel(name))

    def put_rule(self, rule: Rule) -> tuple[Rule, bool]:
        """Make a rule, or replace one; return it as it is kept, and whether it is new."""
        return self._wait(self._notifications.put_rule(rule))

    def rules(self, *, team: str = "") -> list[Rule]:
        """Return the rules in alphabetical order."""
        return self._wait(self._notifications.rules(team=team))

    def remove_rule(self, name: str) -> None:
        """Remove a rule."""
        self._wait(self._notifications.remove_rule(name))

    def deliveries(
        self, *, states: Sequence[str] = (), channel: str = "", run: uuid.UUID | str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Return messages, the newest first."""
        return self._wait(self._notifications.deliveries(states=states, channel=channel, run=run, limit=limit))

    def retry(self, ids: Sequence[str] = (), *, channel: str = "") -> int:
        """Try dead messages again, those with these ids or all of a channel; return how many."""
        return self._wait(self._notifications.retry(ids, channel=channel))

    def status(self) -> NotificationsStatus:
        """Return how far behind the log the rules are, and how many messages wait or are dead."""
        return self._wait(self._notifications.status())


def channel_of(message: api.Channel) -> Channel:
    return Channel(
        name=message.name,
        team=message.team,
        webhook=message.webhook.url,
        secret=message.webhook.secret,
        email=tuple(message.email.to),
        slack=message.slack.url_secret,
        apprise=message.apprise.url_secret,
        user=message.caller.user,
        updated_at_us=message.updated_at_us,
    )


def rule_of(message: api.Rule) -> Rule:
    return Rule(
        name=message.name,
        channel=message.channel,
        kinds=tuple(_KIND_NAMES.get(kind, str(kind)) for kind in message.kinds),
        workflow=message.workflow,
        team=message.team,
        user=message.caller.user,
        updated_at_us=message.updated_at_us,
    )


def delivery_of(message: api.Delivery) -> Delivery:
    return Delivery(
        id=message.id,
        rule=message.rule,
        channel=message.channel,
        run=uuid.UUID(bytes=message.run_id),
        kind=_KIND_NAMES.get(message.kind, str(message.kind)),
        workflow=message.workflow,
        team=message.team,
        state=_STATE_NAMES.get(message.state, str(message.state)),
        attempts=message.attempts,
        error=message.error,
        created_at_us=message.created_at_us,
        due_at_us=message.due_at_us,
        tried_at_us=message.tried_at_us,
    )


def _channel_message(channel: Channel) -> api.Channel:
    given = {
        "webhook": api.Webhook(url=channel.webhook, secret=channel.secret) if channel.webhook else None,
        "email": api.Email(to=channel.email) if channel.email else None,
        "slack": api.Slack(url_secret=channel.slack) if channel.slack else None,
        "apprise": api.Apprise(url_secret=channel.apprise) if channel.apprise else None,
    }
    targets: dict[str, Any] = {name: target for name, target in given.items() if target is not None}
    if len(targets) != 1:
        text = f"a channel has one target, a webhook, e-mail addresses, Slack or Apprise, not {len(targets)}"
        raise Refused("INVALID_ARGUMENT", text)
    if channel.secret and not channel.webhook:
        raise Refused("INVALID_ARGUMENT", "only a webhook is signed with a secret")
    return api.Channel(name=channel.name, team=channel.team, **targets)

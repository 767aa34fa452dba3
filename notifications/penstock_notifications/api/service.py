"""The gRPC service: channels, rules, and what became of deliveries."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from penstock_access import calling
from penstock_access.principal import Role
from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.notifications.v1 import service_pb2_grpc
from penstock_proto.wire import RUN_ID_BYTES
from penstock_service.database import Database

from ..core import checks, messages
from ..errors import BadRequest, NotAllowed, NotDelivered
from ..store import channels, outbox
from ..targets.targets import Targets
from . import pages


class Service(service_pb2_grpc.NotificationsServiceServicer):
    """Answers from the tables, whichever process follows the logs."""

    def __init__(
        self,
        database: Database,
        targets: Targets,
        retry_s: float,
        wake: Callable[[], None],
        lag: Callable[[], int | None],
    ) -> None:
        self._database, self._targets, self._retry_s, self._wake, self._lag = database, targets, retry_s, wake, lag

    async def PutChannel(self, request: api.PutChannelRequest, context: Any) -> api.PutChannelResponse:
        channel = request.channel
        checks.check_channel(channel, request.caller)
        _refuse_others("team", channel.team)
        for there in await channels.channels(self._database, names=[channel.name]):
            _refuse_others("channel", there.team)
        channel.caller.CopyFrom(request.caller)
        created = await channels.put_channel(self._database, channel)
        return api.PutChannelResponse(channel=channel, created=created)

    async def ListChannels(self, request: api.ListChannelsRequest, context: Any) -> api.ListChannelsResponse:
        checks.check_text("team", request.team)
        for name in request.names:
            checks.check_thing("channel", name)
        teams = calling.narrowed(request.team)
        if teams is not None and not request.team:
            teams = ["", *teams]  # what belongs to no team is for all
        return api.ListChannelsResponse(channels=await channels.channels(self._database, teams, request.names))

    async def RemoveChannel(self, request: api.RemoveChannelRequest, context: Any) -> api.RemoveChannelResponse:
        checks.check_thing("channel", request.name)
        _refuse_others("channel", (await channels.channel(self._database, request.name)).team)
        await channels.remove_channel(self._database, request.name)
        return api.RemoveChannelResponse()

    async def TestChannel(self, request: api.TestChannelRequest, context: Any) -> api.TestChannelResponse:
        checks.check_thing("channel", request.name)
        channel = await channels.channel(self._database, request.name)
        _refuse_others("channel", channel.team)
        body = messages.test_body(channel.name, time.time_ns() // 1_000)
        try:
            await self._targets.send(channel, f"msg_{uuid.uuid4().hex}", body)
        except NotDelivered as error:
            return api.TestChannelResponse(error=str(error))
        return api.TestChannelResponse(delivered=True)

    async def PutRule(self, request: api.PutRuleRequest, context: Any) -> api.PutRuleResponse:
        rule = request.rule
        checks.check_rule(rule, request.caller)
        _refuse_others("team", rule.team)
        for there in await channels.channels(self._database, names=[rule.channel]):
            if there.team:  # one that belongs to no team is for all
                _refuse_others("channel", there.team)
        for known in await channels.rules(self._database):
            if known.name == rule.name:
                _refuse_others("rule", known.team)
        rule.caller.CopyFrom(request.caller)
        kinds = sorted(set(rule.kinds))
        del rule.kinds[:]
        rule.kinds.extend(kinds)
        created = await channels.put_rule(self._database, rule)
        return api.PutRuleResponse(rule=rule, created=created)

    async def ListRules(self, request: api.ListRulesRequest, context: Any) -> api.ListRulesResponse:
        checks.check_text("team", request.team)
        return api.ListRulesResponse(rules=await channels.rules(self._database, calling.narrowed(request.team)))

    async def RemoveRule(self, request: api.RemoveRuleRequest, context: Any) -> api.RemoveRuleResponse:
        checks.check_thing("rule", request.name)
        _refuse_others("rule", (await channels.rule(self._database, request.name)).team)
        await channels.remove_rule(self._database, request.name)
        return api.RemoveRuleResponse()

    async def ListDeliveries(self, request: api.ListDeliveriesRequest, context: Any) -> api.ListDeliveriesResponse:
        known = set(api.DeliveryState.values()) - {api.DELIVERY_STATE_UNSPECIFIED}
        if not known.issuperset(request.states):
            raise BadRequest("unknown state of deliveries: expected waiting, delivered or dead")
        if request.channel:
            checks.check_thing("channel", request.channel)
        if request.run_id and len(request.run_id) != RUN_ID_BYTES:
            raise BadRequest(f"invalid run id: expected a UUID of {RUN_ID_BYTES} bytes, not {len(request.run_id)}")
        size = pages.size_of(request)
        found = await outbox.list_(self._database, request, pages.place(request), size + 1, calling.narrowed(""))
        shown = found[:size]
        more = pages.token(shown[-1], request) if len(found) > size else ""
        return api.ListDeliveriesResponse(deliveries=shown, next_page_token=more)

    async def RetryDeliveries(self, request: api.RetryDeliveriesRequest, context: Any) -> api.RetryDeliveriesResponse:
        checks.check_ids(request.ids, request.channel)
        for identity in request.ids:
            checks.check_thing("delivery", identity)
        if request.channel:
            checks.check_thing("channel", request.channel)
        teams = calling.narrowed("", Role.OPERATOR)
        retried = await outbox.retry(self._database, request.ids, request.channel, self._retry_s, teams)
        self._wake()
        return api.RetryDeliveriesResponse(retried=retried)

    async def Status(self, request: api.StatusRequest, context: Any) -> api.StatusResponse:
        waiting, dead, _ = await outbox.counts(self._database)
        lag = self._lag()
        return api.StatusResponse(lag_events=-1 if lag is None else lag, waiting=waiting, dead=dead)


def _refuse_others(what: str, team: str) -> None:
    """Raise NotAllowed unless the caller is an operator of a team; what belongs to none is for admins."""
    if not calling.sees(team, Role.OPERATOR):
        whose = f"of the team {team!r}" if team else "of no team: name a team, or ask an admin of the deployment"
        raise NotAllowed(f"the role operator is required for the {what} {whose}")

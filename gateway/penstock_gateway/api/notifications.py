"""Messages when runs end: channels, rules, and what became of messages."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from penstock.client import Refused
from penstock.client.notifications import Channel, Delivery, Rule, delivery_of
from penstock_proto.notifications.v1 import service_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from ..edge.bodies import described, json_body
from ..edge.pages import TOKEN_PATTERN
from ..edge.problems import Problem
from . import fields, requests
from . import notification_models as models
from .context import NAME_PATTERN, RUN_PATTERN, Caller, Here

PAGE, PAGE_MAX = 50, 500
STATES = {"waiting": 1, "delivered": 2, "dead": 3}

router = APIRouter(prefix="/v1/notifications", tags=["notifications"])

ChannelName = Annotated[
    str, Path(description="Name of a channel.", max_length=64, pattern=fields.CHANNEL_PATTERN, examples=["ops"])
]
RuleName = Annotated[
    str, Path(description="Name of a rule.", max_length=64, pattern=fields.CHANNEL_PATTERN, examples=["nightly"])
]
OldName = Annotated[str, Path(max_length=64, pattern=fields.CHANNEL_PATTERN, examples=["old"])]
Team = Annotated[str, Query(max_length=200, pattern=NAME_PATTERN)]


@router.get("/channels", response_model=models.Channels)
async def list_channels(here: Here, team: Team = "") -> Response:
    """List channels in alphabetical order."""
    found = await here.client.notifications.channels(team=team)
    return answer({"channels": [_channel(one) for one in found]})


@router.put("/channels/{name:part}", response_model=models.Channel, openapi_extra=described(requests.PutChannel))
async def put_channel(
    here: Here,
    caller: Caller,
    name: ChannelName,
    body: Annotated[requests.PutChannel, Depends(json_body(requests.PutChannel))],
) -> Response:
    """Create a channel, or replace one. Secrets are named, never given."""
    asked = Channel(
        name,
        team=body.team,
        webhook=body.webhook,
        secret=body.secret,
        email=tuple(body.email),
        slack=body.slack,
        apprise=body.apprise,
    )
    kept, _ = await here.client.notifications.put_channel(asked, caller)
    return answer(_channel(kept))


@router.delete("/channels/{name:part}", response_model=models.Removed)
async def remove_channel(here: Here, name: OldName) -> Response:
    """Remove a channel that no rule uses."""
    try:
        await here.client.notifications.remove_channel(name)
    except Refused as refusal:
        if refusal.code == "FAILED_PRECONDITION":
            raise Problem("conflict", str(refusal)) from None
        raise
    return answer({"removed": name})


@router.post("/channels/{name:part}:test", response_model=models.Tested)
async def test_channel(here: Here, name: ChannelName) -> Response:
    """Send a message to a channel now."""
    problem = await here.client.notifications.test_channel(name)
    return answer({"channel": name, "delivered": not problem, "error": problem or None})


@router.get("/rules", response_model=models.Rules)
async def list_rules(here: Here, team: Team = "") -> Response:
    """List rules in alphabetical order."""
    return answer({"rules": [_rule(one) for one in await here.client.notifications.rules(team=team)]})


@router.put("/rules/{name:part}", response_model=models.Rule, openapi_extra=described(requests.PutRule))
async def put_rule(
    here: Here, caller: Caller, name: RuleName, body: Annotated[requests.PutRule, Depends(json_body(requests.PutRule))]
) -> Response:
    """Create a rule, or replace one."""
    asked = Rule(name, body.channel, tuple(body.kinds), body.workflow, body.team)
    kept, _ = await here.client.notifications.put_rule(asked, caller)
    return answer(_rule(kept))


@router.delete("/rules/{name:part}", response_model=models.Removed)
async def remove_rule(here: Here, name: OldName) -> Response:
    """Remove a rule."""
    await here.client.notifications.remove_rule(name)
    return answer({"removed": name})


@router.get("/deliveries", response_model=models.Deliveries)
async def list_deliveries(
    here: Here,
    state: Annotated[list[fields.DeliveryState] | None, Query(max_length=3)] = None,
    channel: Annotated[str, Query(max_length=64, pattern=fields.CHANNEL_PATTERN + "|^$")] = "",
    run: Annotated[str, Query(pattern=RUN_PATTERN + "|^$", description="Id of a run.")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: Annotated[
        str, Query(pattern=TOKEN_PATTERN, description="`next` of the page before, with the same filters.")
    ] = "",
) -> Response:
    """List messages, newest first, and what became of them."""
    states, run_id = sorted({STATES[one] for one in state or ()}), run.replace("-", "")
    filters = repr(("deliveries", states, channel, run_id))
    request = service_pb2.ListDeliveriesRequest(
        states=states,  # pyright: ignore[reportArgumentType] # numbers are fine
        channel=channel,
        run_id=bytes.fromhex(run_id),
        page_size=limit,
        page_token=here.pages.inner(after, filters),
    )
    found = await here.client.connection.call("notifications", "ListDeliveries", request)
    shown = [_delivery(delivery_of(one)) for one in found.deliveries]
    return answer({"deliveries": shown, "next": here.pages.token(found.next_page_token, filters)})


@router.post("/deliveries:retry", response_model=models.Retried, openapi_extra=described(requests.Retry))
async def retry_deliveries(here: Here, body: Annotated[requests.Retry, Depends(json_body(requests.Retry))]) -> Response:
    """Send messages again that were given up."""
    return answer({"retried": await here.client.notifications.retry(body.ids, channel=body.channel)})


def _channel(one: Channel) -> dict[str, Any]:
    return {
        "name": one.name,
        "team": one.team,
        "webhook": one.webhook,
        "secret": one.secret,
        "email": list(one.email),
        "slack": one.slack,
        "apprise": one.apprise,
        "user": one.user,
        "updated_at": shown_time(one.updated_at_us),
    }


def _rule(one: Rule) -> dict[str, Any]:
    return {
        "name": one.name,
        "channel": one.channel,
        "kinds": list(one.kinds),
        "workflow": one.workflow,
        "team": one.team,
        "user": one.user,
        "updated_at": shown_time(one.updated_at_us),
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "rule": one.rule or None,
        "channel": one.channel,
        "run": str(one.run),
        "kind": one.kind,
        "workflow": one.workflow,
        "team": one.team,
        "state": one.state,
        "attempts": one.attempts,
        "error": one.error,
        "created_at": shown_time(one.created_at_us),
        "due_at": shown_time(one.due_at_us) if one.due_at_us else None,
        "tried_at": shown_time(one.tried_at_us) if one.tried_at_us else None,
    }

"""The bodies of answers about notifications as OpenAPI describes them."""

from pydantic import Field

from .context import RUN_PATTERN
from .fields import Body, DeliveryState, RunEnd, Time


class Channel(Body):
    """Where messages go. Secrets are named: `secret`, `slack` and `apprise` are names."""

    name: str
    team: str
    webhook: str
    secret: str
    email: list[str]
    slack: str
    apprise: str
    user: str
    updated_at: Time


class Channels(Body):
    channels: list[Channel]


class Rule(Body):
    """About which runs a channel gets messages; an empty workflow or team is any."""

    name: str
    channel: str
    kinds: list[RunEnd]
    workflow: str
    team: str
    user: str
    updated_at: Time


class Rules(Body):
    rules: list[Rule]


class Removed(Body):
    removed: str


class Tested(Body):
    channel: str
    delivered: bool
    error: str | None


class Delivery(Body):
    """A message to a channel about the end of a run."""

    id: str = Field(description="Webhooks get it as `webhook-id`, the same in every attempt.")
    rule: str | None = Field(description="If it is null, the run itself names the channel.")
    channel: str
    run: str = Field(pattern=RUN_PATTERN)
    kind: RunEnd
    workflow: str
    team: str
    state: DeliveryState
    attempts: int
    error: str
    created_at: Time
    due_at: Time | None
    tried_at: Time | None


class Deliveries(Body):
    deliveries: list[Delivery]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")


class Retried(Body):
    retried: int

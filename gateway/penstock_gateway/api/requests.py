"""The bodies of requests: what they are checked against, and what OpenAPI says of them."""

from typing import Annotated, Any, Literal

from penstock_plan.waits import WAIT_S_MAX
from pydantic import ConfigDict, Field, model_validator

from .context import NAME_CHARS_MAX, NAME_PATTERN, PLAN_EXAMPLE
from .fields import (
    ALIAS_PATTERN,
    INT32,
    REFERENCE_PATTERN,
    WEBHOOK_PATTERN,
    Body,
    Channel,
    Email,
    Expected,
    HashText,
    Name,
    Role,
    RunEnd,
    Secret,
    Whole,
)


class ArtifactInput(Body):
    """An input that is stored as an artifact: what `values` of another run shows can be passed on."""

    artifact: HashText
    codec: str = Field(min_length=1, max_length=100, pattern=NAME_PATTERN, examples=["arrow"])
    size_bytes: Whole = Field(ge=0, le=2**62)
    type: str = Field(default="", max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)


class GivenInputs(Body):
    """Inputs of a run, those left out take their defaults."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"inputs": {"n": 21}}]})

    inputs: dict[str, Any] = Field(default_factory=dict[str, Any], description="JSON values by the name of the input.")
    artifacts: dict[str, ArtifactInput] = Field(
        default_factory=dict[str, ArtifactInput], description="Inputs that are stored artifacts, by name."
    )


class Launch(GivenInputs):
    """A run to start: of a deployed workflow, or of a stored plan."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["workflow"]}, {"required": ["plan"]}],
            "examples": [{"plan": PLAN_EXAMPLE, "inputs": {"n": 21}, "team": "search", "labels": {"ticket": "42"}}],
        },
    )

    workflow: str = Field(
        default="", description="NAME, NAME@VERSION or NAME@ALIAS.", max_length=200, pattern=REFERENCE_PATTERN
    )
    plan: HashText = Field(default="", description="Hash of a stored plan.")
    team: Name = ""
    pool: Name = ""
    priority: Whole = Field(default=0, **INT32)
    fail_fast: bool = Field(default=False, description="Cancel the rest of the run at the first failure.")
    deadline_s: float = Field(
        default=0,
        ge=0,
        le=WAIT_S_MAX,
        description="Cancel the run if it has not ended after these seconds; 0: never.",
    )
    no_cache: bool = Field(default=False, description="Call every operator, also those whose results are reused.")
    labels: dict[Name, Name] = Field(default_factory=dict[str, str], max_length=64)
    notify: list[Channel] = Field(
        default_factory=list[str], description="Channels that get a message when the run ends.", max_length=10
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Launch":
        if ("plan" in self.model_fields_set) == ("workflow" in self.model_fields_set):
            raise ValueError("name either a workflow or a plan")
        return self


class Publish(Body):
    """A stored plan that gets a name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"plan": PLAN_EXAMPLE, "team": "search", "alias": "production"}]},
    )

    plan: HashText
    team: Name = Field(default="", description="The name belongs to this team from its first version on.")
    alias: str = Field(default="", description="Move this alias to the version.", max_length=50, pattern=ALIAS_PATTERN)
    expected_version: Expected | None = Field(
        default=None, description="The version that the alias must point at now; 0: it must not exist."
    )
    allow_incompatible: bool = Field(
        default=False, description="Deploy even if calls that the latest version accepts may be refused."
    )


class MoveAlias(Body):
    """Where an alias is to point."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 1}]})

    version: Whole = Field(ge=1, le=2**62)
    expected_version: Expected | None = Field(
        default=None, description="The version that it must point at now; 0: it must not exist."
    )


class Cancel(Body):
    """Why a run is cancelled."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "wrong data"}]})

    reason: str = Field(default="", max_length=2_000, pattern=NAME_PATTERN)


class Fork(Body):
    """A run to start from what an ended one has computed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dry_run": True}]})

    workflow: str = Field(
        default="",
        description="The code of the fork: NAME, NAME@VERSION or NAME@ALIAS; default: that of the run.",
        max_length=200,
        pattern=REFERENCE_PATTERN,
    )
    inputs: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="JSON values of inputs that differ from the run's."
    )
    again: list[Annotated[Name, Field(min_length=1)]] = Field(
        default_factory=list[str], description="Nodes that run whatever is known of them.", max_length=1_000
    )
    dry_run: bool = Field(default=True, description="Only say what would be reused and run.")


class RunFilter(Body):
    """Runs: all conditions must hold. At least one is required, since none would mean every run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    workflow: Name = Field(default="", min_length=1)
    team: Name = Field(default="", min_length=1)
    name: Name = Field(default="", min_length=1, description="Name in the registry.")
    user: Name = Field(default="", min_length=1)
    labels: dict[Name, Name] = Field(
        default_factory=dict[Any, Any], min_length=1, max_length=16, json_schema_extra={"additionalProperties": False}
    )
    q: Name = Field(default="", min_length=1, description="Part of either name, in any case.")

    @model_validator(mode="after")
    def _not_empty(self) -> "RunFilter":
        if not self.model_fields_set:
            raise ValueError("an empty filter would mean every run; name a workflow, a team or states")
        return self


class OpenRuns(RunFilter):
    """Open runs."""

    states: list[Literal["running", "cancelling"]] = Field(default_factory=list[Any], min_length=1, max_length=2)


class EndedRuns(RunFilter):
    """Runs that have not succeeded."""

    states: list[Literal["failed", "cancelled"]] = Field(
        default_factory=list[Any], min_length=1, max_length=2, description="Default: failed."
    )
    ended_from: str | None = Field(
        default=None,
        max_length=40,
        description="Ended then or later (RFC 3339).",
        json_schema_extra={"format": "date-time"},
    )


class CancelMany(Body):
    """Runs to cancel."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"filter": {"team": "search"}, "dry_run": True}]}
    )

    filter: OpenRuns
    dry_run: bool = Field(default=True, description="Only count and list what would be cancelled.")
    reason: str = Field(default="", max_length=2_000, pattern=NAME_PATTERN)
    limit: Whole = Field(
        default=1_000, ge=1, le=1_000, description="Cancel at most this many; call again for the rest."
    )


class RetryMany(Body):
    """Runs to retry."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"filter": {"team": "search", "ended_from": "2026-11-26T17:00:00Z"}}]},
    )

    filter: EndedRuns
    dry_run: bool = Field(default=True, description="Only count and list what would be retried.")
    limit: Whole = Field(default=1_000, ge=1, le=1_000, description="Retry at most this many; call again for the rest.")


TARGETS = ("webhook", "email", "slack", "apprise")


class PutChannel(Body):
    """Where messages go: exactly one of `webhook`, `email`, `slack` and `apprise`. The last two name secrets."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": [target]} for target in TARGETS],
            "dependentRequired": {"secret": ["webhook"]},
            "examples": [{"webhook": "https://ops.example.org/penstock", "secret": "hooks"}],
        },
    )

    team: Name = ""
    webhook: str = Field(default="", max_length=2_000, pattern=WEBHOOK_PATTERN)
    secret: Secret = Field(default="", description="Name of the secret that signs what the webhook gets.")
    email: list[Email] = Field(default_factory=list[str], min_length=1, max_length=20)
    slack: Secret = Field(default="", description="Name of the secret that is the URL of an incoming webhook.")
    apprise: Secret = Field(default="", description="Name of the secret that is a URL of Apprise.")

    @model_validator(mode="after")
    def _one_target(self) -> "PutChannel":
        if len(self.model_fields_set.intersection(TARGETS)) != 1:
            raise ValueError("give exactly one of webhook, email, slack and apprise")
        if "secret" in self.model_fields_set and "webhook" not in self.model_fields_set:
            raise ValueError("only a webhook is signed with a secret")
        return self


class PutRule(Body):
    """About which runs a channel gets messages."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "ops", "kinds": ["failed", "cancelled"]}]}
    )

    channel: Channel
    kinds: list[RunEnd] = Field(min_length=1, max_length=10)
    workflow: Name = Field(default="", description="Name in the registry, or qualified name; empty: any.")
    team: Name = ""


class CreateToken(Body):
    """An API token, and what it is limited to, below what its subject may do."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "nightly", "subject": "local|ada", "teams": ["vision"]}]},
    )

    name: Name = ""
    subject: Name = Field(default="", description="Default: the caller. Others are named by admins of the deployment.")
    teams: list[Annotated[Name, Field(min_length=1)]] = Field(
        default_factory=list[str], max_length=50, description="Default: all teams of the subject."
    )
    role: Role | None = Field(default=None, description="Allow at most this role.")
    pool: Name = Field(default="", description="For workers of this pool, and nothing else.")
    days: Whole = Field(default=90, ge=1, le=366, description="Let it expire after this many days.")


class SetMember(Body):
    """The role of somebody in a team."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "launcher"}]})

    role: Role


class Retry(Body):
    """Messages that were given up: these, or all of a channel."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["ids"]}, {"required": ["channel"]}],
            "examples": [{"channel": "ops"}],
        },
    )

    ids: list[Channel] = Field(default_factory=list[str], min_length=1, max_length=1_000)
    channel: Channel = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Retry":
        if ("ids" in self.model_fields_set) == ("channel" in self.model_fields_set):
            raise ValueError("name either messages or a channel")
        return self

"""Everything that can go wrong in the registry."""

from collections.abc import Sequence

from penstock_service.answers import Answer


class RegistryError(Answer):
    """Base of the package's errors."""


class BadRequest(RegistryError):
    """The request is invalid in any state."""

    status = "INVALID_ARGUMENT"


class NotFound(RegistryError):
    """No such name, version or alias."""

    status = "NOT_FOUND"


class PlanNotFound(RegistryError):
    """The State Tracker does not have the plan."""

    status = "NOT_FOUND"

    def __init__(self, plan: bytes) -> None:
        super().__init__(f"unknown plan {plan.hex()}; store it in the State Tracker with PutPlan first")
        self.plan = plan


class NameTaken(RegistryError):
    """The name belongs to another team."""

    status = "ALREADY_EXISTS"

    def __init__(self, name: str, owner: str, team: str) -> None:
        whose = f"team {owner!r}" if owner else "runs without a team"
        mine = f"team {team!r}" if team else "no team"
        super().__init__(f"workflow {name!r} belongs to {whose}, not to {mine}: choose another name, or its team")
        self.name, self.owner = name, owner


class Incompatible(RegistryError):
    """Calls that the latest version accepts may be refused by the new one."""

    status = "FAILED_PRECONDITION"

    def __init__(self, name: str, latest: int, changes: Sequence[str]) -> None:
        lines = "".join(f"\n- {change}" for change in changes)
        super().__init__(
            f"the inputs of {name!r} changed incompatibly since version {latest}:{lines}\n"
            "nothing was deployed; deploy it with --breaking (allow_incompatible), or under another name"
        )
        self.name, self.latest, self.changes = name, latest, list(changes)


class AliasElsewhere(RegistryError):
    """The alias does not point where the request expects it."""

    status = "ABORTED"

    def __init__(self, name: str, alias: str, expected: int, found: int) -> None:
        wanted = f"at version {expected}" if expected else "nowhere"
        there = f"at version {found}" if found else "nowhere"
        super().__init__(f"alias {name}@{alias} points {there}, not {wanted}: it was moved meanwhile, look again")
        self.name, self.alias, self.expected, self.found = name, alias, expected, found


class TooManyAliases(RegistryError):
    """A name has as many aliases as it may have."""

    status = "RESOURCE_EXHAUSTED"


class TooManyFollowers(RegistryError):
    """As many follow the log as may."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, followers_max: int) -> None:
        super().__init__(
            f"{followers_max} calls of Read follow the registry, which is the limit: end one, or try later"
        )


class TrackerAway(RegistryError):
    """No State Tracker responds; a later retry can succeed."""

    status = "UNAVAILABLE"

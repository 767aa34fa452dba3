"""What a request does to a name: from what is known of it to events, or to an error that says why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.registry.v1.events_pb2 import (
    AliasMoved,
    EntryKind,
    Interface,
    TypeRegistered,
    TypeVersion,
    WorkflowPublished,
)

from ..errors import AliasElsewhere, Incompatible, NameTaken, NotFound, TooManyAliases
from .changes import input_changes
from .interface import Definition

ALIASES_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A workflow's name as one commit sees it.

    Attributes:
        team: None if nothing has the name.
        latest: Highest version, 0 if there is none.
        interface: Of the latest version.
        same: The version that has the plan that is being published; 0 if none has.
        aliases: Alias -> version.
    """

    team: str | None = None
    latest: int = 0
    interface: Interface | None = None
    same: int = 0
    aliases: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class KnownType:
    """A class as one commit sees it: its highest version, and that of the definition that is being registered."""

    latest: int = 0
    same: int = 0


def publish(
    request: api.PublishRequest,
    team: str,
    interface: Interface,
    definitions: Sequence[Definition],
    known: Known,
    known_types: Mapping[str, KnownType],
) -> tuple[WorkflowPublished, list[TypeRegistered]]:
    """Return a new version for a plan that has none under this name, and those of classes that changed.

    Raises:
        NameTaken: It is another team's.
        Incompatible: Calls that the latest version accepts may be refused, and the request does not allow that.
    """
    check_team(request.name, team, known)
    changes = [] if known.interface is None else input_changes(known.interface, interface)
    incompatible = [change.text for change in changes if change.incompatible]
    if incompatible and not request.allow_incompatible:
        raise Incompatible(request.name, known.latest, incompatible)
    version = known.latest + 1
    versions = {one.name: known_types[one.name].same or known_types[one.name].latest + 1 for one in definitions}
    published = WorkflowPublished(
        name=request.name,
        version=version,
        plan=request.plan,
        team=team,
        interface=interface,
        changes=changes,
        types=[TypeVersion(name=name, version=number) for name, number in versions.items()],
    )
    registered = [
        TypeRegistered(
            name=one.name,
            version=versions[one.name],
            hash=one.hash,
            types=one.types,
            workflow=request.name,
            workflow_version=version,
        )
        for one in definitions
        if not known_types[one.name].same
    ]
    return published, registered


def check_team(name: str, team: str, known: Known) -> None:
    if known.team is not None and known.team != team:
        raise NameTaken(name, known.team, team)


def move(
    name: str,
    alias: str,
    version: int,
    expected: int | None,
    known: Known,
    interfaces: Mapping[int, Interface],
) -> AliasMoved | None:
    """Point an alias at a version, or with version 0 remove it; None if it is there already.

    Args:
        expected: Where it must be now, 0 for nowhere; None: anywhere. Where it is to go is as good, so that a request
            can be repeated.
        interfaces: Of the versions that are left and reached, by version.
    """
    if version > known.latest:
        raise NotFound(f"unknown version {name}@{version}: the latest is {known.latest}")
    found = known.aliases.get(alias, 0)
    if found == version:
        return None
    if expected is not None and expected != found:
        raise AliasElsewhere(name, alias, expected, found)
    if not found and len(known.aliases) >= ALIASES_MAX:
        raise TooManyAliases(f"{name!r} has {ALIASES_MAX} aliases, which is the limit: remove one first")
    both = found in interfaces and version in interfaces
    changes = input_changes(interfaces[found], interfaces[version]) if both else []
    return AliasMoved(
        entry_kind=EntryKind.ENTRY_KIND_WORKFLOW,
        name=name,
        alias=alias,
        version=version,
        from_version=found,
        changes=changes,
    )

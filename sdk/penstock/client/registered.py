"""Workflows as the registry has them: by name, version and alias."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock_plan.spelling import spell
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.registry.v1 import events_pb2, service_pb2

from .errors import ClientError

LATEST: Final = "latest"
# As the registry has it. The name of a file is none of these: it has a ":", a "/", or ".py" at its end.
_REFERENCE: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)(?:@([A-Za-z0-9_-]+))?")
_NOT_OF_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


class BadReference(ClientError):
    """The text names no version of a workflow."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid reference {text!r}: expected NAME, NAME@VERSION or NAME@ALIAS, such as digits@3")
        self.text = text


@dataclass(frozen=True, slots=True)
class Reference:
    """A version of a workflow: by number, by alias, or, if neither is given, the latest."""

    name: str
    version: int = 0
    alias: str = ""

    def __str__(self) -> str:
        which = str(self.version or self.alias or "")
        return f"{self.name}@{which}" if which else self.name


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between the inputs of two versions; an incompatible one may break calls of the earlier."""

    text: str
    incompatible: bool = False

    def __str__(self) -> str:
        return f"incompatible: {self.text}" if self.incompatible else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowInfo:
    """A name in the registry. Times are microseconds of Unix time."""

    name: str
    team: str
    doc: str
    # Highest version.
    latest: int
    # Alias -> version.
    aliases: Mapping[str, int]
    updated_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVersion:
    """A version of a workflow: a plan that was given its name."""

    name: str
    version: int
    plan_hash: bytes = field(repr=False)
    team: str
    # Who deployed it.
    user: str
    # Qualified name of the workflow in its code.
    workflow: str
    doc: str
    bundle: bytes = field(repr=False)
    nodes: int
    published_at_us: int
    # Against the inputs of the version before.
    changes: Sequence[Change]
    # Classes of inputs and outputs -> their version in the registry.
    types: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMove:
    """An alias that moved. Version 0: it was removed, or did not exist before."""

    name: str
    alias: str
    version: int
    from_version: int
    # Between the inputs of both versions.
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Deployed:
    """The result of a deployment."""

    version: WorkflowVersion
    # False: this plan had the version before.
    created: bool
    # None if no alias was asked for, or it was there already.
    moved: AliasMove | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInfo:
    """A version of a class that inputs or outputs of workflows have."""

    name: str
    version: int
    # Field -> its type as it is written, followed by "?" if it may be left out.
    fields: Mapping[str, str]
    # The version of a workflow that brought it.
    workflow: str
    published_at_us: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeUse:
    """A version of a workflow whose inputs or outputs have a class: the names of those."""

    name: str
    version: int
    inputs: Sequence[str]
    outputs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Form:
    """The inputs of a version of a workflow, as one JSON Schema of an object."""

    name: str
    version: int
    plan_hash: bytes = field(repr=False)
    team: str
    schema: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def is_reference(text: str) -> bool:
    """Whether a text names a workflow of the registry, rather than a file."""
    return _REFERENCE.fullmatch(text) is not None and not text.partition("@")[0].lower().endswith(".py")


def parse_reference(text: str) -> Reference:
    """Read NAME, NAME@VERSION, NAME@ALIAS or NAME@latest; raise BadReference."""
    found = _REFERENCE.fullmatch(text)
    if found is None or not is_reference(text):
        raise BadReference(text)
    name, which = found[1], found[2] or ""
    if which.isdecimal():
        if not 1 <= int(which) < 2**63:
            raise BadReference(text)
        return Reference(name, version=int(which))
    return Reference(name, alias="" if which == LATEST else which)


def default_name(workflow: str) -> str:
    """Return the name that a workflow is deployed under if none is given: that in its code."""
    return _NOT_OF_NAMES.sub("-", workflow.rpartition(":")[2].rpartition(".")[2]).strip("-_")


def ref_of(reference: Reference) -> service_pb2.Ref:
    ref = service_pb2.Ref(kind=events_pb2.ENTRY_KIND_WORKFLOW, name=reference.name)
    if reference.version:
        ref.version = reference.version
    elif reference.alias:
        ref.alias = reference.alias
    return ref


def info_of(entry: service_pb2.Entry) -> WorkflowInfo:
    return WorkflowInfo(
        name=entry.name,
        team=entry.team,
        doc=entry.doc,
        latest=entry.latest,
        aliases={each.alias: each.version for each in entry.aliases},
        updated_at_us=entry.updated_at_us,
    )


def version_of(version: service_pb2.Version) -> WorkflowVersion:
    published = version.workflow
    return WorkflowVersion(
        name=version.name,
        version=version.version,
        plan_hash=published.plan,
        team=published.team,
        user=version.caller.user,
        workflow=published.interface.workflow,
        doc=published.interface.doc,
        bundle=published.interface.bundle,
        nodes=published.interface.nodes,
        published_at_us=version.published_at_us,
        changes=_changes(published.changes),
        types={each.name: each.version for each in published.types},
    )


def type_of(version: service_pb2.Version) -> TypeInfo:
    registered = version.type
    fields = registered.types[0].fields
    return TypeInfo(
        name=version.name,
        version=version.version,
        fields={one.name: spell(registered.types, one.type) + ("" if one.required else "?") for one in fields},
        workflow=f"{registered.workflow}@{registered.workflow_version}",
        published_at_us=version.published_at_us,
    )


def type_use_of(version: service_pb2.Version, name: str) -> TypeUse:
    """Return which inputs and outputs of a workflow's version have a class, wherever it is in their types."""
    found = version.workflow.interface
    inputs = [each.name for each in found.inputs if _has(found.types, each.type, name, set())]
    outputs = [each.name for each in found.outputs if _has(found.types, each.type, name, set())]
    return TypeUse(name=version.name, version=version.version, inputs=inputs, outputs=outputs)


def _has(types: Sequence[plan_pb2.Type], index: int, name: str, seen: set[int]) -> bool:
    """Whether a type is a class, or has it in a parameter or a field; types may contain themselves."""
    if index in seen or not 0 <= index < len(types):
        return False
    seen.add(index)
    kind = types[index]
    parts = (*kind.args, *(field.type for field in kind.fields))
    return kind.qualname == name or any(_has(types, part, name, seen) for part in parts)


def move_of(moved: events_pb2.AliasMoved) -> AliasMove:
    return AliasMove(
        name=moved.name,
        alias=moved.alias,
        version=moved.version,
        from_version=moved.from_version,
        changes=_changes(moved.changes),
    )


def _changes(changes: Sequence[events_pb2.Change]) -> list[Change]:
    return [Change(each.text, each.incompatible) for each in changes]

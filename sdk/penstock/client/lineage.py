"""Where artifacts are from, and what used them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from penstock_plan.refs import is_used
from penstock_proto.history.v1 import service_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import INPUTS_NODE


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact where the log recorded it: as an output of a node, or as an input of a run.

    Attributes:
        hash: SHA-256 of its bytes, in hexadecimal.
        node: Name of the node whose output it is; empty: it is an input of the run.
        port: Name of the output or input.
        index, place: Of the node in its plan, -1 for an input; and of the port.
    """

    hash: str
    codec: str
    type: str
    size_bytes: int
    recorded_at_us: int
    run: uuid.UUID
    workflow: str
    team: str
    node: str
    port: str
    operator: str
    plan_hash: bytes
    index: int
    place: int

    @property
    def is_input(self) -> bool:
        return self.index == INPUTS_NODE


@dataclass(frozen=True, slots=True)
class Use:
    """A node that got an artifact as an argument; an output of the run where `node` is empty."""

    run: uuid.UUID
    node: str
    operator: str
    argument: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Of one artifact.

    Attributes:
        made: The outputs that it was, the latest first.
        given: The runs that got it as an input.
        used: By those runs.
        more: There is more of it than this.
    """

    made: list[Artifact]
    given: list[Artifact]
    used: list[Use]
    more: bool


def artifact_of(record: service_pb2.ArtifactRecord) -> Artifact:
    return Artifact(
        hash=record.value.artifact.hex(),
        codec=record.value.codec,
        type=record.value.type_name,
        size_bytes=record.value.size_bytes,
        recorded_at_us=record.recorded_at_us,
        run=uuid.UUID(bytes=record.run_id),
        workflow=record.workflow,
        team=record.team,
        node=record.node_name,
        port=record.port,
        operator=record.operator,
        plan_hash=record.plan,
        index=record.node,
        place=record.place,
    )


def uses(plan: plan_pb2.Plan, one: Artifact) -> Iterator[Use]:
    """Return the nodes and the outputs of a plan that use what an artifact was in it."""
    for node in plan.nodes:
        for argument in node.arguments:
            if is_used(argument.value, one.index, one.place):
                operator = plan.operators[node.operator] if node.kind == plan_pb2.NODE_KIND_TASK else None
                name = f"{operator.module}:{operator.qualname}" if operator is not None else ""
                yield Use(one.run, node.name, name, argument.name)
    for output in plan.outputs:
        if is_used(output.value, one.index, one.place):
            yield Use(one.run, "", "", output.name)

"""A grant as it is told to others, and its inputs wherever they are."""

from collections.abc import Sequence
from pathlib import Path

from penstock_proto.action_service.v1.worker_pb2 import Grant, NodeValues


def without_inputs(grant: Grant, inputs_file: str = "") -> Grant:
    """Return the grant as it is told to others, who know its inputs or read them from a file."""
    told = Grant(
        grant=grant.grant,
        run_id=grant.run_id,
        node=grant.node,
        item=grant.item,
        attempt=grant.attempt,
        plan=grant.plan,
        bundle=grant.bundle,
        resources=grant.resources,
        timeout_s=grant.timeout_s,
        operator=grant.operator,
        traceparent=grant.traceparent,
        team=grant.team,
        inputs_file=inputs_file,
        no_cache=grant.no_cache,
    )
    if grant.path:
        told.template = grant.template
        told.path.extend(grant.path)
    return told


def node_of_plan(grant: Grant) -> int:
    """Return the node of the plan that a grant is for: itself, or its template if a map added it to the run."""
    return grant.template if grant.path else grant.node


def inputs_of(grant: Grant) -> Sequence[NodeValues]:
    """Return a grant's inputs, from its file if it has one: parts one after the other, as protobuf joins them."""
    return Grant.FromString(Path(grant.inputs_file).read_bytes()).inputs if grant.inputs_file else grant.inputs

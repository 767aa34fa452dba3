"""A run forked from an ended one: what of it is reused, decided before it starts."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock_plan.growth import without_items
from penstock_plan.reuse import Code, Decision, Done, Side, decide
from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.value.v1 import value_pb2

from . import submission
from .connection import Connection
from .errors import ForkRefused
from .run_id import new_run_id
from .submission import Prepared
from .values import Artifacts
from .view import NodeState, RunView

# Artifacts asked about in one call.
ASKED_MAX = 10_000
ID_END = 4  # bytes by which a run's shard is known


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a fork does with one node."""

    node: str
    operator: str
    is_reused: bool
    # Why it runs; empty if it is reused.
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """What a fork does, before it does it: `AsyncRepair.start` starts it."""

    origin: uuid.UUID
    nodes: Sequence[NodePlan]
    # Items that failed, and stay left out of the list that was made without them.
    left_out: Sequence[str]
    prepared: Prepared
    request: service_pb2.SubmitRequest

    @property
    def reused(self) -> int:
        return sum(each.is_reused for each in self.nodes)


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that is forked, as its log has it."""

    view: RunView
    inputs: Sequence[value_pb2.Value]
    # Of each node that has succeeded: the artifacts of its outputs.
    artifacts: Mapping[int, Sequence[bytes]]
    # Which sides its branches took.
    sides: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a fork beside its inputs; see AsyncRepair.plan."""

    again: Sequence[str] = ()
    keep: Sequence[str] = ()
    failed_again: bool = False


def inputs_of(
    origin: Origin, prepared: Prepared, given: Mapping[str, Any]
) -> tuple[dict[str, value_pb2.Value], Mapping[bytes, bytes]]:
    """Return the inputs of the fork: those given, then those of the origin; raise BadInputs."""
    static = {each.name for each in prepared.plan.inputs if each.HasField("static")}  # of the plan itself
    kept = dict(zip((each.name for each in origin.view.plan.inputs), origin.inputs, strict=False))
    others = {name: value for name, value in given.items() if name not in static}
    encoded = submission.prepare_given(prepared, others, kept)
    declared = {each.name for each in prepared.plan.inputs} - static
    old = {name: value for name, value in kept.items() if name in declared and name not in given}
    return old | dict(encoded.inputs), encoded.input_artifacts


async def plan_fork(
    connection: Connection,
    artifacts: Artifacts,
    origin: Origin,
    prepared: Prepared,
    given: Mapping[str, Any],
    wanted: Wanted,
    caller: events_pb2.Caller,
) -> ForkPlan:
    """Decide what a fork reuses; raise ForkRefused, BadInputs."""
    view, plan = origin.view, prepared.plan
    if not view.state.ended:
        raise ForkRefused(
            f"run {view.id} has not ended: wait for its end (penstock watch {view.id}) or cancel it, then fork it"
        )
    inputs, input_artifacts = inputs_of(origin, prepared, given)
    gone = await _gone(connection, origin.artifacts)
    codes = [
        _kept(codes, of, wanted.keep)
        for codes, of in zip(
            await _codes(artifacts, view.compiled_plan, prepared), (view.compiled_plan, plan), strict=True
        )
    ]
    old = Side(view.compiled_plan, origin.inputs, codes[0])
    new = Side(plan, [inputs.get(each.name) for each in plan.inputs], codes[1])
    from ..compiler.fingerprints import changed

    done = done_of(origin, gone, failed_again=wanted.failed_again)
    decided = decide(old, new, done, _names(plan, wanted.again), changed)
    request = submission.request(replace(prepared, inputs=inputs), _run_id(view), caller, _options(view, prepared))
    request.fork.run_id = view.run_id
    request.fork.reused.CopyFrom(decided.known)
    return ForkPlan(
        uuid.UUID(bytes=view.run_id),
        [_shown(plan, each) for each in decided.nodes],
        decided.left_out,
        replace(prepared, inputs=inputs, input_artifacts=input_artifacts),
        request,
    )


def _shown(plan: plan_pb2.Plan, decision: Decision) -> NodePlan:
    node = plan.nodes[decision.template]
    operator = plan.operators[node.operator] if node.kind == plan_pb2.NODE_KIND_TASK else None
    name = f"{operator.module}:{operator.qualname}" if operator is not None else ""
    return NodePlan(decision.name, name, bool(decision.seq), decision.reasons)


def _names(plan: plan_pb2.Plan, again: Sequence[str]) -> set[str]:
    """Return the names of nodes, of the plan or of items; raise ClientError if the plan has no such node."""
    found: set[str] = set()
    for text in again:
        base = without_items(text)
        if base != text and any(node.name == base and node.map for node in plan.nodes):
            found.add(text)
        else:
            found.add(plan.nodes[submission.node_index(plan, text)].name)
    return found


def _kept(codes: Sequence[Code], plan: plan_pb2.Plan, keep: Sequence[str]) -> Sequence[Code]:
    """Return the code of operators; that of those whose results are kept is the same as ever."""
    operators = {plan.nodes[submission.node_index(plan, name)].operator for name in keep}
    return [{"kept": ""} if index in operators else code for index, code in enumerate(codes)]


def done_of(origin: Origin, gone: Collection[int], *, failed_again: bool) -> Done:
    view = origin.view
    succeeded = {
        node.index: node.output_seq
        for node in view.nodes
        if node.state is NodeState.SUCCEEDED and node.index not in gone
    }
    others = {node.index: _became(node.state) for node in view.nodes if node.index not in succeeded}
    others |= dict.fromkeys(gone, "an artifact of its outputs is gone")
    left_out = {} if failed_again else view.left_out()
    return Done(succeeded, others, [(each.node, each.items) for each in view.growths], origin.sides, left_out)


def _became(state: NodeState) -> str:
    if state is NodeState.FAILED:
        return "it failed"
    return f"it was {state.value}" if state in _PASSIVE else "it did not run"


_PASSIVE = frozenset({NodeState.SKIPPED, NodeState.CANCELLED})


def _run_id(view: RunView) -> uuid.UUID:
    """Return a new id whose shard is that of the origin."""
    return uuid.UUID(bytes=new_run_id().bytes[:-ID_END] + view.run_id[-ID_END:])


def _options(view: RunView, prepared: Prepared) -> events_pb2.RunOptions:
    """Return the options of the origin; another plan is not what it was launched by."""
    options = events_pb2.RunOptions()
    options.CopyFrom(view.options)
    options.team = options.team or view.caller.team
    options.ClearField("traceparent")
    if prepared.plan_hash != view.plan_hash:
        options.ClearField("workflow")
        options.ClearField("workflow_version")
    return options


async def _gone(connection: Connection, artifacts: Mapping[int, Sequence[bytes]]) -> set[int]:
    """Return the nodes whose outputs are not in the artifact store any more."""
    asked = sorted({artifact for of_node in artifacts.values() for artifact in of_node})
    missing: set[bytes] = set()
    for at in range(0, len(asked), ASKED_MAX):
        request = artifact_pb2.MissingRequest(artifacts=asked[at : at + ASKED_MAX])
        answer: Any = await connection.call("artifact_store", "Missing", request)
        missing.update(answer.artifacts)
    return {node for node, of_node in artifacts.items() if missing.intersection(of_node)}


async def _codes(artifacts: Artifacts, old: plan_pb2.Plan, prepared: Prepared) -> tuple[Sequence[Code], Sequence[Code]]:
    """Return the code of each operator of both plans, as their bundles have it."""
    from ..compiler.fingerprints import BundleCode

    async def archive(bundle: bytes) -> bytes:
        if not bundle:
            return b""
        if (data := prepared.plan_artifacts.get(bundle)) is not None:
            return data
        store = await artifacts.store([value_pb2.Value(artifact=bundle)])
        return store.get(bundle) if store is not None else b""

    def codes(plan: plan_pb2.Plan, data: bytes) -> Sequence[Code]:
        code = BundleCode(data) if data else None
        return [code.of(each.module, each.qualname) if code else {} for each in plan.operators]

    new = prepared.plan
    before, after = await archive(old.bundle), await archive(new.bundle)
    return codes(old, before), codes(new, after)

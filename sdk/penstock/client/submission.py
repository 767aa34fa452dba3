"""A workflow and its inputs, made ready to be submitted. Nothing here talks to a service."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from penstock_plan.show import labels
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.value.v1 import value_pb2

from .. import codecs
from .errors import BadInputs, ClientError
from .run_id import new_run_id, parse_run_id
from .uploads import Outgoing

if TYPE_CHECKING:
    from ..compiler.compilation import Compiled
    from ..compiler.shape import Shape
    from ..compiler.staleness import Seen
    from ..declare.workflows import Workflow

UNDERSTOOD_MAX = 256
_compiled: WeakKeyDictionary[Any, tuple[Compiled, tuple[Seen, ...], tuple[bytes, ...]]] = WeakKeyDictionary()
_understood: dict[bytes, _Understood] = {}


@dataclass(frozen=True, slots=True)
class Returned:
    """How the outputs of a run become what its workflow returns."""

    shape: Shape
    annotations: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with the inputs of one run."""

    plan: plan_pb2.Plan
    plan_hash: bytes
    # Empty if the server has the plan.
    plan_data: bytes
    # The bundle and the plan's large literals, by hash.
    plan_artifacts: Mapping[bytes, bytes]
    inputs: Mapping[str, value_pb2.Value]
    input_artifacts: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    returned: Returned | None = None
    # Of the child runs that it starts, those first that others start.
    child_plans: Sequence[bytes] = ()

    @property
    def plans(self) -> list[bytes]:
        """All plans to be stored, in this order."""
        return [*self.child_plans, self.plan_data]


@dataclass(frozen=True, slots=True)
class _Understood:
    """The facts that all runs of one plan share."""

    artifacts: Mapping[bytes, bytes]
    inputs: Mapping[str, Any]
    returned: Returned


def prepare(workflow: Workflow[..., Any] | type[Any] | Compiled, inputs: Mapping[str, Any]) -> Prepared:
    """Compile, once a workflow and process, and encode the inputs; raise CompileErrors, BadInputs."""
    shaping = _static_inputs(workflow, inputs)
    planned = prepare_plan(workflow, shaping)
    if not inputs and not planned.plan.inputs:
        return planned
    store = Outgoing()
    given = {name: value for name, value in inputs.items() if name not in shaping}
    values = encode_inputs(planned.plan, _understood[planned.plan_hash].inputs, given, store)
    return replace(planned, inputs=values, input_artifacts=store.artifacts)


def prepare_stored(plan: plan_pb2.Plan, plan_hash: bytes, inputs: Mapping[str, Any]) -> Prepared:
    """Encode the inputs of a plan that the server has, whose code this process may not have; raise BadInputs."""
    store = Outgoing()
    values = encode_inputs(plan, {}, inputs, store)
    return Prepared(plan, plan_hash, b"", {}, values, store.artifacts)


def _static_inputs(workflow: Workflow[..., Any] | type[Any] | Compiled, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that a workflow must be compiled with; none of one that was compiled."""
    from ..declare import static
    from ..declare.workflows import workflow_of

    declared = workflow_of(workflow)
    return {} if declared is None else static.chosen(declared.signature, inputs)


def prepare_as(workflow: Any, old: plan_pb2.Plan, inputs: Mapping[str, Any]) -> Prepared:
    """Compile a workflow, with another plan's static inputs where others are not given; the result has no inputs."""
    shaped = {each.name: json.loads(each.static.inline) for each in old.inputs if each.HasField("static")}
    return prepare_plan(workflow, _static_inputs(workflow, {**shaped, **inputs}))


def prepare_given(planned: Prepared, inputs: Mapping[str, Any], kept: Collection[str]) -> Prepared:
    """Encode some of the inputs of a plan: those that are kept need not be given; raise BadInputs."""
    understood = _understood.get(planned.plan_hash) if planned.plan_data else None
    store = Outgoing()
    values = encode_inputs(planned.plan, understood.inputs if understood else {}, inputs, store, kept)
    return replace(planned, inputs=values, input_artifacts=store.artifacts)


def prepare_plan(
    workflow: Workflow[..., Any] | type[Any] | Compiled, static: Mapping[str, Any] | None = None
) -> Prepared:
    """Compile, once a workflow and process; the result has no inputs. Raise CompileErrors."""
    from ..compiler.compilation import Compiled
    from ..declare.workflows import workflow_of

    compiled = workflow if isinstance(workflow, Compiled) else compile_once(workflow, static)
    understood = _understood.get(compiled.hash)
    if understood is None:
        declared = _declared(compiled) if isinstance(workflow, Compiled) else workflow_of(workflow)
        understood = _remember(compiled, declared)
    prepared = Prepared(compiled.plan, compiled.hash, compiled.data, understood.artifacts, {}, {}, understood.returned)
    return replace(prepared, child_plans=[child.data for child in compiled.children])


def compile_once(workflow: Workflow[..., Any] | type[Any], static: Mapping[str, Any] | None = None) -> Compiled:
    """Compile a workflow once, and once more after code that its operators import was reloaded.

    One with other values of its static inputs is compiled each time, as the last one.
    """
    from ..compiler import staleness
    from ..compiler.compilation import compile
    from ..declare import modules
    from ..declare.workflows import hidden_workflow, workflow_of

    declared = workflow_of(workflow)
    if declared is None and (hidden := hidden_workflow(workflow)) is not None:
        raise ClientError(f"a decorator hides workflow {hidden.name}: put @workflow first, above the other decorators")
    if declared is None:
        raise ClientError(
            f"{workflow!r} is not a workflow: put @workflow above the function or class, "
            "or pass the result of penstock.compile"
        )
    kept, shaping = _compiled.get(declared), _key(declared, static or {})
    if kept is not None and kept[2] == shaping and not staleness.is_reloaded(kept[1]):
        return kept[0]
    compiled = compile(declared, static=static)
    names = {declared.module, *(module for module, _ in compiled.operators)}
    root = modules.root_of(declared.module, declared.place.file)
    _compiled[declared] = compiled, staleness.seen_now(names, root), shaping
    return compiled


def _key(declared: Workflow[..., Any], static: Mapping[str, Any]) -> tuple[bytes, ...]:
    """What tells values of static inputs apart; what cannot be encoded is refused when it is compiled."""
    from ..compiler.literals import BadLiteral, Literals
    from ..declare.static import plain

    if not static:
        return ()
    literals, parts = Literals(), list[bytes]()
    for name, value in static.items():
        try:
            encoded = literals.encode(value, plain(declared.signature.parameters[name].annotation))
        except BadLiteral:
            return (os.urandom(16),)
        parts += [name.encode(), encoded.SerializeToString()]
    return tuple(parts)


def _remember(compiled: Compiled, declared: Workflow[..., Any] | None) -> _Understood:
    artifacts = dict(compiled.artifacts)
    if compiled.bundle is not None:
        artifacts[compiled.bundle.hash] = compiled.bundle.data
    returned = Returned(compiled.shape, _output_annotations(compiled, declared))
    if len(_understood) >= UNDERSTOOD_MAX:
        _understood.pop(next(iter(_understood)))
    found = _understood[compiled.hash] = _Understood(artifacts, _annotations(declared), returned)
    return found


def prepare_separated(
    workflow: Any, inputs: Mapping[str, Any] | None, named: Mapping[str, Any], options: Mapping[str, Any]
) -> Prepared:
    """Prepare a workflow whose inputs and options are told apart first; see `separated`."""
    name, declared = _signature_of(workflow)
    return prepare(workflow, separated(name, declared, inputs, named, options))


def _signature_of(workflow: Any) -> tuple[str, list[str]]:
    """Return the name of a workflow and those of its inputs; raise CompileErrors if it is none."""
    from ..compiler.compilation import Compiled
    from ..declare.workflows import workflow_of

    declared = None if isinstance(workflow, Compiled) else workflow_of(workflow)
    if declared is not None:
        return f"{declared.module}:{declared.qualname}", list(declared.signature.parameters)
    plan = prepare_plan(workflow).plan
    return plan.name, [each.name for each in plan.inputs]


def options_given(
    run_id: uuid.UUID | str | None,
    team: str | None,
    pool: str | None,
    priority: int | None,
    fail_fast: bool | None,
    labels: Mapping[str, str] | None,
    notify: Sequence[str] | None,
    deadline_s: float | None,
    no_cache: bool | None = None,
) -> dict[str, Any]:
    """Return the options of `submit` by name, those that are not given as None."""
    given: dict[str, Any] = {"run_id": run_id, "team": team, "pool": pool, "priority": priority}
    given |= {"fail_fast": fail_fast, "labels": labels, "notify": notify, "deadline_s": deadline_s}
    return given | {"no_cache": no_cache}


def run_options(given: Mapping[str, Any]) -> events_pb2.RunOptions:
    """Return the options of `submit` as they are recorded; None stands for what is not given."""
    known = {name: value for name, value in given.items() if value is not None and name != "run_id"}
    return events_pb2.RunOptions(**known)


def separated(
    workflow: str,
    declared: Collection[str],
    inputs: Mapping[str, Any] | None,
    named: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return the inputs of a submit, apart from its options; raise BadInputs where a name may be either's.

    Args:
        inputs: Given as a mapping; None: by name.
        options: Those of `submit`, None where they are not given.
    """
    if inputs is not None:
        problems = [f"{name} is not an option of submit: put it into inputs" for name in named]
    else:
        remedy = "write inputs={...} for all inputs; then each keyword is an option"
        both = [name for name, value in options.items() if value is not None and name in declared]
        problems = [f"{name} is an input of the workflow and an option of submit: {remedy}" for name in both]
    if problems:
        raise BadInputs(workflow, problems)
    return named if inputs is None else inputs


def encode_inputs(
    plan: plan_pb2.Plan,
    annotations: Mapping[str, Any],
    inputs: Mapping[str, Any],
    store: codecs.Store | Outgoing,
    kept: Collection[str] = (),
) -> dict[str, value_pb2.Value]:
    """Return the inputs as values; raise BadInputs with everything that is wrong with them.

    Args:
        kept: Inputs that have a value already.
    """
    declared = {each.name: each for each in plan.inputs}
    names = ", ".join(declared) or "none"
    problems = [f"unknown input {name}; the inputs are {names}" for name in inputs if name not in declared]
    there = {*inputs, *kept}
    problems += [f"{each.name} is missing" for each in plan.inputs if each.required and each.name not in there]
    values: dict[str, value_pb2.Value] = {}
    for name, value in inputs.items():
        if name not in declared:
            continue
        try:
            encoded = codecs.encode(value, annotations.get(name, Any), where=name)
            values[name] = codecs.to_value(encoded, store)  # pyright: ignore[reportArgumentType] # it only keeps
        except codecs.CodecError as error:
            problems.append(str(error))
    if problems:
        raise BadInputs(plan.name, problems)
    return values


def request(
    prepared: Prepared, run_id: uuid.UUID | str | None, caller: events_pb2.Caller, options: events_pb2.RunOptions
) -> service_pb2.SubmitRequest:
    chosen = new_run_id() if run_id is None else parse_run_id(run_id)
    if not options.traceparent and (trace := os.environ.get("TRACEPARENT")):
        options.traceparent = trace
    return service_pb2.SubmitRequest(
        run_id=chosen.bytes, plan=prepared.plan_hash, caller=caller, inputs=prepared.inputs, options=options
    )


def node_index(plan: plan_pb2.Plan, name: str) -> int:
    """Return the index of a node by its name, or by what tells it from others: `train[fold=2, lr=0.1]`."""
    for index, node in enumerate(plan.nodes):
        if node.name == name:
            return index
    if len(found := labels.matching(plan, name)) == 1:
        return found[0]
    if found:
        several = ", ".join(plan.nodes[index].name for index in found[:20])
        raise ClientError(f"{name!r} is several nodes of {plan.name}: {several}; give more arguments, or a node's name")
    names = ", ".join(node.name for node in plan.nodes[:20])
    raise ClientError(
        f"{plan.name} has no node {name!r}; its nodes are {names}" + (", ..." if len(plan.nodes) > 20 else "")
    )


def _declared(compiled: Compiled) -> Workflow[..., Any] | None:
    """The workflow that was compiled, if this process can find it."""
    from ..declare import modules
    from ..declare.workflows import workflow_of

    module, _, qualname = compiled.plan.name.partition(":")
    return workflow_of(modules.lookup(module, qualname))


def _annotations(workflow: Workflow[..., Any] | None) -> dict[str, Any]:
    if workflow is None:
        return {}
    return {name: parameter.annotation for name, parameter in workflow.signature.parameters.items()}


def _output_annotations(compiled: Compiled, workflow: Workflow[..., Any] | None) -> dict[str, Any]:
    """Return the annotation of each output: from the workflow, or from the operator that produces it."""
    from ..declare.signatures import MISSING, RESULT, fields_of

    returns = workflow.signature.returns if workflow is not None else MISSING
    fields = {} if returns is MISSING else fields_of(returns)
    found: dict[str, Any] = {}
    for output in compiled.plan.outputs:
        if output.name in fields:
            found[output.name] = fields[output.name]
        elif output.name == RESULT and len(compiled.plan.outputs) == 1 and returns is not MISSING:
            found[RESULT] = returns
        elif output.value.WhichOneof("kind") == "output":
            node = compiled.plan.nodes[output.value.output.node]
            declared = compiled.plan.operators[node.operator]
            operator = compiled.operators.get((declared.module, declared.qualname))
            if operator is not None:
                found[output.name] = operator.signature.outputs[output.value.output.output].annotation
    return found

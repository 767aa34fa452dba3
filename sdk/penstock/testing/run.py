"""For tests of workflows: running one in the test's own process, without services, and comparing its plan."""

from __future__ import annotations

import difflib
import hashlib
import json
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from penstock_plan.children import Child
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value, Values

from ..call.argument_values import Builders
from ..call.control import call_of
from ..call.failures import ActionError, without_own_frames
from ..call.given import Given
from ..call.given_types import LoadOperator
from ..codecs.encoded import Buffer
from ..compiler.compilation import Compiled, compile
from ..compiler.literals import BadLiteral, Literals
from ..declare.classes import Runs
from ..declare.static import chosen, plain
from ..declare.workflows import Workflow, workflow_of
from ..errors import InvalidInputs, OperatorFailed
from .context import context
from .execution import Execution
from .fakes import Operators, with_fakes
from .waits import ended, given_signals

R = TypeVar("R")


def run(
    workflow: Workflow[..., R] | type[Runs[R]],
    fakes: Mapping[Any, Callable[..., Any]] | None = None,
    signals: Mapping[str, Any] | None = None,
    /,
    **inputs: Any,
) -> R:
    """Run a workflow node by node and return what it returns; nothing is retried, and no sleep takes time.

    Every value between operators is encoded and decoded, so that what has no codec, or is not of its declared type,
    shows. Operators may be defined within the test.

    Args:
        fakes: Functions to call in place of operators, by the operator. They get the arguments by name, and must
            return what the operator declares.
        signals: Values of the signals and answers to the approvals that the workflow waits for, by the names of their
            nodes. One that is not given ends as at its timeout.

    Raises:
        CompileErrors: The workflow is wrong.
        InvalidInputs: The inputs are.
        InvalidDeclaration: An operator to be replaced is none of this workflow's.
        OperatorFailed: An operator or its fake raised, or returned what the operator did not declare; an approval was
            denied, or a signal is not given and has no value for its timeout.
    """
    declared = cast("Workflow[..., Any]", workflow_of(workflow))
    static = {} if declared is None else chosen(declared.signature, inputs)  # pyright: ignore[reportUnnecessaryComparison]
    compiled = compile(workflow, bundle_hash=b"", local=True, static=static)
    operators = with_fakes(compiled, fakes or {})
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        store = MemoryStore(Path(folder), compiled.artifacts)
        given = given_signals(compiled, signals or {}, store)
        runs = _Runs(compiled, given, store, operators, Path(folder))
        values = runs.values(compiled.plan, compiled.hash, _inputs(declared, compiled, inputs, store))
        return _result(compiled, values, store, operators)


class _Runs:
    """A run and its child runs, one after the other."""

    def __init__(
        self, compiled: Compiled, given: Mapping[str, Value], store: MemoryStore, operators: Operators, folder: Path
    ) -> None:
        self._children = {child.hash: child.plan for child in compiled.children}
        self._given, self._store, self._operators, self._folder = given, store, operators, folder

    def values(self, plan: plan_pb2.Plan, plan_hash: bytes, inputs: Sequence[Value]) -> Given:
        """Return the outputs of all nodes of a run."""
        run_id = uuid.uuid4()
        execution = Execution(plan, plan_hash, inputs)
        failure: OperatorFailed | None = None
        while (index := execution.next()) is not None:
            try:
                execution.end(index, self._outputs(plan, execution, index, run_id))
            except OperatorFailed as error:
                if execution.is_forgiven(index):
                    execution.fail(index, _failure(error))
                else:
                    failure = failure or error
                    execution.begin_end(has_failed=True)
        if failure is not None:
            raise failure
        return execution.values

    def _outputs(self, plan: plan_pb2.Plan, execution: Execution, index: int, run_id: uuid.UUID) -> Sequence[Value]:
        template, name = execution.graph.template_of(index), execution.graph.name_of(index)
        node = plan.nodes[template]
        is_pass = node.kind == plan_pb2.NODE_KIND_PASS
        scratch = self._folder / "scratch" / str(run_id) / str(index)
        named = () if is_pass else plan.operators[node.operator].secrets
        with context(run=run_id, node=name, operator=_operator(plan, node), scratch=scratch, declared=named):
            if node.wait.HasField("child"):
                return self._child(node, execution.values)
            if node.kind == plan_pb2.NODE_KIND_WAIT:
                return ended(node, name, self._given)
            if is_pass:
                return []
            return _execute(plan, template, name, execution.given(index), self._store, self._operators)

    def _child(self, node: plan_pb2.Node, given: Given) -> list[Value]:
        child, plan = Child.of(node), self._children[node.wait.child.plan]
        arguments = {name: argument.value(given.get) for name, argument in child.arguments}
        inputs = [arguments.get(each.name) or each.default for each in plan.inputs]
        values = self.values(plan, child.plan, inputs)
        outputs = [output.value(values.get) for output in child.outputs]
        return [output for output in outputs if output is not None]


class MemoryStore:
    """Artifacts of one run in memory; as files in a folder for those that ask for a path."""

    def __init__(self, folder: Path, artifacts: Mapping[bytes, bytes]) -> None:
        self._folder = folder
        self._artifacts = dict(artifacts)

    def put_parts(self, parts: Sequence[Buffer]) -> bytes:
        """Keep the parts as one artifact and return its hash."""
        return self.put(b"".join(parts))

    def put(self, data: bytes) -> bytes:
        """Keep an artifact and return its hash."""
        digest = hashlib.sha256(data).digest()
        self._artifacts[digest] = data
        return digest

    def get(self, artifact: bytes) -> bytes:
        """The artifact's bytes."""
        return self._artifacts[artifact]

    def path(self, artifact: bytes) -> Path:
        """A file with the artifact's bytes."""
        path = self._folder / artifact.hex()
        if not path.exists():
            path.write_bytes(self._artifacts[artifact])
        return path


def _inputs(
    workflow: Workflow[..., Any], compiled: Compiled, inputs: Mapping[str, Any], store: MemoryStore
) -> list[Value]:
    """The inputs of the run in the plan's order, defaults filled in."""
    declared = {each.name: each for each in compiled.plan.inputs}
    problems = [_unknown(name, declared) for name in inputs if name not in declared]
    literals = Literals()
    values: list[Value] = []
    for name, each in declared.items():
        if name in inputs:
            try:
                values.append(literals.encode(inputs[name], plain(workflow.signature.parameters[name].annotation)))
            except BadLiteral as error:
                problems.append(f"{name}: {error.problem}")
        elif each.required:
            problems.append(f"{name} is missing")
        else:
            values.append(each.default)
    if problems:
        raise InvalidInputs(workflow.name, problems)
    for data in literals.artifacts.values():
        store.put(data)
    return values


def _unknown(name: str, declared: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, declared, n=1)
    return f"unknown input {name!r}" + (
        f", did you mean {close[0]!r}?" if close else f"; the inputs are {', '.join(declared) or 'none'}"
    )


def _execute(
    plan: plan_pb2.Plan, index: int, name: str, values: Given, store: MemoryStore, operators: Operators
) -> list[Value]:
    try:
        outputs = Values()
        call_of(plan, index, store, _loader(operators))(values, outputs)
        return list(outputs.values)
    except ActionError as error:
        cause = error.__cause__ or error
        cause.__traceback__ = without_own_frames(cause.__traceback__)
        raise OperatorFailed(name, _operator(plan, plan.nodes[index]), error.trace or str(error)) from cause


def _failure(error: OperatorFailed) -> Value:
    cause = error.__cause__ or error
    said = {"kind": type(cause).__name__, "message": str(cause), "attempts": 1}
    return Value(codec="json", inline=json.dumps(said).encode())


def _loader(operators: Operators) -> LoadOperator:
    return lambda module, qualname: operators.get((module, qualname), _built_in)


def _built_in(*_: Any) -> None:
    """Stands for the operator of a wait, which declares no class."""


def _operator(plan: plan_pb2.Plan, node: plan_pb2.Node) -> str:
    if node.kind != plan_pb2.NODE_KIND_TASK:
        return ""
    declared = plan.operators[node.operator]
    return f"{declared.module}:{declared.qualname}"


def _result(compiled: Compiled, values: Given, store: MemoryStore, operators: Operators) -> Any:
    builders = Builders(compiled.plan, compiled.plan.name, store, load=_loader(operators))
    annotations = compiled.shape.annotations
    return compiled.shape(
        {
            output.name: builders.build(output.value, annotations[output.name], output.name)(values)
            for output in compiled.plan.outputs
        }
    )

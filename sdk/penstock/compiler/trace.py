"""One compilation under way: what each operator call in a workflow's body adds to the plan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from penstock_plan.limits import NODES_MAX, SCHEMA, SCHEMA_MIN
from penstock_plan.refs import maps_around
from penstock_proto.plan.v1 import plan_pb2

from ..declare import modules
from ..declare.annotations import members, union
from ..declare.operators import Operator
from ..declare.options import Options, overrides
from ..declare.recorder import Instance
from ..declare.signatures import RESULT, Problem, bind
from ..declare.static import is_static, plain
from ..declare.workflows import Workflow
from ..errors import CompileError, CompileErrors
from ..item_failures import MapOptions
from .arguments import Mismatch, Writer
from .containers import futures_in
from .future import WHOLE, Future, Origin, describe, nodes_behind
from .literals import BadLiteral, Literals
from .lowering import Lowered, checked, located, lower
from .type_table import TypeTable
from .waits import built_in, write_wait

# Workflows that call themselves without end are met before Python's own limit.
WORKFLOW_DEPTH_MAX = 50
ERRORS_MAX = 100
# With the name of an operator it stays below what a plan admits as a node's name.
PREFIX_LENGTH_MAX = 140


class Shape(Protocol):
    """The maps and branches of a plan, made by the first of them."""

    def place(self, node: plan_pb2.Node) -> None:
        """Say of a new node within which map and on which sides it is."""
        ...

    def implied_by(self, parents: Iterable[int]) -> set[int]:
        """The maps and branches that a node comes after because one of these nodes, which it uses, does."""
        ...

    def gather(self, values: Iterable[Any]) -> None:
        """Add the nodes that collect the lists among these values, if nobody needed them yet."""
        ...

    def map(
        self, declared: Any, args: Sequence[Any], kwargs: Mapping[str, Any], options: MapOptions, frame: FrameType
    ) -> Any:
        """Call for each item of lists; return the list of results."""
        ...

    def branch(
        self, name: str, condition: Any, cases: Sequence[Any] | None, sides: Sequence[Any], frame: FrameType
    ) -> Any:
        """Let the run take a side; return what it has."""
        ...


class Starting(Protocol):
    """The child runs of a plan."""

    def start(
        self,
        trace: Trace,
        workflow: Workflow[..., Any],
        given: tuple[Sequence[Any], Mapping[str, Any]],
        options: plan_pb2.Child,
        policy: plan_pb2.FailurePolicy,
        frame: FrameType,
    ) -> Any:
        """Add the node that starts a run; return what the workflow returns, made of the node's outputs."""
        ...


class Trace:
    """Collects nodes and errors while the body of a workflow runs."""

    def __init__(self, root: Path, shape: Callable[[Trace], Shape], family: Starting, *, local: bool) -> None:
        self.plan = plan_pb2.Plan(schema=SCHEMA_MIN)
        self.errors: list[CompileError] = []
        self._family = family
        self.types = TypeTable(self.plan.types)
        self.literals = Literals()
        self.operators: dict[tuple[str, str], Operator[..., Any]] = {}
        self.writer = Writer(self, self.types, self.literals)
        # Arguments of inlined workflows are checked, and then used as they are.
        self._checker = Writer(self, self.types, Literals())
        self.root, self._shape, self._local = root, shape, local
        self._lowered: dict[int, Lowered] = {}
        self._overrides: dict[int, tuple[Options, plan_pb2.Overrides | None]] = {}
        self._files: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._taken: set[str] = set()
        self.prefix = ""
        self._after: tuple[int, ...] = ()
        self._at_end = plan_pb2.AT_END_UNSPECIFIED
        self._depth = 0
        # The maps and branches of the plan; None until there is one.
        self.control: Shape | None = None
        # By id, with the instance itself, so that no other gets its id.
        self._sensors: dict[int, Lowered] = {}  # by the operator that they call
        self._waiting: dict[tuple[str, int | None], int] = {}  # built-in operators, by function and type of the output
        self._made: dict[int, tuple[object, modules.Place]] = {}

    def of_child(self) -> Trace:
        """Return a trace of a child run's plan, whose operators and errors are also those of this one."""
        child = Trace(self.root, self._shape, self._family, local=self._local)
        child.errors, child.operators = self.errors, self.operators
        return child

    def start(
        self,
        workflow: Workflow[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: plan_pb2.Child,
        policy: plan_pb2.FailurePolicy,
        frame: FrameType,
    ) -> Any:
        """Add a node that starts a run of the workflow; return what that returns, made of the node's outputs."""
        return self._family.start(self, workflow, (args, kwargs), options, policy, frame)

    def note_instance(
        self,
        declared: Operator[..., Any] | Workflow[..., Any],
        instance: object,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        frame: FrameType,
    ) -> tuple[dict[str, Any], list[Problem]]:
        """Remember where an instance of a class was made; return what its fields are given, and what is wrong."""
        constructor = declared.signature.constructor
        assert constructor is not None, "only classes have instances"
        given, problems = bind(constructor, args, kwargs)
        for problem in problems:
            self.problem(declared.name, problem, frame)
        self._made[id(instance)] = instance, modules.place_of(frame)
        return given, problems

    def call(
        self,
        operator: Operator[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        frame: FrameType,
        instance: Instance | None = None,
    ) -> Future:
        """Add the node of one operator call, of a class's instance if it is one; return the future of its result."""
        lowered = self._lowered.get(id(operator.declaration)) or self._lower(operator.declaration)
        if operator.wait is not None:
            lowered = self._sensing(operator, lowered, frame)
        given, problems = bind(lowered.signature.method or lowered.signature, args, kwargs)
        for problem in problems:
            self.problem(operator.name, problem, frame)
        if instance is not None:
            given = {**instance.fields, **given}
        if self.control is not None:
            self.control.gather(given.values())
        index = len(self.plan.nodes)
        node = self.add_node(operator.name, plan_pb2.NODE_KIND_TASK, frame)
        node.operator = lowered.index
        if operator.wait is not None:
            node.wait.CopyFrom(operator.wait)
        self.literals.begin_node()
        for name, value in given.items():
            expr = node.arguments.add(name=name).value
            for wrong in self.writer.write(expr, value, lowered.annotations[name], name):
                self._mismatch(operator.name, wrong, frame, self._made_at(instance, name))
        if operator is not operator.declaration and (changed := self._changes(operator)) is not None:
            node.overrides.CopyFrom(changed)
        if self._after:
            self.order(node, given.values())
        origin = Origin(index, node.name, operator.name, frame.f_lineno, lowered.outputs, lowered.unpackable)
        if lowered.single:
            return Future(self, origin, 0, lowered.returns, lowered.returns_type)
        return Future(self, origin, WHOLE, lowered.returns, lowered.returns_type)

    def inline(
        self,
        workflow: Workflow[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        frame: FrameType,
        instance: Instance | None = None,
    ) -> Any:
        """Run the body of a workflow that is called by a workflow; its nodes get the workflow's name in front."""
        signature = workflow.signature
        given, problems = bind(signature.method or signature, args, kwargs)
        problems += signature.problems
        if self._depth >= WORKFLOW_DEPTH_MAX:
            problems.append(Problem(f"is called {WORKFLOW_DEPTH_MAX} workflows deep", remedy="does it call itself?"))
        for problem in problems:
            self.problem(workflow.name, problem, frame)
        if problems:  # its body cannot run
            raise CompileErrors("", [])
        if instance is not None:
            given = {**instance.fields, **given}
        for name, value in given.items():
            unusable: list[Problem] = []
            wanted = signature.parameters[name].annotation
            if is_static(wanted) and (futures := list(futures_in(value))):
                text = f"is static, given {describe(futures[0])}, whose value only the run has"
                self.problem(workflow.name, Problem(text, name, "give it a plain value, or a static input"), frame)
                raise CompileErrors("", [])
            annotation, _ = checked(self.types, plain(wanted), name, unusable)
            for problem in unusable:
                self.error(located(workflow.place, workflow.name, problem))
            for wrong in self._checker.write(plan_pb2.Expr(), value, annotation, name):
                self._mismatch(workflow.name, wrong, frame, self._made_at(instance, name))
        outer = self.prefix, self._depth
        self.prefix, self._depth = _shortened(f"{self._unique(workflow.name)}/"), self._depth + 1
        try:
            return (workflow.fn if instance is None else instance.run)(*args, **kwargs)
        finally:
            self.prefix, self._depth = outer

    def barrier(self, nodes: Iterable[int], frame: FrameType) -> Future:
        """Add a node that executes nothing and comes after the given ones."""
        index = len(self.plan.nodes)
        node = self.add_node("barrier", plan_pb2.NODE_KIND_PASS, frame)
        node.after.extend(sorted({*nodes, *self._after}))
        origin = Origin(index, node.name, "barrier", frame.f_lineno, {})
        return Future(self, origin, WHOLE, type(None), self.types.index(type(None)))

    def wait(
        self, name: str, function: str, wait: plan_pb2.Wait, returns: Any, otherwise: object, frame: FrameType
    ) -> Future:
        """Add a node that waits; return the future of what it waits for."""
        problems: list[Problem] = []
        annotation, type_index = checked(self.types, returns, name, problems)
        self.literals.begin_node()
        try:
            write_wait(wait, annotation, otherwise, self.literals)
        except BadLiteral as error:
            problems.append(Problem(f"its value at the timeout does not fit: {error.problem}", "otherwise"))
        for problem in problems:
            self.problem(name, problem, frame)
        index, self.plan.schema = len(self.plan.nodes), SCHEMA
        node = self.add_node(name, plan_pb2.NODE_KIND_WAIT, frame)
        node.operator = self._built_in(function, None if returns is None else type_index)
        node.wait.CopyFrom(wait)
        if any(self.plan.nodes[around].concurrency for around in maps_around(self.plan, index)):
            text = "waits within a map with a concurrency, whose items are not counted while they wait"
            self.problem(name, Problem(text, remedy="leave concurrency= out, or wait before the map"), frame)
        node.after.extend(self._after)
        if returns is None:
            return Future(self, Origin(index, node.name, function, frame.f_lineno, {}), WHOLE, annotation, type_index)
        outputs = {RESULT: (0, annotation, type_index)}
        return Future(self, Origin(index, node.name, function, frame.f_lineno, outputs), 0, annotation, type_index)

    def _sensing(self, operator: Operator[..., Any], lowered: Lowered, frame: FrameType) -> Lowered:
        """The operator as a sensor, whose result is never None."""
        self.plan.schema = SCHEMA
        known = self._sensors.get(lowered.index)
        if known is None:
            found = union(each for each in members(lowered.returns) if each not in (None, type(None)))
            if not lowered.single or (found == lowered.returns and found is not bool):
                text = f"is used as a sensor, but returns {self.types.spell(lowered.returns_type)}"
                self.problem(operator.name, Problem(text, remedy="return a bool, or a value or None"), frame)
                return lowered
            index = self.types.index(found)
            copied = self.plan.operators.add()
            copied.CopyFrom(self.plan.operators[lowered.index])
            copied.outputs[0].type = index
            outputs = {name: (0, found, index) for name in lowered.outputs}
            position = len(self.plan.operators) - 1
            known = replace(lowered, index=position, outputs=outputs, returns=found, returns_type=index)
            self._sensors[lowered.index] = known
        return known

    def _built_in(self, function: str, output: int | None) -> int:
        """The operator that stands for the output of a wait."""
        index = self._waiting.get((function, output))
        if index is None:
            index = self._waiting[function, output] = len(self.plan.operators)
            self.plan.operators.append(built_in(function, output))
        return index

    @contextlib.contextmanager
    def order_after(self, nodes: Iterable[int], *, only: bool = False) -> Generator[None]:
        """All nodes added meanwhile come after the given ones; `only` these, and not what comes before now."""
        outer = self._after
        self._after = tuple(sorted({*nodes} if only else {*outer, *nodes}))
        try:
            yield
        finally:
            self._after = outer

    @contextlib.contextmanager
    def at_end(self, end: plan_pb2.AtEnd) -> Generator[None]:
        """All nodes added meanwhile belong to the end of the run."""
        outer, self._at_end, self.plan.schema = self._at_end, end, SCHEMA
        try:
            with self.order_after((), only=True):
                yield
        finally:
            self._at_end = outer

    def nodes_of(self, function: str, dependencies: Iterable[Any], frame: FrameType) -> set[int]:
        """The nodes that futures in `dependencies` come from; inputs of the run come from none."""
        nodes: set[int] = set()
        dependencies = list(dependencies)
        if self.control is not None:
            self.control.gather(dependencies)
        for dependency in dependencies:
            futures = [future for future in futures_in(dependency) if future.penstock_trace is self]
            if not futures:
                text = f"expected results of operators called in this workflow, given {type(dependency).__name__}"
                remedy = (
                    "a workflow to wait for must return a result of its own operators" if dependency is None else ""
                )
                self.problem(function, Problem(text, remedy=remedy), frame)
            nodes.update(*map(nodes_behind, futures))
        return nodes - {-1}

    def map(
        self,
        declared: Operator[..., Any] | Workflow[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: MapOptions,
        frame: FrameType,
    ) -> Any:
        """Call an operator or workflow for each item of the lists that are given."""
        return self._shaped().map(declared, args, kwargs, options, frame)

    def branch(
        self, name: str, condition: Any, cases: Sequence[Any] | None, sides: Sequence[Any], frame: FrameType
    ) -> Any:
        """Let the run take one of several sides; return the future of what it has."""
        return self._shaped().branch(name, condition, cases, sides, frame)

    def _shaped(self) -> Shape:
        if self.control is None:
            self.plan.schema = SCHEMA
            self.control = self._shape(self)
        return self.control

    def mismatch(self, name: str, wrong: Mismatch, frame: FrameType) -> None:
        """Note what is wrong with an argument at the line of the frame."""
        self._mismatch(name, wrong, frame, None)

    def problem(self, operator: str, problem: Problem, frame: FrameType) -> None:
        self.error(
            CompileError(
                problem=problem.text,
                operator=operator,
                argument=problem.argument,
                file=frame.f_code.co_filename,
                line=frame.f_lineno,
                remedy=problem.remedy,
            )
        )

    def error(self, error: CompileError) -> None:
        """Note one more error; give up when there are too many for anyone to read."""
        self.errors.append(error)
        if len(self.errors) >= ERRORS_MAX:
            raise CompileErrors("", [])

    def _made_at(self, instance: Instance | None, argument: str) -> modules.Place | None:
        """Where the instance was made, if in this workflow, and the argument is one of its fields."""
        if instance is None or argument not in instance.fields or id(instance.object) not in self._made:
            return None
        return self._made[id(instance.object)][1]

    def _mismatch(self, operator: str, wrong: Mismatch, frame: FrameType, made_at: modules.Place | None) -> None:
        file, line = made_at or modules.place_of(frame)
        error = CompileError(
            problem=wrong.problem,
            operator=operator,
            argument=wrong.argument,
            expected=wrong.expected,
            given=wrong.given,
            file=file,
            line=line,
            remedy=wrong.remedy,
        )
        if made_at is None or error not in self.errors:  # made once, it may run many times
            self.error(error)

    def _lower(self, operator: Operator[..., Any]) -> Lowered:
        lowered, errors = lower(operator, self.plan, self.types, self.operators, local=self._local)
        self._lowered[id(operator)] = lowered
        for error in errors:
            self.error(error)
        return lowered

    def add_node(self, name: str, kind: plan_pb2.NodeKind, frame: FrameType) -> plan_pb2.Node:
        """Add the next node; it is within the maps and on the sides that are being traced."""
        if len(self.plan.nodes) >= NODES_MAX:
            text = f"exceeds the limit of {NODES_MAX} nodes per plan"
            self.problem(name, Problem(text, remedy="does a loop of the workflow never end?"), frame)
            raise CompileErrors("", [])
        code = frame.f_code.co_filename
        file = self._files.get(code)
        if file is None:
            file = self._files[code] = len(self.plan.files)
            self.plan.files.append(modules.relative(code, self.root))
        return self.add_node_at(name, kind, file, frame.f_lineno)

    def add_node_at(self, name: str, kind: plan_pb2.NodeKind, file: int, line: int) -> plan_pb2.Node:
        """Add the next node, called at a line of one of the plan's files."""
        node = self.plan.nodes.add(name=self._unique(name), kind=kind, file=file, line=line, at_end=self._at_end)
        if self.control is not None:
            self.control.place(node)
        return node

    def _unique(self, name: str) -> str:
        """The name, with a number from its second use on."""
        full = self.prefix + name
        number = self._names.get(full, 0) + 1
        unique = full if number == 1 else f"{full}-{number}"
        while unique in self._taken:  # somebody named an operator "train-2"
            number += 1
            unique = f"{full}-{number}"
        self._names[full] = number
        self._taken.add(unique)
        return unique

    def _changes(self, operator: Operator[..., Any]) -> plan_pb2.Overrides | None:
        known = self._overrides.get(id(operator.settings))
        if known is None:
            changed = overrides(operator.declaration.settings, operator.settings)
            known = self._overrides[id(operator.settings)] = (operator.settings, changed)
        return known[1]

    def order(self, node: plan_pb2.Node, values: Iterable[Any]) -> None:
        """Let a node come after those of `order_after` whose values it does not use."""
        parents = {node for value in values for future in futures_in(value) for node in nodes_behind(future)}
        implied = parents if self.control is None else parents | self.control.implied_by(parents)
        node.after.extend(each for each in self._after if each not in implied)


def _shortened(prefix: str) -> str:
    """The end of the path of workflows, if it is very long."""
    return prefix if len(prefix) <= PREFIX_LENGTH_MAX else "..." + prefix[3 - PREFIX_LENGTH_MAX :]

"""Maps and branches of the plan that is being traced."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterable, Mapping, Sequence
from types import FrameType, GenericAlias
from typing import Any, Final, cast, get_args

import msgspec
from penstock_plan.limits import CONTROL_MODULE, MAP_DEPTH_MAX
from penstock_plan.refs import add_refs, maps_around
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

from .. import codecs
from ..codecs.compound import rebuilt
from ..declare.annotations import is_named_tuple, union, unwrap
from ..declare.control import Each
from ..declare.operators import Operator
from ..declare.signatures import Problem, Signature
from ..declare.workflows import Workflow
from ..errors import CompileError, CompileErrors
from ..item_failures import ItemFailure, Kept, MapOptions
from .containers import class_of_value, futures_in
from .future import WHOLE, Collected, Future, Origin
from .trace import Trace
from .type_table import UNKNOWN

# A node that decides does little.
CPU_MILLI: Final = 100
_PLAIN: Final = (type(None), bool, int, float, str)


class Control:
    """Adds the nodes of maps and branches; knows within which of them the next node is."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._map = 0  # Node.map of the next node
        self._sides: tuple[tuple[int, int], ...] = ()

    def place(self, node: plan_pb2.Node) -> None:
        """Say of a new node within which map and on which sides it is."""
        if self._map:
            node.map = self._map
        for branch, side in self._sides:
            node.sides.add(branch=branch, side=side)

    def implied_by(self, parents: Iterable[int]) -> set[int]:
        """The maps and branches that a node comes after because one of these nodes, which it uses, does."""
        found: set[int] = set()
        for parent in parents:
            node = self._trace.plan.nodes[parent] if parent >= 0 else plan_pb2.Node()
            found.update(side.branch for side in node.sides)
            if node.map and node.map == self._map:
                found.add(node.map - 1)
        return found.intersection([self._map - 1, *(branch for branch, _ in self._sides)])

    # Lists of a map's results

    def gather(self, values: Iterable[Any]) -> None:
        """Add the nodes that collect the lists among these values, if nobody needed them yet."""
        for value in values:
            for future in futures_in(value):
                origin = future.penstock_origin
                if origin.collected is None or future.penstock_output in origin.collected.gathers:
                    continue
                if future.penstock_output == WHOLE:
                    self._refuse_whole(future)
                    continue
                self._gather(origin.collected, future)

    def _refuse_whole(self, future: Future) -> None:
        origin, plan = future.penstock_origin, self._trace.plan
        outputs = ", ".join(f".{name}" for name in origin.outputs)
        self._trace.error(
            CompileError(
                problem="each item has several outputs, which are lists of their own"
                if outputs
                else "the items return nothing that a list could hold",
                operator=origin.operator,
                file=str(self._trace.root / plan.files[plan.nodes[origin.node].file]),
                line=origin.line,
                remedy=f"use {outputs}" if outputs else "let the operator return something",
            )
        )
        raise CompileErrors("", [])

    def _gather(self, collected: Collected, future: Future) -> None:
        trace, origin = self._trace, future.penstock_origin
        item = get_args(future.penstock_annotation)[0]
        operator = self._operator("gather", {"items": trace.types.index(item)}, {"result": future.penstock_type})
        outer = self._map, self._sides
        map_node = trace.plan.nodes[collected.map]
        self._map, self._sides = map_node.map, tuple((side.branch, side.side) for side in map_node.sides)
        index = len(trace.plan.nodes)
        template = trace.plan.nodes[origin.node]
        node = trace.add_node_at(
            f"{origin.name.removeprefix(trace.prefix)}.list", plan_pb2.NODE_KIND_GATHER, template.file, template.line
        )
        self._map, self._sides = outer
        node.operator = operator
        ref = node.arguments.add(name="items").value.output
        ref.node, ref.output = origin.node, future.penstock_output
        node.after.extend(each for each in (collected.map, collected.check) if each is not None)
        node.leaves_out_failed = self._leaves_out_failed(origin.node, collected.map)
        collected.gathers[future.penstock_output] = index

    def _leaves_out_failed(self, template: int, map_node: int) -> bool:
        """Whether items may be missing: a result, or what it is made of in the map, may fail under "continue"."""
        nodes, operators = self._trace.plan.nodes, self._trace.plan.operators
        waiting, seen = [template], {template}
        while waiting:
            node = nodes[waiting.pop()]
            if _policy(node, operators) == plan_pb2.FAILURE_POLICY_CONTINUE:
                return True
            used: set[int] = set()
            for argument in node.arguments:
                add_refs(argument.value, used)
            within = {each for each in used - seen if each >= 0 and nodes[each].map == map_node + 1}
            seen |= within
            waiting += within
        return False

    # Maps

    def map(
        self,
        declared: Operator[..., Any] | Workflow[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: MapOptions,
        frame: FrameType,
    ) -> Any:
        """Call for each item of lists; return the list of results."""
        signature: Signature = declared.signature
        positional = [parameter.name for parameter in signature.positional]
        lists: dict[str, Any] = dict(zip(positional, args, strict=False))
        lists |= {name: value.items for name, value in kwargs.items() if isinstance(value, Each)}
        fixed = {name: value for name, value in kwargs.items() if name not in lists}
        if len(args) > len(positional):
            problem = Problem(f"takes {len(positional)} lists, given {len(args)}")
        elif not lists:
            problem = Problem("is mapped over nothing", remedy="give a list: its items are the first argument")
        elif unknown := lists.keys() - signature.parameters.keys():
            problem = Problem(f"has no argument {', '.join(sorted(unknown))}")
        elif self._depth() >= MAP_DEPTH_MAX:
            problem = Problem(f"is within {MAP_DEPTH_MAX} maps already")
        else:
            return self._map_lists(declared, lists, fixed, options, frame)
        self._trace.problem(declared.name, problem, frame)
        raise CompileErrors("", [])

    def _map_lists(
        self,
        declared: Operator[..., Any] | Workflow[..., Any],
        lists: Mapping[str, Any],
        fixed: Mapping[str, Any],
        options: MapOptions,
        frame: FrameType,
    ) -> Any:
        trace = self._trace
        self.gather(fixed.values())
        same = self._same_map(list(lists.values()))
        if same is None:
            map_node, items = self._open(declared, lists, frame)
            trace.plan.nodes[map_node].concurrency = options.concurrency or 0
        else:
            if options.concurrency is not None:
                problem = Problem(
                    "has a concurrency of its own, but its items are those of another map",
                    remedy="give concurrency= to the first map: its items go on one by one",
                )
                trace.problem(declared.name, problem, frame)
                raise CompileErrors("", [])
            map_node = same
            items = {name: _of_item(trace, future) for name, future in lists.items()}
        first = len(trace.plan.nodes)
        with self._within(map_node):
            if isinstance(declared, Operator):
                result = trace.call(declared, (), {**items, **fixed}, frame)
            else:
                result = trace.inline(declared, (), {**items, **fixed}, frame)
            collected = self._collect(declared, result, map_node, frame)
        body = range(first, len(trace.plan.nodes))
        self._set_policy(body, options)
        if options.on_item_failure != "keep" and not options.success_min:
            return collected
        failures = self._failures(declared, map_node, body, options, frame)
        if options.success_min:
            for future in futures_in(collected):
                if future.penstock_origin.collected is not None:
                    future.penstock_origin.collected.check = failures.penstock_origin.node
        return Kept(collected, cast("Any", failures)) if options.on_item_failure == "keep" else collected

    def _set_policy(self, body: Iterable[int], options: MapOptions) -> None:
        """Say of the nodes of an item what their failures do."""
        nodes, operators = self._trace.plan.nodes, self._trace.plan.operators
        for node in map(nodes.__getitem__, body):
            if options.on_item_failure in ("skip", "keep"):
                node.overrides.on_failure = plan_pb2.FAILURE_POLICY_CONTINUE
            elif options.on_item_failure == "fail" and _policy(node, operators) == plan_pb2.FAILURE_POLICY_CONTINUE:
                node.overrides.on_failure = plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS

    def _failures(
        self,
        declared: Operator[..., Any] | Workflow[..., Any],
        map_node: int,
        body: Iterable[int],
        options: MapOptions,
        frame: FrameType,
    ) -> Future:
        """Add the node that collects what failed of a map's items, and fails itself if that is too much."""
        trace, annotation = self._trace, list[ItemFailure]
        nodes = trace.plan.nodes
        kind, share = trace.types.index(annotation), trace.types.index(float)
        count = trace.types.index(int)
        operator = self._operator("failures", {"items": count, "success_min": share}, {"result": kind})
        index = len(nodes)
        sides = self._sides
        self._sides = tuple((side.branch, side.side) for side in nodes[map_node].sides)
        node = trace.add_node(f"{declared.name}.failures", plan_pb2.NODE_KIND_GATHER, frame)
        self._sides = sides
        node.operator, node.leaves_out_failed = operator, True
        node.arguments.add(name="items").value.output.node = map_node
        text = msgspec.json.encode(float(options.success_min))
        literal = Value(codec="json", inline=text, size_bytes=len(text), type_name="float")
        node.arguments.add(name="success_min").value.literal.CopyFrom(literal)
        node.after.extend(each for each in body if nodes[each].map == map_node + 1)
        origin = Origin(index, node.name, declared.name, frame.f_lineno, {"result": (0, annotation, kind)})
        return Future(trace, origin, 0, annotation, kind)

    def _same_map(self, values: Sequence[Any]) -> int | None:
        """The map whose results all these lists are: its items go on one by one."""
        maps: set[int] = set()
        for value in values:
            if class_of_value(value) is not Future or value.penstock_origin.collected is None:
                return None
            if value.penstock_output == WHOLE:
                return None
            maps.add(value.penstock_origin.collected.map)
        found = maps.pop()
        if maps or self._trace.plan.nodes[found].map != self._map:
            return None
        sides = {(side.branch, side.side) for side in self._trace.plan.nodes[found].sides}
        return found if sides == set(self._sides) else None

    def _open(
        self, declared: Operator[..., Any] | Workflow[..., Any], lists: Mapping[str, Any], frame: FrameType
    ) -> tuple[int, dict[str, Future]]:
        """Add the node that opens lists; return it, and the future of an item of each."""
        trace = self._trace
        self.gather(lists.values())
        annotations = {name: self._list_of(declared, name, value) for name, value in lists.items()}
        types = {name: trace.types.index(annotation) for name, annotation in annotations.items()}
        operator = self._operator("map", types, {"count": trace.types.index(int), **types})
        index = len(trace.plan.nodes)
        node = trace.add_node(f"{declared.name}.items", plan_pb2.NODE_KIND_MAP, frame)
        node.operator = operator
        trace.literals.begin_node()
        items: dict[str, Future] = {}
        for position, (name, value) in enumerate(lists.items()):
            argument = node.arguments.add(name=name)
            for wrong in trace.writer.write(argument.value, value, annotations[name], name):
                trace.mismatch(declared.name, wrong, frame)
            item = get_args(annotations[name])[0]
            expr = plan_pb2.Expr(item=plan_pb2.Item(node=index, list=position))
            type_index = trace.types.index(item)
            origin = Origin(
                index, node.name, declared.name, frame.f_lineno, {name: (position, item, type_index)}, expr=expr
            )
            items[name] = Future(trace, origin, position, item, type_index)
        trace.order(node, lists.values())
        return index, items

    def _list_of(self, declared: Operator[..., Any] | Workflow[..., Any], name: str, value: Any) -> Any:
        """The annotation of a list that is mapped: as it was returned, else as the argument asks for."""
        if class_of_value(value) is Future and value.penstock_type != UNKNOWN:
            plain, _ = unwrap(value.penstock_annotation)
            given = self._trace.plan.types[int(value.penstock_type)]
            if given.name == "list" and len(given.args) == 1 and len(get_args(plain)) == 1:
                return GenericAlias(list, get_args(plain))
        return GenericAlias(list, (declared.signature.parameters[name].annotation,))

    def _collect(
        self, declared: Operator[..., Any] | Workflow[..., Any], result: Any, map_node: int, frame: FrameType
    ) -> Any:
        kind = class_of_value(result)
        if kind is Future:
            return self._collected(self._own(declared, result, map_node, frame), map_node)
        if result is None:
            return None
        if kind is dict:
            named = cast("dict[Any, Any]", result)
            return {name: self._collect(declared, part, map_node, frame) for name, part in named.items()}
        if kind in (list, tuple):
            parts = [self._collect(declared, part, map_node, frame) for part in result]
            return parts if kind is list else tuple(parts)
        if is_named_tuple(kind):
            return kind(*(self._collect(declared, part, map_node, frame) for part in result))
        if dataclasses.is_dataclass(kind):
            fields = [each.name for each in dataclasses.fields(kind)]
            parts = {name: self._collect(declared, getattr(result, name), map_node, frame) for name in fields}
            return rebuilt(cast("Any", kind), parts)
        text = f"returns a {kind.__name__} that no operator made, the same for each item"
        self._trace.problem(declared.name, Problem(text, remedy="return results of operators"), frame)
        raise CompileErrors("", [])

    def _own(
        self, declared: Operator[..., Any] | Workflow[..., Any], future: Future, map_node: int, frame: FrameType
    ) -> Future:
        """The result of an item as the output of a node within the map: added, if it is something else."""
        origin, trace = future.penstock_origin, self._trace
        within = origin.node >= 0 and trace.plan.nodes[origin.node].map == map_node + 1
        if within and origin.expr is None and origin.collected is None:
            return future
        self.gather([future])
        operator = self._operator("value", {"value": future.penstock_type}, {"result": future.penstock_type})
        index = len(trace.plan.nodes)
        node = trace.add_node(f"{declared.name}.result", plan_pb2.NODE_KIND_TASK, frame)
        node.operator = operator
        for wrong in trace.writer.write(
            node.arguments.add(name="value").value, future, future.penstock_annotation, "return"
        ):
            trace.mismatch(declared.name, wrong, frame)
        trace.order(node, [future])
        entry = (0, future.penstock_annotation, future.penstock_type)
        made = Origin(index, node.name, declared.name, frame.f_lineno, {"result": entry})
        return Future(trace, made, 0, future.penstock_annotation, future.penstock_type)

    def _collected(self, future: Future, map_node: int) -> Future:
        """The future of the list of all items' results."""
        origin, types = future.penstock_origin, self._trace.types
        outputs: dict[str, tuple[int, Any, int]] = {}
        for name, (output, annotation, _) in origin.outputs.items():
            made = GenericAlias(list, (annotation,))
            outputs[name] = (output, made, types.index(made))
        collected = dataclasses.replace(origin, outputs=outputs, unpackable=False, collected=Collected(map_node))
        if future.penstock_output == WHOLE:
            return Future(self._trace, collected, WHOLE, Any, UNKNOWN)
        position = future.penstock_output
        _, annotation, type_index = next(each for each in outputs.values() if each[0] == position)
        return Future(self._trace, collected, position, annotation, type_index)

    @contextlib.contextmanager
    def _within(self, map_node: int) -> Generator[None]:
        outer = self._map
        self._map = map_node + 1
        try:
            with self._trace.order_after([map_node], only=True):
                yield
        finally:
            self._map = outer

    def _depth(self) -> int:
        return 1 + len(maps_around(self._trace.plan, self._map - 1)) if self._map else 0

    # Branches

    def branch(
        self, name: str, condition: Any, cases: Sequence[Any] | None, sides: Sequence[Any], frame: FrameType
    ) -> Any:
        """Let the run take a side: the first for True and the second for False, or those of the cases."""
        trace = self._trace
        self.gather([condition])
        if class_of_value(condition) is not Future:
            text = f"decides by {type(condition).__name__}, which is known already"
            trace.problem(name, Problem(text, remedy="decide by if, or give the result of an operator"), frame)
            raise CompileErrors("", [])
        annotation = bool if cases is None else condition.penstock_annotation
        known = [True, False] if cases is None else self._cases(name, condition, cases, len(sides), frame)
        index = self._add_branch(name, condition, annotation, known, frame)
        expr = plan_pb2.Expr()
        expr.choice.branch = index
        annotations: list[Any] = []
        before = len(trace.plan.nodes)
        for number, side in enumerate(sides):
            with self._on_side(index, number):
                result = side() if callable(side) and class_of_value(side) is not Future else side
                self.gather([result])
                annotations.append(self._write_side(name, expr.choice.sides.add(), result, frame))
        if all(each is type(None) for each in annotations):
            return trace.barrier(range(before, len(trace.plan.nodes)), frame)
        whole = union(annotations)
        type_index = trace.types.index(whole)
        outputs = {"result": (0, whole, type_index)}
        node = trace.plan.nodes[index]
        return Future(trace, Origin(index, node.name, name, frame.f_lineno, outputs, expr=expr), 0, whole, type_index)

    def _add_branch(self, name: str, condition: Future, annotation: Any, cases: list[Any], frame: FrameType) -> int:
        trace = self._trace
        inputs = {"condition": trace.types.index(annotation), "cases": trace.types.index(list[Any])}
        operator = self._operator("branch", inputs, {"side": trace.types.index(int)})
        index = len(trace.plan.nodes)
        node = trace.add_node(name, plan_pb2.NODE_KIND_BRANCH, frame)
        node.operator = operator
        trace.literals.begin_node()
        for wrong in trace.writer.write(node.arguments.add(name="condition").value, condition, annotation, "condition"):
            trace.mismatch(name, wrong, frame)
        text = msgspec.json.encode(cases)
        literal = Value(codec="json", inline=text, size_bytes=len(text), type_name="list")
        node.arguments.add(name="cases").value.literal.CopyFrom(literal)
        trace.order(node, [condition])
        return index

    def _cases(self, name: str, condition: Future, cases: Sequence[Any], sides: int, frame: FrameType) -> list[Any]:
        """The cases as JSON; with one side more than cases, the last is for all others."""
        trace, annotation = self._trace, condition.penstock_annotation
        known: list[Any] = []
        for case in cases:
            try:
                known.append(msgspec.json.decode(codecs.encode(case, annotation, where=f"case {case!r}").data))
            except (codecs.CodecError, msgspec.DecodeError) as error:
                trace.problem(name, Problem(str(error), remedy="cases have the type of the value"), frame)
        kind = trace.plan.types[condition.penstock_type] if condition.penstock_type != UNKNOWN else plan_pb2.Type()
        if sides == len(cases) and kind.name == "literal":
            missing = [text for text in kind.literals if msgspec.json.decode(text) not in known]
            if missing:
                text = f"has no case for {', '.join(missing)}"
                trace.problem(name, Problem(text, remedy="add it, or give otherwise="), frame)
        return known

    def _write_side(self, name: str, expr: plan_pb2.Expr, result: Any, frame: FrameType) -> Any:
        """Write what a side has; return its annotation."""
        kind = class_of_value(result)
        if kind is Future and not result.penstock_origin.outputs:
            result, kind = None, type(None)
        annotation = result.penstock_annotation if kind is Future else kind if kind in _PLAIN else Any
        for wrong in self._trace.writer.write(expr, result, annotation, name):
            self._trace.mismatch(name, wrong, frame)
        return annotation

    @contextlib.contextmanager
    def _on_side(self, branch: int, side: int) -> Generator[None]:
        outer = self._sides
        self._sides = (*outer, (branch, side))
        try:
            with self._trace.order_after([branch]):
                yield
        finally:
            self._sides = outer

    def _operator(self, name: str, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        return control_operator(self._trace, name, inputs, outputs)


def control_operator(trace: Trace, name: str, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
    """Add what a node that decides, or hands on, calls, with the types that it has there; return its index."""
    single = len(outputs) == 1
    operator = plan_pb2.Operator(
        module=CONTROL_MODULE,
        qualname=name,
        inputs=[plan_pb2.Port(name=each, type=kind, required=True) for each, kind in inputs.items()],
        outputs=[plan_pb2.Port(name=each, type=kind, required=True) for each, kind in outputs.items()],
        output_shape=plan_pb2.OUTPUT_SHAPE_SINGLE if single else plan_pb2.OUTPUT_SHAPE_FIELDS,
        resources=plan_pb2.Resources(cpu_milli=CPU_MILLI),
        on_failure=plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS,
    )
    trace.plan.operators.append(operator)
    return len(trace.plan.operators) - 1


def _policy(node: plan_pb2.Node, operators: Sequence[plan_pb2.Operator]) -> int:
    over = node.overrides
    return over.on_failure if over.HasField("on_failure") else operators[node.operator].on_failure


def _of_item(trace: Trace, future: Future) -> Future:
    """What one item has of a list of results, before it is collected."""
    origin = future.penstock_origin
    position = future.penstock_output
    outputs = {
        name: (output, get_args(annotation)[0], trace.types.index(get_args(annotation)[0]))
        for name, (output, annotation, _) in origin.outputs.items()
    }
    _, annotation, type_index = next(each for each in outputs.values() if each[0] == position)
    own = dataclasses.replace(origin, outputs=outputs, collected=None)
    return Future(trace, own, position, annotation, type_index)

"""Which nodes of a plan an earlier run has computed already: those of the same operator's code with the same inputs.

A node's identity is a hash of its operator's code and types, of its arguments by content, and of the identities of the
nodes that its arguments come from and that it waits for. What it is run with (resources, retries, timeout) is not part
of it. Equal identities are the same computation, whatever the nodes are called.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1.events_pb2 import Growth, Successes
from penstock_proto.successes import packed, steps
from penstock_proto.value.v1.value_pb2 import Value

from .graph import BRANCH, CONTROL_KINDS, MAP, PlanGraph
from .growth import GrownGraph, RunGraph, graph_of_run
from .show.expressions import expression, spell_expression
from .show.matches import match_nodes, match_operators
from .show.outline import Outline, outline
from .spelling import spell

Code = Mapping[str, str]  # what an operator is: names of definitions and files, and their hashes


@dataclass(frozen=True, slots=True)
class Side:
    """A plan with the values of a run's inputs, in the order of the plan, and the code of its operators, in theirs."""

    plan: plan_pb2.Plan
    inputs: Sequence[Value | None]
    code: Sequence[Code]


@dataclass(frozen=True, slots=True)
class Done:
    """What an earlier run has, by node.

    Attributes:
        succeeded: Where the successes are recorded.
        others: In words what became of the others.
        growths: The maps that have added nodes, with the number of their items, in their order.
        sides: Which side branches took.
        left_out: Items that failed (True), or were skipped for that, without which a list was made.
    """

    succeeded: Mapping[int, int]
    others: Mapping[int, str] = field(default_factory=dict[int, str])
    growths: Sequence[tuple[int, int]] = ()
    sides: Mapping[int, int] = field(default_factory=dict[int, int])
    left_out: Mapping[int, bool] = field(default_factory=dict[int, bool])


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one node of the new run.

    Attributes:
        seq: Where the outputs are that it takes over; 0: it runs.
        reasons: Why it runs, the first one first; empty if it does not.
        template: The node of the plan that it is an execution of.
    """

    node: int
    seq: int
    name: str
    template: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of all nodes that are known; of a map that runs again, the nodes within it stand for their items.

    Attributes:
        known: What the new run begins with.
        left_out: Names of the items that stay left out of a list.
    """

    nodes: list[Decision]
    known: Successes
    left_out: list[str]


def decide(
    old: Side, new: Side, done: Done, again: Collection[str], changed: Callable[[Code, Code], list[str]]
) -> Decided:
    """Say of each node of the new plan whether it is reused, and why not.

    Args:
        again: Names of nodes, or of items' ("load[3]"), that run whatever is known of them.
        changed: Names what differs between the code of two operators.
    """
    left_out = dict(done.left_out)
    while True:
        found = _Takeover(old, new, replace(done, left_out=left_out), again, changed)
        found.decide()
        if not (needed := found.needed()):
            return found.decided()
        for node in needed:
            del left_out[node]


class _Takeover:
    """Goes through the new plan in its order, and lets the new run grow as the earlier one did."""

    def __init__(
        self, old: Side, new: Side, done: Done, again: Collection[str], changed: Callable[[Code, Code], list[str]]
    ) -> None:
        self._done, self._again, self._maps = done, again, PlanGraph.of(new.plan, b"").maps
        self._old = graph_of_run(PlanGraph.of(old.plan, b""))
        self._graph = graph_of_run(PlanGraph.of(new.plan, b""))
        self._items = dict(done.growths)
        if isinstance(self._old, GrownGraph):
            for node, items in done.growths:
                self._old.grow(node, items)
        self._twins = _twins(old, new, self._old, done)
        self._reasons = _Reasons(old, new, done, changed)
        self._why = lru_cache(maxsize=None)(self._reasons.of)
        self._seqs: dict[int, int] = {}
        self._left_out: dict[int, int] = {}  # with the node of the earlier run
        self._not_taken: set[int] = set()
        self._running: set[int] = set()
        self._decisions: list[Decision] = []

    def decide(self) -> None:
        for template, twin in enumerate(self._twins):
            for node in self._executions(template):
                if node not in self._not_taken:
                    self._decide(node, template, self._twin(node, twin))

    def needed(self) -> set[int]:
        """The nodes of the earlier run that cannot stay left out: something in the new one would wait for them."""
        ended = {*self._seqs, *self._left_out, *self._not_taken}
        return {old for node, old in self._left_out.items() if not ended.issuperset(self._graph.children[node])}

    def decided(self) -> Decided:
        known = packed(sorted(self._seqs.items()))
        failed = {node for node, old in self._left_out.items() if self._done.left_out[old]}
        if isinstance(self._graph, GrownGraph):
            known.growths.extend(Growth(node=each.node, items=each.items) for each in self._graph.growths)
            known.not_taken_steps.extend(steps(sorted(self._not_taken)))
            known.failed_steps.extend(steps(sorted(failed)))
            known.skipped_steps.extend(steps(sorted(self._left_out.keys() - failed)))
        return Decided(self._decisions, known, [self._graph.name_of(node) for node in sorted(failed)])

    def _executions(self, template: int) -> Sequence[int]:
        """The nodes of the new run, as far as it is known; of a map that runs again, what it is made from."""
        if not isinstance(self._graph, GrownGraph):
            return (template,)
        found, around = self._graph.executions(template), self._maps[template]
        return (template,) if not found and around[-1] in self._running else found

    def _twin(self, node: int, twin: int) -> int:
        """The node of the earlier run that computed the same; -1: none."""
        path = self._graph.path(node) if isinstance(self._graph, GrownGraph) else []
        if twin < 0 or not isinstance(self._old, GrownGraph):
            return -1 if path else twin
        return self._old.execution(twin, path)

    def _decide(self, node: int, template: int, twin: int) -> None:
        graph, name = self._graph, self._graph.name_of(node)
        is_template = node < len(self._maps) and self._maps[node]
        parents = self._maps[node][-1:] if is_template else graph.parents[node]
        first = next((each for each in parents if not self._is_over(each)), -1)
        asked = name in self._again or graph.names[template] in self._again
        seq = 0 if template in graph.finals else self._done.succeeded.get(twin, 0)
        if first < 0 and not asked:
            if twin in self._done.left_out:
                self._left_out[node] = twin
                return
            if seq and self._take(node, twin):
                self._seqs[node] = seq
                self._decisions.append(Decision(node, seq, name, template))
                return
        self._running.add(node)
        own = ("it was asked for",) if asked else () if seq else self._own(template, twin)
        waits = (f"{graph.name_of(first)} runs again",) if first >= 0 else ()
        self._decisions.append(Decision(node, 0, name, template, (*own, *waits) or ("it is not the same",)))

    def _own(self, template: int, twin: int) -> tuple[str, ...]:
        return (self._done.others.get(twin, "it has no result"),) if twin >= 0 else self._why(template)

    def _is_over(self, node: int) -> bool:
        return node in self._seqs or node in self._left_out or node in self._not_taken

    def _take(self, node: int, twin: int) -> bool:
        """Let the new run grow by what a map or a branch has decided; whether that is known."""
        graph = self._graph
        if not isinstance(graph, GrownGraph):
            return True
        if graph.kinds[node] == MAP:
            graph.grow(node, self._items.get(twin, 0))
        elif graph.kinds[node] == BRANCH:
            if (side := self._done.sides.get(twin)) is None:
                return False
            self._not_taken |= graph.not_taken(node, side)
        return True


def _twins(old: Side, new: Side, graph: RunGraph, done: Done) -> list[int]:
    """Return for each node of the new plan the one of the old plan that computes the same, each once; -1: none."""
    free = defaultdict[bytes, dict[str, int]](dict)
    for node, identity in enumerate(identities(old)):
        free[identity][old.plan.nodes[node].name] = node
    found: list[int] = []
    for node, identity in enumerate(identities(new)):
        twins, name = free[identity], new.plan.nodes[node].name
        if name not in twins:
            worth = (each for each, twin in twins.items() if twin in done.succeeded or old.plan.nodes[twin].map)
            name = next(worth, "")
        found.append(twins.pop(name, -1))
    return found


def identities(side: Side) -> list[bytes]:
    """Return a hash of what each node computes."""
    plan = side.plan
    operators = [_operator(plan, index, side.code[index]) for index in range(len(plan.operators))]
    found: list[bytes] = []
    for node in plan.nodes:
        calls = node.kind == plan_pb2.NODE_KIND_TASK or node.kind in CONTROL_KINDS
        parts = [b"%d%d" % (node.kind, node.leaves_out_failed), operators[node.operator] if calls else b""]
        for argument in sorted(node.arguments, key=lambda each: each.name):
            parts += [argument.name.encode(), _expression(plan, argument.value, side.inputs, found)]
        if node.HasField("wait"):  # whoever ends it names it
            parts += [node.name.encode(), node.wait.SerializeToString(deterministic=True)]
        parts.append(b"after")
        parts += sorted(found[each] for each in node.after)
        found.append(_hash(parts))
    return found


def _operator(plan: plan_pb2.Plan, index: int, code: Code) -> bytes:
    operator = plan.operators[index]
    parts = [operator.module, operator.qualname, str(operator.output_shape)]
    for port in (*operator.inputs, *operator.outputs):
        parts += [port.name, spell(plan.types, port.type, full=True)]
    parts += [f"{name} {each}" for name, each in sorted(code.items())] or [operator.source_hash.hex()]
    return _hash([part.encode() for part in parts])


def _expression(
    plan: plan_pb2.Plan, expr: plan_pb2.Expr, inputs: Sequence[Value | None], known: Sequence[bytes]
) -> bytes:
    kind = expr.WhichOneof("kind") or ""
    parts = [kind.encode()]
    match kind:
        case "literal":
            parts.append(content(expr.literal))
        case "output":
            parts += [known[expr.output.node], b"%d" % expr.output.output]
        case "input":
            given = inputs[expr.input]
            parts = [b"literal", content(plan.inputs[expr.input].default if given is None else given)]
        case "item":
            parts += [known[expr.item.node], b"%d" % expr.item.list]
        case "choice":
            parts.append(known[expr.choice.branch])
            parts += [_expression(plan, side, inputs, known) for side in expr.choice.sides]
        case _:
            return composed(plan, expr, lambda part: _expression(plan, part, inputs, known))
    return _hash(parts)


def composed(plan: plan_pb2.Plan, expr: plan_pb2.Expr, part: Callable[[plan_pb2.Expr], bytes]) -> bytes:
    """Return a hash of a list, a dict or a record, from what `part` says of each of its parts."""
    kind = expr.WhichOneof("kind") or ""
    parts = [kind.encode()]
    match kind:
        case "sequence":
            parts += [expr.sequence.kind.encode(), *map(part, expr.sequence.items)]
        case "mapping":
            parts += map(part, (*expr.mapping.keys, *expr.mapping.values))
        case _:
            parts.append(spell(plan.types, expr.record.type, full=True).encode())
            for name, value in zip(expr.record.names, expr.record.values, strict=True):
                parts += [name.encode(), part(value)]
    return _hash(parts)


def content(value: Value) -> bytes:
    """Return what a value is by its content: a hash of its codec and its bytes."""
    data = value.artifact if value.WhichOneof("body") == "artifact" else hashlib.sha256(value.inline).digest()
    return _hash([value.codec.encode(), data])


def _hash(parts: Sequence[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class _Reasons:
    """Says why a node is not what it was."""

    def __init__(self, old: Side, new: Side, done: Done, changed: Callable[[Code, Code], list[str]]) -> None:
        self._old, self._new, self._done, self._changed = old, new, done, changed
        self._outlines: tuple[Outline, Outline] = outline(old.plan), outline(new.plan)
        operators = match_operators(*self._outlines)
        pairs = match_nodes(*self._outlines, operators)
        places = {node.name: index for index, node in enumerate(old.plan.nodes)}
        self._twins = {now: places[was] for was, now in pairs.items()}
        self._names = pairs

    def of(self, node: int) -> tuple[str, ...]:
        """Return why a node of the plan runs whose results the earlier run does not have."""
        name = self._new.plan.nodes[node].name
        was = self._twins.get(name)
        if was is None:
            return ("it is new",)
        return (*self._of_code(was, node), *self._of_arguments(was, node))

    def _of_code(self, was: int, node: int) -> tuple[str, ...]:
        old, new = self._old.plan.nodes[was], self._new.plan.nodes[node]
        if plan_pb2.NODE_KIND_TASK not in (old.kind, new.kind):
            return ()
        if old.kind != new.kind:
            return ("it is another kind of node",)
        before, after = self._old.plan.operators[old.operator], self._new.plan.operators[new.operator]
        called = f"{before.module}:{before.qualname}", f"{after.module}:{after.qualname}"
        if called[0] != called[1]:
            return (f"it calls {called[1]}, called {called[0]}",)
        if parts := self._changed(self._old.code[old.operator], self._new.code[new.operator]):
            return (f"code changed: {', '.join(parts)}",)
        if _operator(self._old.plan, old.operator, {}) != _operator(self._new.plan, new.operator, {}):
            return ("its types changed",)
        return ()

    def _of_arguments(self, was: int, node: int) -> tuple[str, ...]:
        old = {each.name: each.value for each in self._old.plan.nodes[was].arguments}
        new = {each.name: each.value for each in self._new.plan.nodes[node].arguments}
        return tuple(
            found
            for name in dict.fromkeys((*new, *old))
            if (found := self._of_argument(name, old.get(name), new.get(name)))
        )

    def _of_argument(self, name: str, old: plan_pb2.Expr | None, new: plan_pb2.Expr | None) -> str:
        if old is None or new is None:
            return f"argument {name} is {'new' if old is None else 'gone'}"
        was, now = expression(self._old.plan, old), expression(self._new.plan, new)
        if "input" in was and was == now:
            before = _given(self._old, was["input"])
            after = _given(self._new, now["input"])
            return f"input {now['input']} changed" if before != after else ""
        return f"argument {name} is now {spell_expression(now)}" if _shape(was) != _shape(now) else ""


def _given(side: Side, name: str) -> bytes:
    at = next(index for index, each in enumerate(side.plan.inputs) if each.name == name)
    given = side.inputs[at]
    return content(side.plan.inputs[at].default if given is None else given)


def _shape(found: Mapping[str, object]) -> object:
    """What an argument is but for the node that it comes from, which says itself why it runs."""
    return found.get("output") if "node" in found else found

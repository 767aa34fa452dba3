"""Which nodes of a plan an earlier run has computed already: those of the same operator's code with the same inputs.

A node's identity is a hash of its operator's code and types, of its arguments by content, and of the identities of the
nodes that its arguments come from and that it waits for. What it is run with (resources, retries, timeout) is not part
of it. Equal identities are the same computation, whatever the nodes are called.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

from .graph import PlanGraph, decided_nodes
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
    """What an earlier run has: where its successes are recorded, and in words what became of the others, by node."""

    succeeded: Mapping[int, int]
    others: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one node of the new plan.

    Attributes:
        seq: Where the outputs are that it takes over; 0: it runs.
        reasons: Why it runs, the first one first; empty if it does not.
    """

    node: int
    seq: int
    reasons: tuple[str, ...] = ()


def decide(
    old: Side, new: Side, done: Done, again: Collection[int], changed: Callable[[Code, Code], list[str]]
) -> list[Decision]:
    """Say of each node of the new plan whether it is reused, and why not.

    Args:
        again: Nodes of the new plan that run whatever is known of them.
        changed: Names what differs between the code of two operators.
    """
    before, after = identities(old), identities(new)
    free = defaultdict[bytes, dict[str, int]](dict)
    for node, identity in enumerate(before):
        free[identity][old.plan.nodes[node].name] = node
    reasons_of = _Reasons(old, new, done, changed)
    graph = PlanGraph.of(new.plan, b"")
    parents, decided = graph.parents, decided_nodes(graph)
    decisions: list[Decision] = []
    for node, identity in enumerate(after):
        first = next((new.plan.nodes[each].name for each in parents[node] if not decisions[each].seq), "")
        twins, name = free[identity], new.plan.nodes[node].name
        if name not in twins:
            name = next((each for each, twin in twins.items() if twin in done.succeeded), "")
        twin = twins.pop(name, -1)
        seq = done.succeeded.get(twin, 0)
        if seq and not first and node not in again and node not in decided:
            decisions.append(Decision(node, seq))
            continue
        if node in decided:
            own = ("a map or a branch decides about it",)
        else:
            own = ("it was asked for",) if node in again else () if seq else reasons_of.of(node, twin)
        waits = (f"{first} runs again",) if first else ()
        decisions.append(Decision(node, 0, (*own, *waits) or ("it is not the same",)))
    return decisions


def identities(side: Side) -> list[bytes]:
    """Return a hash of what each node computes."""
    plan = side.plan
    operators = [_operator(plan, index, side.code[index]) for index in range(len(plan.operators))]
    found: list[bytes] = []
    for node in plan.nodes:
        parts = [b"%d" % node.kind, operators[node.operator] if node.kind == plan_pb2.NODE_KIND_TASK else b""]
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
        case "sequence":
            parts.append(expr.sequence.kind.encode())
            parts += [_expression(plan, item, inputs, known) for item in expr.sequence.items]
        case "mapping":
            parts += [_expression(plan, each, inputs, known) for each in (*expr.mapping.keys, *expr.mapping.values)]
        case "item":
            parts += [known[expr.item.node], b"%d" % expr.item.list]
        case "choice":
            parts.append(known[expr.choice.branch])
            parts += [_expression(plan, side, inputs, known) for side in expr.choice.sides]
        case _:
            parts.append(spell(plan.types, expr.record.type, full=True).encode())
            for name, value in zip(expr.record.names, expr.record.values, strict=True):
                parts += [name.encode(), _expression(plan, value, inputs, known)]
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

    def of(self, node: int, twin: int) -> tuple[str, ...]:
        """Return why a node runs, whose twin, if there is one, has not succeeded."""
        if twin >= 0:
            return (self._done.others.get(twin, "it has no result"),)
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

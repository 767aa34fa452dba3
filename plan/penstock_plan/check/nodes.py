"""Checks of a plan's nodes: that each can be called with what it is given, after what it depends on."""

from collections.abc import Sequence
from typing import NamedTuple

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import INPUTS_NODE

from ..errors import InvalidPlan
from ..graph import CONTROL_KINDS
from ..limits import INLINE_NODE_BYTES_MAX, PARTS_MAX, SCHEMA
from ..spelling import quote
from .control import Scopes
from .expressions import Expressions
from .order import shortest_cycle
from .problems import Problems
from .tables import check_cache, check_name, check_options
from .waits import check_sensor, check_wait

CALLING = CONTROL_KINDS | {plan_pb2.NODE_KIND_TASK}
NAMES_MAX = 20


class Signature(NamedTuple):
    """What a call of an operator is checked against."""

    what: str  # for messages
    ports: dict[str, int]  # type by name
    required: tuple[str, ...]


def signature_of(operator: plan_pb2.Operator) -> Signature:
    """Read what calls are checked against, once for all calls."""
    return Signature(
        f"{operator.module}:{operator.qualname}",
        {port.name: port.type for port in operator.inputs},
        tuple(sorted({port.name for port in operator.inputs if port.required})),
    )


class Nodes:
    """Checks node after node; keeps what they depend on."""

    __slots__ = (
        "_expressions",
        "_files",
        "_operators",
        "_parents",
        "_ports",
        "_problems",
        "_schema",
        "_scopes",
        "_signatures",
        "_size",
        "_typed",
    )

    def __init__(
        self,
        problems: Problems,
        expressions: Expressions,
        plan: plan_pb2.Plan,
        *,
        typed: bool,
        scopes: Scopes | None = None,
    ) -> None:
        """`typed`: whether the table of types is sound, so that arguments can be checked against it."""
        self._problems, self._expressions, self._typed = problems, expressions, typed
        self._schema, self._operators = plan.schema, plan.operators
        self._scopes = scopes
        self._signatures = [signature_of(operator) for operator in plan.operators]
        self._files = list(plan.files)
        self._size = len(plan.nodes)
        self._ports = 0
        self._parents: list[set[int]] = []

    def check(self, node: plan_pb2.Node, name: str) -> None:
        """Check all but the order of one node, which comes next."""
        what = f"node {quote(name)}"
        check_name(self._problems, "node", name)
        file, line = node.file, node.line
        if file or line:
            if 0 <= file < len(self._files) and line >= 0:
                what += f" ({self._files[file][-80:]}:{line})"
            else:
                self._problems.add(
                    f"{what} was called at line {line} of file {file}, but the plan has {len(self._files)} files"
                )
        used: set[int] = set()
        match node.kind:
            case kind if kind in CALLING:
                self._check_task(what, node, used)
                if node.HasField("wait"):
                    self._check_schema(what)
                    check_sensor(self._problems, what, node.wait)
            case plan_pb2.NODE_KIND_PASS:
                if node.arguments:
                    self._problems.add(f"{what} executes nothing, but has arguments")
            case plan_pb2.NODE_KIND_WAIT:
                self._check_schema(what)
                if node.wait.HasField("child"):
                    self._check_task(what, node, used)
                check_wait(self._problems, what, node, self._operators)
            case kind:
                self._problems.add(f"{what} has the kind {_spell_kind(kind)}, which this version does not support")
        self._check_after(what, node.after, used)
        if node.HasField("overrides"):
            over = node.overrides
            check_options(self._problems, what, over.resources, over.retry, over.timeout_s, over.on_failure)
            check_cache(self._problems, what, over.cache)
        used.discard(INPUTS_NODE)
        if self._scopes is not None:
            index = len(self._parents)
            self._scopes.check_uses(index, used)
            for argument in node.arguments:
                self._scopes.check_values(what, argument.value, self._scopes.sides(index), self._scopes.maps[index])
        self._parents.append(used)

    def _check_schema(self, what: str) -> None:
        if self._schema < SCHEMA:
            self._problems.add(f"{what} waits, which needs a plan of schema {SCHEMA}")

    def check_order(self, names: Sequence[str]) -> None:
        """Say a shortest circle if there is one, else every node that precedes one it depends on."""
        late = [(node, max(parents)) for node, parents in enumerate(self._parents) if parents and max(parents) >= node]
        if not late:
            return
        circle = shortest_cycle(self._parents)
        if len(circle) == 1:
            self._problems.add(f"node {quote(names[circle[0]])} depends on itself")
        elif circle:
            shown = [quote(names[node]) for node in circle[:NAMES_MAX]]
            more = [f"{len(circle) - NAMES_MAX} more"] if len(circle) > NAMES_MAX else []
            way = " -> ".join([*shown, *more, shown[0]])
            self._problems.add(f"the plan has a cycle of dependencies: {way}")
        else:
            for node, parent in late:
                first, second = quote(names[node]), quote(names[parent])
                self._problems.add(f"node {first} is out of order: it depends on the later node {second}")

    def _check_task(self, what: str, node: plan_pb2.Node, used: set[int]) -> None:
        if not 0 <= node.operator < len(self._signatures):
            self._problems.add(
                f"{what} calls operator {node.operator}, but the plan has {len(self._signatures)} operators"
            )
            return
        signature = self._signatures[node.operator]
        self._ports += len(signature.ports)
        if self._ports > PARTS_MAX:
            raise InvalidPlan([f"the plan's calls have more than {PARTS_MAX} inputs"])
        given: set[str] = set()
        inline_bytes = 0
        for argument in node.arguments:
            name = argument.name
            if name in given:
                self._problems.add(f"{what} gets {quote(name)} more than once")
            given.add(name)
            inline_bytes += self._check_argument(what, signature, name, argument.value, used)
        if missing := [name for name in signature.required if name not in given]:
            names = ", ".join(map(quote, missing[:NAMES_MAX]))
            self._problems.add(f"{what} lacks {names} of {quote(signature.what)}")
        if inline_bytes > INLINE_NODE_BYTES_MAX:
            limit = f"the limit is {INLINE_NODE_BYTES_MAX}, store them as artifacts"
            self._problems.add(f"{what} has {inline_bytes} bytes of literals; {limit}")

    def _check_argument(self, what: str, signature: Signature, name: str, value: plan_pb2.Expr, used: set[int]) -> int:
        port = signature.ports.get(name)
        if port is None:
            known = ", ".join(map(quote, sorted(signature.ports)[:NAMES_MAX])) or "nothing"
            self._problems.add(f"{what} gets {quote(name)}, but {quote(signature.what)} takes {known}")
        size = self._expressions.check_refs(f"{what}, argument {quote(name)}", value, used)
        if size < 0 or port is None or not self._typed:
            return max(size, 0)
        if wrong := self._expressions.mismatch(value, port):
            self._problems.add(f"{what}, argument {quote(name)} of {quote(signature.what)}: {wrong}")
        return size

    def _check_after(self, what: str, after: Sequence[int], used: set[int]) -> None:
        for parent in after:
            if 0 <= parent < self._size:
                used.add(parent)
            else:
                self._problems.add(f"{what} comes after node {parent}, but the plan has {self._size} nodes")


def _spell_kind(kind: int) -> str:
    if kind in plan_pb2.NodeKind.values():
        return repr(plan_pb2.NodeKind.Name(plan_pb2.NodeKind.ValueType(kind)).removeprefix("NODE_KIND_").lower())
    return str(kind)

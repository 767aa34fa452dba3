"""Checks of what arguments are put together from: that it exists, and that it has the expected type."""

from collections.abc import Sequence

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import INPUTS_NODE

from ..errors import InvalidPlan
from ..limits import COMPARISONS_MAX, COMPARISONS_PER_PART_MAX, PARTS_MAX
from ..spelling import quote, spell, spell_both
from ..types import CONTAINERS, ML_TYPES, SCALARS, Relation, leaves
from .problems import Problems
from .tables import check_value

# Names of types as SDKs write them into Value.type_name; a literal of another type is the SDK's to check.
_LITERAL_TYPES = {name: name for name in SCALARS | CONTAINERS} | {"NoneType": "none"}
_SEQUENCES = frozenset({"list", "tuple", "set"})


class Expressions:
    """What expressions of one plan may refer to. Holds columns, so that no message is read twice."""

    __slots__ = ("_comparisons", "_inputs", "_names", "_outputs", "_parts", "_problems", "_relation", "_types")

    def __init__(
        self,
        problems: Problems,
        types: Sequence[plan_pb2.Type],
        inputs: Sequence[int],
        names: Sequence[str],
        outputs: Sequence[Sequence[int]],
    ) -> None:
        """`inputs`: type of each input; `names`, `outputs`: name of each node and types of its outputs."""
        self._problems, self._types, self._relation = problems, types, Relation(types)
        self._inputs, self._names, self._outputs = inputs, names, outputs
        self._parts = self._comparisons = 0

    def check_refs(self, what: str, expr: plan_pb2.Expr, used: set[int]) -> int:
        """Add the nodes that the expression uses; return the bytes of its inline literals, -1 if it has a problem."""
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise InvalidPlan([f"the plan's arguments have more than {PARTS_MAX} parts"])
        match expr.WhichOneof("kind"):
            case "output":
                return self._check_output(what, expr.output, used)
            case "literal":
                return self._check_literal(what, expr.literal)
            case "input":
                used.add(INPUTS_NODE)
                if 0 <= expr.input < len(self._inputs):
                    return 0
                return self._fail(f"{what} uses input {expr.input}, but the plan has {len(self._inputs)} inputs")
            case "sequence":
                if expr.sequence.kind not in _SEQUENCES:
                    return self._fail(f"{what} is a sequence of unknown kind {quote(expr.sequence.kind)}")
                return self._check_all(what, expr.sequence.items, used)
            case "mapping":
                if len(expr.mapping.keys) != len(expr.mapping.values):
                    return self._fail(f"{what} has {len(expr.mapping.keys)} keys, {len(expr.mapping.values)} values")
                return self._check_all(what, (*expr.mapping.keys, *expr.mapping.values), used)
            case "record":
                return self._check_record(what, expr.record, used)
            case "item":
                return self._check_item(what, expr.item, used)
            case "choice":
                return self._check_choice(what, expr.choice, used)
            case _:
                return self._fail(f"{what} has no value, or one of an unknown kind")

    def mismatch(self, expr: plan_pb2.Expr, expected: int) -> str | None:
        """What keeps an expression without problems from being of the type; None if nothing does."""
        self._comparisons += 1
        if self._comparisons > COMPARISONS_MAX + COMPARISONS_PER_PART_MAX * self._parts:
            raise InvalidPlan(["the arguments of the plan have too many possible types: unions within unions"])
        match expr.WhichOneof("kind"):
            case "output":
                ref = expr.output
                given = self._outputs[ref.node][ref.output]
                return None if self._relation.is_assignable(given, expected) else self._explain(given, expected)
            case "input":
                given = self._inputs[expr.input]
                return None if self._relation.is_assignable(given, expected) else self._explain(given, expected)
            case "literal":
                return self._mismatch_of_literal(expr.literal, expected)
            case "record":
                return self._mismatch_of_record(expr.record, expected)
            case "item":
                given = self._types[self._outputs[expr.item.node][1 + expr.item.list]].args[0]
                return None if self._relation.is_assignable(given, expected) else self._explain(given, expected)
            case "choice":
                wrong = (self.mismatch(side, expected) for side in expr.choice.sides)
                return next(filter(None, wrong), None)
            case _:
                return self._mismatch_of_container(expr, expected)

    def _fail(self, problem: str) -> int:
        self._problems.add(problem)
        return -1

    def _check_all(self, what: str, exprs: Sequence[plan_pb2.Expr], used: set[int]) -> int:
        sizes = [self.check_refs(what, expr, used) for expr in exprs]
        return -1 if -1 in sizes else sum(sizes)

    def _check_output(self, what: str, ref: plan_pb2.OutputRef, used: set[int]) -> int:
        node, output = ref.node, ref.output
        if not 0 <= node < len(self._outputs):
            return self._fail(f"{what} uses node {node}, but the plan has {len(self._outputs)} nodes")
        used.add(node)
        if not 0 <= output < len(self._outputs[node]):
            name, count = quote(self._names[node]), len(self._outputs[node])
            return self._fail(f"{what} uses output {output} of node {name}, which has {count}")
        return 0

    def _check_item(self, what: str, item: plan_pb2.Item, used: set[int]) -> int:
        if self._check_output(what, plan_pb2.OutputRef(node=item.node, output=1 + item.list), used) < 0:
            return -1
        kind = self._types[self._outputs[item.node][1 + item.list]]
        if item.list < 0 or kind.name != "list" or len(kind.args) != 1:
            return self._fail(f"{what} is an item of {quote(self._names[item.node])}, which opens no such list")
        return 0

    def _check_choice(self, what: str, choice: plan_pb2.Choice, used: set[int]) -> int:
        if not choice.sides:
            return self._fail(f"{what} is chosen from nothing")
        if self._check_output(what, plan_pb2.OutputRef(node=choice.branch), used) < 0:
            return -1
        return self._check_all(what, choice.sides, used)

    def _check_literal(self, what: str, value: Value) -> int:
        found = Problems()
        check_value(found, what, value)
        self._problems.extend(found)
        return -1 if found else len(value.inline)

    def _check_record(self, what: str, record: plan_pb2.Record, used: set[int]) -> int:
        if not 0 <= record.type < len(self._types):
            return self._fail(f"{what} has type {record.type}, but the plan has {len(self._types)} types")
        kind = self._types[record.type]
        if kind.name != "record":
            return self._fail(f"{what} is built as a record, but {spell(self._types, record.type)} is not a record")
        given = set(record.names)
        if len(record.names) != len(record.values) or len(given) != len(record.names):
            return self._fail(f"{what} must name each field of its record once")
        known = {field.name: field.required for field in kind.fields}
        wrong = [f"unknown field {quote(name)}" for name in record.names if name not in known]
        wrong += [f"field {quote(name)} missing" for name, need in known.items() if need and name not in given]
        if wrong:
            return self._fail(f"{what}: {spell(self._types, record.type)}: {', '.join(wrong[:10])}")
        return self._check_all(what, record.values, used)

    def _explain(self, given: int, expected: int) -> str:
        own, wanted = spell_both(self._types, given, expected)
        hint = _hint(self._types[given].name, self._types[expected].name)
        return f"expected {wanted}, given {own}{hint}"

    def _refuse(self, given: str, expected: int) -> str:
        return f"expected {spell(self._types, expected)}, given a {given}{_hint(given, self._types[expected].name)}"

    def _mismatch_of_literal(self, value: Value, expected: int) -> str | None:
        given = _LITERAL_TYPES.get(value.type_name)
        if given is None:
            return None
        members = [self._types[leaf].name for leaf in leaves(self._types, expected)]
        return None if any(_fits_literal(given, name) for name in members) else self._refuse(given, expected)

    def _mismatch_of_record(self, record: plan_pb2.Record, expected: int) -> str | None:
        if not self._relation.is_assignable(record.type, expected):
            return self._explain(record.type, expected)
        types = {field.name: field.type for field in self._types[record.type].fields}
        for name, value in zip(record.names, record.values, strict=True):
            if wrong := self.mismatch(value, types[name]):
                return f"field {quote(name)}: {wrong}"
        return None

    def _mismatch_of_container(self, expr: plan_pb2.Expr, expected: int) -> str | None:
        given = expr.sequence.kind if expr.HasField("sequence") else "dict"
        wrong = None
        for leaf in leaves(self._types, expected):
            kind = self._types[leaf]
            if kind.name == given:
                inside = self._mismatch_inside(expr, kind)
                if inside is None:
                    return None
                wrong = inside
            elif kind.name == "any" or kind.name not in SCALARS | CONTAINERS | ML_TYPES | {"record", "literal"}:
                return None  # what a class takes is the SDK's to check
        return wrong or self._refuse(given, expected)

    def _mismatch_inside(self, expr: plan_pb2.Expr, expected: plan_pb2.Type) -> str | None:
        parameters = expected.args
        if expr.HasField("mapping"):
            pairs = [("key", expr.mapping.keys), ("value", expr.mapping.values)]
            for (part, items), parameter in zip(pairs, parameters, strict=False):
                if wrong := self._mismatch_of_items(part, items, [parameter] * len(items)):
                    return wrong
            return None
        items = expr.sequence.items
        if expected.name == "tuple" and not expected.variadic:
            if len(items) != len(parameters):
                return f"expected {len(parameters)} items, given {len(items)}"
            return self._mismatch_of_items("item", items, parameters)
        return self._mismatch_of_items("item", items, [*parameters] * len(items)) if parameters else None

    def _mismatch_of_items(self, part: str, items: Sequence[plan_pb2.Expr], expected: Sequence[int]) -> str | None:
        for position, (item, parameter) in enumerate(zip(items, expected, strict=True)):
            if wrong := self.mismatch(item, parameter):
                return f"{part} {position}: {wrong}"
        return None


def _fits_literal(given: str, expected: str) -> bool:
    """Whether a literal may be meant for the type: only what cannot be right is refused."""
    if given == expected or (given, expected) == ("int", "float"):
        return True
    if expected in SCALARS | CONTAINERS:
        return given in _SEQUENCES and expected in _SEQUENCES  # JSON has one kind of array
    return expected not in ML_TYPES or given not in SCALARS


def _hint(given: str, expected: str) -> str:
    if given == "tuple" and expected == "list":
        return "; a tuple is not a list: declare tuple[...] or pass list(...)"
    if given == "any" and expected != "any":
        return "; Any fits only Any: annotate the given value"
    if given == "bool" and expected in ("int", "float"):
        return "; a bool is not a number"
    return ""

"""The type relation: which type may be given where which is expected. docs/types.md has the rules for users."""

from collections.abc import Sequence
from functools import lru_cache

from penstock_proto.plan.v1.plan_pb2 import Type

from . import constraints, literals
from .spelling import spell

__all__ = ["CONTAINERS", "ML_TYPES", "SCALARS", "Relation", "is_assignable", "leaves", "names_of", "spell"]

SCALARS = frozenset({"int", "float", "bool", "str", "bytes", "none"})
CONTAINERS = frozenset({"list", "set", "dict", "tuple"})
ML_TYPES = frozenset({"Dataset", "FeatureSet", "Model", "Metrics", "Report"})
CACHED_MAX = 4096
# These names stand for themselves; every other type is a class, known by its name and its bases.
_STRUCTURAL = SCALARS | CONTAINERS | {"any", "union", "literal", "record"}


def is_assignable(types: Sequence[Type], given: int, expected: int, given_types: Sequence[Type] | None = None) -> bool:
    """Whether a value of type `given` may go where `types[expected]` is expected.

    `given` is an index into `given_types`, or into `types` without it. Who asks often keeps a `Relation`.
    """
    return Relation(types, given_types).is_assignable(given, expected)


class Relation:
    """The relation between two tables of types, which may grow but not change; remembers its answers.

    Args:
        by_fields: Records fit by their fields, whatever their classes are called: what callers send as JSON.
    """

    __slots__ = ("_by_fields", "_expected", "_given", "_known")

    def __init__(
        self, types: Sequence[Type], given_types: Sequence[Type] | None = None, *, by_fields: bool = False
    ) -> None:
        self._expected = types
        self._by_fields = by_fields
        self._given = types if given_types is None else given_types
        self._known: dict[tuple[int, int], bool] = {}

    def is_assignable(self, given: int, expected: int) -> bool:
        """Whether a value of the given type may go where the other is expected."""
        if given == expected and self._given is self._expected:
            return True
        known = self._known.get((given, expected))
        if known is None:
            # Set beforehand, so that a type that contains itself ends; `validate` refuses such tables.
            self._known[given, expected] = True
            known = self._known[given, expected] = self._is_assignable(given, expected)
        return known

    def _is_assignable(self, given: int, expected: int) -> bool:
        given_type, expected_type = self._given[given], self._expected[expected]
        if given_type.name == "union":
            # Its own constraints may be what is needed: Annotated[int | float, Ge(0)] as Annotated[float, Ge(0)].
            return all(self.is_assignable(member, expected) for member in given_type.args) or (
                bool(given_type.constraints_json)
                and _satisfies_constraints(given_type, expected_type)
                and all(self._fits(leaf, expected) for leaf in leaves(self._given, given))
            )
        return self._fits(given, expected) and _satisfies_constraints(given_type, expected_type)

    def _fits(self, given: int, expected: int) -> bool:
        """The rules without the constraints of `expected` itself; `given` is no union."""
        given_type, expected_type = self._given[given], self._expected[expected]
        match expected_type.name:
            case "any":
                return True
            case "union":
                return any(self.is_assignable(given, member) for member in expected_type.args) or (
                    given_type.name == "literal" and self._fits_by_value(given_type, expected)
                )
            case "literal":
                return literals.all_fit(given_type, expected_type)
            case _ if given_type.name == "literal":
                return literals.are(given_type.literals, expected_type.name)
            case "float":
                return given_type.name in ("float", "int") or _is_a(given_type, expected_type, also="int")
            case "tuple":
                return given_type.name == "tuple" and self._fits_tuple(given_type, expected_type)
            case name if name in CONTAINERS:
                return given_type.name == name and self._fits_parameters(given_type, expected_type)
            case name if name in SCALARS and given_type.name == name:
                return True
            case "record" if self._by_fields and given_type.name == "record":
                return self._fits_fields(given_type, expected_type)
            case _:
                return _is_a(given_type, expected_type) and self._fits_parameters(given_type, expected_type)

    def _fits_by_value(self, given: Type, expected: int) -> bool:
        """Literal['a', 1] fits str | int, value by value."""
        values = [Type(name="literal", literals=[text]) for text in given.literals]
        members = [self._expected[leaf] for leaf in leaves(self._expected, expected)]
        return all(
            any(
                _satisfies_constraints(value, member)
                and (
                    literals.all_fit(value, member) or member.name == "any" or literals.are(value.literals, member.name)
                )
                for member in members
            )
            for value in values
        )

    def _fits_tuple(self, given: Type, expected: Type) -> bool:
        if expected.variadic:
            bare = given.variadic and not given.args
            return self._fits_parameters(Type(), expected) if bare else self._fits_items(given, expected)
        return (
            not given.variadic
            and len(given.args) == len(expected.args)
            and all(map(self.is_assignable, given.args, expected.args))
        )

    def _fits_items(self, given: Type, expected: Type) -> bool:
        return not expected.args or all(self.is_assignable(item, expected.args[0]) for item in given.args)

    def _fits_fields(self, given: Type, expected: Type) -> bool:
        """No field is unknown, none that is required is missing, and each fits."""
        wanted = {field.name: field for field in expected.fields}
        offered = {field.name: field for field in given.fields}
        return (
            offered.keys() <= wanted.keys()
            and all(name in offered and offered[name].required for name, field in wanted.items() if field.required)
            and all(self.is_assignable(field.type, wanted[name].type) for name, field in offered.items())
        )

    def _fits_parameters(self, given: Type, expected: Type) -> bool:
        """Parameters are covariant; a type expected without any accepts all; without any is given as Any."""
        if not given.args:
            return all(self._expected[parameter].name == "any" for parameter in expected.args)
        if not expected.args:
            return True
        return len(given.args) == len(expected.args) and all(map(self.is_assignable, given.args, expected.args))


def names_of(kind: Type) -> set[str]:
    """The names under which a class is known: its own and its bases'; none for what is no class."""
    if kind.name in _STRUCTURAL and kind.name != "record":
        return set()
    return ({kind.name, kind.qualname} | set(kind.bases)) - {"", "record"}


def leaves(types: Sequence[Type], index: int) -> list[int]:
    """The members of a union and of the unions in it; any other type is its own only leaf."""
    seen, found, waiting = {index}, list[int](), [index]
    while waiting:
        current = waiting.pop()
        if types[current].name != "union":
            found.append(current)
            continue
        new = [member for member in types[current].args if member not in seen]
        seen.update(new)
        waiting.extend(reversed(new))
    return found


def _is_a(given: Type, expected: Type, also: str = "") -> bool:
    """Whether `given` is the expected class, one below it, or one below `also`."""
    wanted = {expected.qualname, also} if expected.name == "record" else {expected.name, expected.qualname, also}
    return not wanted.isdisjoint(names_of(given))


def _satisfies_constraints(given: Type, expected: Type) -> bool:
    if not expected.constraints_json:
        return True
    wanted = _constraints_of(expected.constraints_json)
    if given.name == "literal":
        values = map(literals.value_of, given.literals)
        return all(constraints.is_satisfied(value, wanted, kind) for value, kind in values)
    own = _constraints_of(given.constraints_json)
    kinds = ("int", "str", "list", "dict") if given.name == "union" else (given.name,)
    return all(constraints.is_implied(own, wanted, kind) for kind in kinds)


@lru_cache(maxsize=CACHED_MAX)
def _constraints_of(constraints_json: str) -> constraints.Constraints:
    try:
        return constraints.parse(constraints_json)
    except ValueError:  # `validate` refuses it; until then only the same text implies it
        return {"unreadable": constraints_json}

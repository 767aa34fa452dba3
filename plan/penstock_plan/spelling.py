"""Types and names as people write and read them."""

from collections.abc import Sequence

from penstock_proto.plan.v1.plan_pb2 import Type

from . import constraints, literals

# A table of types is shared like a graph and could be spelt for ever; past this many parts comes "...".
PARTS_MAX = 60
NAME_LENGTH_SHOWN = 80


def spell(types: Sequence[Type], index: int, *, full: bool = False) -> str:
    """Spell a type as in an annotation, `dict[str, list[int]]`; `full` gives classes with their modules."""
    return _Speller(types, full).spell(index)


def spell_both(
    types: Sequence[Type], given: int, expected: int, given_types: Sequence[Type] | None = None
) -> tuple[str, str]:
    """Spell two types so that they can be told apart: with their modules if they look the same without."""
    own = types if given_types is None else given_types
    short = spell(own, given), spell(types, expected)
    return short if short[0] != short[1] else (spell(own, given, full=True), spell(types, expected, full=True))


def quote(name: str) -> str:
    """A name that came from outside, for a message: on one line, not too long, with its Unicode."""
    return repr(name if len(name) <= NAME_LENGTH_SHOWN else name[: NAME_LENGTH_SHOWN - 3] + "...")


class _Speller:
    def __init__(self, types: Sequence[Type], full: bool) -> None:
        self._types, self._full, self._parts = types, full, 0

    def spell(self, index: int) -> str:
        self._parts += 1
        if self._parts > PARTS_MAX or not 0 <= index < len(self._types):
            return "..."
        kind = self._types[index]
        plain = self._spell_plain(kind)
        return f"Annotated[{', '.join([plain, *_spell_constraints(kind)])}]" if kind.constraints_json else plain

    def _spell_plain(self, kind: Type) -> str:
        match kind.name:
            case "none":
                return "None"
            case "any":
                return "Any"
            case "union":
                return " | ".join(self._spell_each(kind)) or "Never"
            case "literal":
                return f"Literal[{', '.join(repr(literals.value_of(text)[0]) for text in kind.literals[:PARTS_MAX])}]"
            case "tuple":
                items = [*self._spell_each(kind), "..."] if kind.variadic else self._spell_each(kind)
                return f"tuple[{', '.join(items) or '()'}]"
            case _:
                name = (kind.qualname or kind.name) if self._full or kind.name == "record" else kind.name
                name = name if self._full else name.replace(":", ".").rpartition(".")[2]
                return f"{name}[{', '.join(self._spell_each(kind))}]" if kind.args else name

    def _spell_each(self, kind: Type) -> list[str]:
        spelt: list[str] = []
        for argument in kind.args:
            spelt.append(self.spell(argument))
            if self._parts > PARTS_MAX:
                break
        return spelt


def _spell_constraints(kind: Type) -> list[str]:
    try:
        return [f"{keyword}={value!r}" for keyword, value in constraints.parse(kind.constraints_json).items()]
    except ValueError:
        return [repr(kind.constraints_json)]

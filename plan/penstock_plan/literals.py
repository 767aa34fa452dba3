"""The values of literal types, which travel as JSON."""

import json
from collections.abc import Iterable
from functools import lru_cache

from penstock_proto.plan.v1.plan_pb2 import Type

CACHED_MAX = 4096


@lru_cache(maxsize=CACHED_MAX)
def value_of(text: str) -> tuple[object, str]:
    """The value that the JSON stands for, and the name of its type; raw text, "any", if it is no JSON scalar."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text, "any"
    if isinstance(value, (dict, list)):
        return text, "any"
    return value, "none" if value is None else type(value).__name__


def are(texts: Iterable[str], name: str) -> bool:
    """Whether all are values of the scalar `name`; an integer is a float too, True is no integer."""
    kinds = {value_of(text)[1] for text in texts}
    return bool(kinds) and (kinds == {name} or (name == "float" and kinds <= {"int", "float"}))


def all_fit(given: Type, expected: Type) -> bool:
    """Whether every value of `given`, a literal type or None, is one of those of the literal type `expected`."""
    if expected.name != "literal" or given.name not in ("literal", "none"):
        return False
    # The name of the type belongs to a value: True is not 1.
    offered = {(None, "none")} if given.name == "none" else set(map(value_of, given.literals))
    return bool(offered) and offered <= set(map(value_of, expected.literals))

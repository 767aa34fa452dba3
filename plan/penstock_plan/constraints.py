"""JSON Schema keywords of Annotated types: when one set implies another, and when a value satisfies them."""

import json
from collections.abc import Callable
from typing import Any, cast

Constraints = dict[str, Any]

_NUMBERS = frozenset({"int", "float"})
_TEXTS = frozenset({"str", "bytes"})
_LISTS = frozenset({"list", "tuple", "set"})

# A keyword says something about these types only, as in JSON Schema; one that is not here, about all.
_APPLIES_TO = {
    "minimum": _NUMBERS,
    "exclusiveMinimum": _NUMBERS,
    "maximum": _NUMBERS,
    "exclusiveMaximum": _NUMBERS,
    "multipleOf": _NUMBERS,
    "minLength": _TEXTS,
    "maxLength": _TEXTS,
    "pattern": _TEXTS,
    "minItems": _LISTS,
    "maxItems": _LISTS,
    "uniqueItems": _LISTS,
    "minProperties": frozenset({"dict"}),
    "maxProperties": frozenset({"dict"}),
}
_LOWER = {"minLength", "minItems", "minProperties"}
_UPPER = {"maxLength", "maxItems", "maxProperties"}
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "multipleOf": lambda value, bound: value % bound == 0,
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
}


def parse(constraints_json: str) -> Constraints:
    """The keywords of a type; raise ValueError if they are no JSON object."""
    if not constraints_json:
        return {}
    try:
        found = json.loads(constraints_json)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return cast(Constraints, found)


def is_implied(given: Constraints, expected: Constraints, type_name: str) -> bool:
    """Whether every value of `type_name` that satisfies `given` satisfies `expected` too, as far as we can tell."""
    return all(
        _is_implied(given, keyword, bound)
        for keyword, bound in expected.items()
        if type_name in _APPLIES_TO.get(keyword, {type_name})
    )


def is_satisfied(value: object, expected: Constraints, type_name: str) -> bool:
    """Whether a literal value satisfies the constraints; False where we cannot tell."""
    for keyword, bound in expected.items():
        if type_name not in _APPLIES_TO.get(keyword, {type_name}):
            continue
        try:
            if not _HOLDS[keyword](value, bound):
                return False
        except (KeyError, TypeError, ZeroDivisionError, OverflowError):
            return False
    return True


def _is_implied(given: Constraints, keyword: str, bound: Any) -> bool:
    if keyword in given and given[keyword] == bound and type(given[keyword]) is type(bound):
        return True
    try:
        return _is_stronger(given, keyword, bound)
    except (TypeError, ZeroDivisionError, OverflowError):
        return False


def _is_stronger(given: Constraints, keyword: str, bound: Any) -> bool:
    own = given.get(keyword)
    match keyword:
        case "minimum":
            return _has_any(given, ("minimum", "exclusiveMinimum"), lambda least: least >= bound)
        case "maximum":
            return _has_any(given, ("maximum", "exclusiveMaximum"), lambda most: most <= bound)
        case "exclusiveMinimum":
            return (own is not None and own >= bound) or _has_any(given, ("minimum",), lambda least: least > bound)
        case "exclusiveMaximum":
            return (own is not None and own <= bound) or _has_any(given, ("maximum",), lambda most: most < bound)
        case "multipleOf":
            return own is not None and own % bound == 0
        case _ if keyword in _LOWER:
            return own is not None and own >= bound
        case _ if keyword in _UPPER:
            return own is not None and own <= bound
        case _:
            return False


def _has_any(given: Constraints, keywords: tuple[str, ...], holds: Callable[[Any], bool]) -> bool:
    return any(keyword in given and holds(given[keyword]) for keyword in keywords)

"""Which values an annotation carries: exactly its classes and parts, in JSON or as a bundle of parts, or not at all.

Values are looked at in columns: all items of a list at once, then one field of all records, and so on. A million
numbers cost one look at the set of their types. A value that is not of the very class would come back as another one.
"""

import collections
import collections.abc
import dataclasses
import datetime
import enum
import functools
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, cast, get_args, get_origin

import pydantic

from . import registry, times
from .annotations import (
    ABSTRACT_LISTS,
    ABSTRACT_MAPPINGS,
    ABSTRACT_SETS,
    DISTINCT,
    EXACT,
    MAPPINGS,
    ambiguous,
    fields,
    has_json_keys,
    is_anything,
    is_literal,
    is_model,
    is_named_tuple,
    is_record,
    is_recursive,
    is_typed_dict,
    may_be_words,
    members,
    ordered,
    required_fields,
    unwrapped,
)
from .errors import BadValue

# How values are carried, the best first.
JSON: Final = 0
PARTS: Final = 1
NOT: Final = 2

DEPTH_MAX: Final = 100
BASE64_BYTES_MAX: Final = 64  # longer bytes are a part of their own
# What a bundle may name by itself, where nothing is annotated; other classes are never looked up by a name in the data.
SAFE: Final[frozenset[type]] = frozenset(cast("set[type]", EXACT - DISTINCT - {bytes}))
SAFE_LISTS: Final[frozenset[type]] = frozenset({list, tuple, set, frozenset})
# The numbers and texts of numpy that may stand for one of Python's, by the names of their bases.
_NUMPY: Final[dict[type, frozenset[str]]] = {
    int: frozenset({"integer"}),
    float: frozenset({"integer", "floating"}),
    bool: frozenset({"bool", "bool_"}),
    str: frozenset({"str_"}),
    bytes: frozenset({"bytes_"}),
    complex: frozenset({"complexfloating"}),
}
_NO_PYTHON: Final = frozenset({"longdouble", "clongdouble"})  # wider than any number of Python

Column = Sequence[object]
Check = Callable[[Column, "Walk"], int]


@dataclasses.dataclass(slots=True)
class Walk:
    """One look at a value: how deep it is, and what was seen where a value may hold itself."""

    depth: int = 0
    seen: set[tuple[object, int]] = dataclasses.field(default_factory=set[tuple[object, int]])

    def new(self, kind: object, values: Column) -> Column:
        """Those that were not seen under this annotation: each is looked at once, however often it occurs."""
        found = [each for each in {id(each): each for each in values}.values() if (kind, id(each)) not in self.seen]
        self.seen.update((kind, id(each)) for each in found)
        return found


def fit(value: object, annotation: object, where: str = "value") -> int:
    """How a value is carried; raises BadValue if it contains itself or is nested too deep."""
    try:
        return column_fit([value], annotation, Walk())
    except RecursionError:
        raise BadValue(where, f"it is nested deeper than {DEPTH_MAX}, or contains itself") from None


def column_fit(values: Column, annotation: object, walk: Walk) -> int:
    """How values of one annotation are carried, all of them together."""
    if not values:
        return JSON
    if walk.depth > DEPTH_MAX:
        raise RecursionError
    walk.depth += 1
    try:
        return checker(annotation)(values, walk)
    finally:
        walk.depth -= 1


def member_of(value: object, annotation: object) -> tuple[int, object]:
    """The member of a union that a value belongs to, with its place among them; -1 and Any if none does."""
    options = ordered(annotation)
    own = [(place, each) for place, each in enumerate(options) if (get_origin(each) or each) is type(value)]
    others = [(place, each) for place, each in enumerate(options) if (place, each) not in own]
    return next((each for each in own + others if fit(value, each[1]) < NOT), (-1, Any))


def forget() -> None:
    """Look at annotations again: another codec is known now."""
    _checker.cache_clear()


def checker(annotation: object) -> Check:
    """The check of an annotation, remembered."""
    try:
        return _checker(annotation)
    except TypeError:  # not hashable
        return _made(annotation)


@functools.lru_cache(maxsize=4096)
def _checker(annotation: object) -> Check:
    return _made(annotation)


def _made(annotation: object) -> Check:
    options = members(annotation)
    if len(options) > 1:
        return functools.partial(_union, options, PARTS if ambiguous(annotation) else JSON, may_be_words(annotation))
    kind = type(None) if options[0] is None else options[0]
    if is_anything(kind):
        return _anything
    if is_literal(kind):
        return functools.partial(
            _literal, frozenset((type(each), each) for each in cast(tuple[object, ...], get_args(kind)))
        )
    origin = get_origin(kind) or kind
    return _of_class(kind, origin) if isinstance(origin, type) else _unknown


def _of_class(kind: object, origin: type, /) -> Check:
    args = get_args(kind)
    if origin is bytes:
        return _bytes
    if origin in _NUMPY:
        return functools.partial(_scalar, origin)
    if origin in (datetime.datetime, datetime.time):
        return functools.partial(_times, origin)
    if origin in EXACT:
        return functools.partial(_exactly, origin)
    if origin is collections.abc.MutableSequence:
        return functools.partial(_items, list, args[0] if args else Any)
    if origin in ABSTRACT_LISTS:
        return functools.partial(_abstract, list, {list: list, tuple: tuple}, args)
    if origin in ABSTRACT_SETS:
        return functools.partial(_abstract, set, {set: set, frozenset: frozenset}, args)
    if origin in ABSTRACT_MAPPINGS:
        return functools.partial(_mapping, dict, args or (Any, Any))
    if origin is tuple and (args or kind == tuple[()]) and Ellipsis not in args:
        return functools.partial(_tuple, args)
    if origin in (list, tuple, set, frozenset, collections.deque):
        return functools.partial(_items, origin, args[0] if args else Any)
    if origin in MAPPINGS:
        return functools.partial(_mapping, origin, (*args, int) if len(args) == 1 else args or (Any, Any))
    if is_record(origin) and registry.find(origin) is None:
        return functools.partial(_records, kind, origin)
    if issubclass(origin, enum.Enum):
        return functools.partial(_exactly, origin)
    return functools.partial(_payload, kind, origin)


def _scalar(kind: type, values: Column, walk: Walk) -> int:
    kinds = set(map(type, values))
    exact = {int, float} if kind is float else {kind}
    if kind is float and int in kinds and not all(_is_whole_float(each) for each in values if type(each) is int):
        return NOT
    return JSON if all(each in exact or stands_for(each, kind) for each in kinds) else NOT


def _bytes(values: Column, walk: Walk) -> int:
    long = any(len(each) > BASE64_BYTES_MAX for each in values if isinstance(each, bytes))
    return max(PARTS if long else JSON, _scalar(bytes, values, walk))


def _is_whole_float(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def stands_for(kind: type, wanted: type) -> bool:
    """Whether it is a class of numpy whose values become Python's where that is annotated."""
    if not kind.__module__.startswith("numpy") or kind.__name__ in _NO_PYTHON:
        return False
    return not _NUMPY[wanted].isdisjoint(each.__name__ for each in kind.__mro__)


def _exactly(kind: type, values: Column, walk: Walk) -> int:
    return JSON if set(map(type, values)) == {kind} else NOT


def _times(kind: type, values: Column, walk: Walk) -> int:
    known = set(map(type, values)) == {kind} and times.has_known_zones(cast(Any, values))
    return JSON if known else NOT


def _literal(allowed: frozenset[tuple[type, object]], values: Column, walk: Walk) -> int:
    return JSON if all(isinstance(each, Hashable) and (type(each), each) in allowed for each in values) else NOT


def _items(kind: type, item: object, values: Column, walk: Walk) -> int:
    if set(map(type, values)) != {kind}:
        return NOT
    if kind is collections.deque and any(
        each.maxlen is not None for each in cast("Sequence[collections.deque[object]]", values)
    ):
        return NOT
    return column_fit(_inside(values), item, walk)


def _inside(values: Column) -> Column:
    return list(chain.from_iterable(cast(Iterable[Iterable[object]], values)))


def _tuple(hints: tuple[object, ...], values: Column, walk: Walk) -> int:
    if set(map(type, values)) != {tuple} or set(map(len, cast("Sequence[tuple[object]]", values))) != {len(hints)}:
        return NOT
    columns = zip(*cast(Iterable[Iterable[object]], values), strict=True)
    return max((column_fit(list(each), hint, walk) for each, hint in zip(columns, hints, strict=False)), default=JSON)


def _abstract(plain: type, kinds: dict[type, type], args: tuple[Any, ...], values: Column, walk: Walk) -> int:
    """A list or a tuple for a Sequence: JSON comes back as the plain one."""
    seen = set(map(type, values))
    if not seen <= kinds.keys():
        return NOT
    return max(JSON if seen == {plain} else PARTS, column_fit(_inside(values), args[0] if args else Any, walk))


def _mapping(kind: type, hints: tuple[object, ...], values: Column, walk: Walk) -> int:
    if set(map(type, values)) != {kind}:
        return PARTS if kind is dict and _are_of_codec(values) else NOT
    if kind is collections.defaultdict and not all(_makes(each, hints[1]) for each in values):
        return NOT
    held = cast("Sequence[dict[object, object]]", values)
    keys = list(chain.from_iterable(held))
    found = column_fit(keys, hints[0], walk)
    if found == JSON and not has_json_keys(hints[0], keys):
        found = PARTS
    return max(found, column_fit(list(chain.from_iterable(each.values() for each in held)), hints[1], walk))


def _are_of_codec(values: Column) -> bool:
    """Whether all are dicts that a codec writes whole: torch's state_dict is an OrderedDict, and comes back as one."""
    return all(isinstance(registry.of_value(each), registry.Codec) for each in values)


def _makes(value: object, hint: object) -> bool:
    """Whether a defaultdict makes what pydantic has it make for the annotation of its values."""
    factory = cast("collections.defaultdict[object, object]", value).default_factory
    return factory is (get_origin(hint) or hint)


def _records(annotation: object, cls: type, values: Column, walk: Walk) -> int:
    if is_typed_dict(cls):
        return _typed_dicts(annotation, cls, values, walk)
    if set(map(type, values)) != {cls}:
        return NOT
    if is_recursive(annotation) and not (values := walk.new(annotation, values)):
        return JSON
    hints = fields(annotation)
    if not is_named_tuple(cls) and any(_has_more(each, hints, cls) for each in values):
        return NOT
    try:
        found = [column_fit(list(map(attrgetter(name), values)), hint, walk) for name, hint in hints.items()]
    except AttributeError:  # a field that was deleted, or never set
        return NOT
    if is_model(cls):
        extras = [each.__pydantic_extra__ for each in cast("Sequence[pydantic.BaseModel]", values)]
        found.append(column_fit([each for each in extras if each], Any, walk))
    return max(found, default=JSON)


def _has_more(value: object, hints: Collection[str], cls: type) -> bool:
    """Whether it has attributes beside its fields; what is computed from them, and kept, comes again."""
    own = getattr(value, "__dict__", None)
    if not own or len(own) <= len(hints):
        return False
    return any(
        name not in hints and not isinstance(getattr(cls, name, None), functools.cached_property)
        for name in own
        if not (hasattr(cls, "__post_init__") or is_model(cls))
    )


def _typed_dicts(annotation: object, cls: Any, values: Column, walk: Walk) -> int:
    if set(map(type, values)) != {dict}:
        return NOT
    held = cast("Sequence[dict[object, object]]", values)
    hints = fields(annotation)
    required = required_fields(annotation)
    if any(not (required <= each.keys() <= hints.keys()) for each in held):
        return NOT
    # JSON is read in the order of the declaration.
    in_order = all(list(each) == [name for name in hints if name in each] for each in held)
    columns = ([each[name] for each in held if name in each] for name in hints)
    found = [column_fit(column, hint, walk) for column, hint in zip(columns, hints.values(), strict=True)]
    return max(JSON if in_order else PARTS, *found) if found else JSON


def _payload(annotation: object, origin: type, values: Column, walk: Walk) -> int:
    kinds = set(map(type, values))
    codecs = {registry.find(each) for each in kinds}
    if not all(issubclass(each, origin) for each in kinds):
        return NOT
    if registry.find(origin) is None and codecs == {None}:
        return JSON  # of somebody's own: pydantic knows it, and the value is read back, or nobody does
    if any(each is None or isinstance(each, registry.Refusal) for each in codecs):
        return NOT
    return PARTS if all(has_dtype(each, annotation) for each in values) else NOT


def has_dtype(value: object, annotation: object) -> bool:
    """Whether an array has the dtype that its annotation asks for, as in NDArray[float64]."""
    args = get_args(annotation)
    if len(args) != 2 or not hasattr(value, "dtype"):
        return True
    wanted = (get_args(args[1]) or (Any,))[0]
    if is_anything(wanted) or not isinstance(wanted, type):
        return True
    return issubclass(cast(Any, value).dtype.type, cast(type, wanted))


def _unknown(values: Column, walk: Walk) -> int:
    return JSON  # read back and compared


def _union(options: Sequence[object], least: int, has_words: bool, values: Column, walk: Walk) -> int:
    found = JSON if all(each is None for each in values) else least
    if found == JSON and not has_words and float in map(unwrapped, options) and not _are_finite(values):
        found = PARTS
    for kind, column in by_class(values).items():
        own = [each for each in options if (get_origin(each) or each) is kind]  # as `member_of` chooses
        best = min(column_fit(column, each, walk) for each in own or options)
        if best == NOT:
            best = max(min(column_fit([value], each, walk) for each in options) for value in column)
        found = max(found, best)
    return found


def _are_finite(values: Column) -> bool:
    """Whether JSON has numbers for all floats."""
    return all(
        math.isfinite(cast(float, each)) for each in values if isinstance(each, float) or stands_for(type(each), float)
    )


def by_class(values: Column) -> dict[type, list[object]]:
    """The values of each class."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return {next(iter(kinds)): list(values)}
    found: dict[type, list[object]] = {kind: [] for kind in kinds}
    for value in values:
        found[type(value)].append(value)
    return found


def _anything(values: Column, walk: Walk) -> int:
    """Without an annotation: plain JSON, and what a bundle names by itself; NaN as JSON would come back as text."""
    return max(_any_of_class(kind, column, walk) for kind, column in by_class(values).items())


def _any_of_class(kind: type, values: Column, walk: Walk) -> int:
    if kind in DISTINCT:
        return JSON if kind is not float or _are_finite(values) else PARTS
    if dict in kind.__mro__ and _are_of_codec(values):
        return PARTS
    values = walk.new(Any, values) if kind in SAFE_LISTS or kind is dict else values
    if not values:
        return JSON
    if kind in SAFE_LISTS:
        return max(JSON if kind is list else PARTS, column_fit(_inside(values), Any, walk))
    if kind is dict:
        return _mapping(dict, (Any, Any), values, walk)
    if kind in SAFE:
        return max(PARTS, checker(kind)(values, walk))
    found = registry.find(kind)
    if is_safe_record(kind) and found is None:
        return max(PARTS, _records(kind, kind, values, walk))
    return NOT if found is None or isinstance(found, registry.Refusal) else PARTS


def is_safe_record(kind: type) -> bool:
    """Whether it is one of Penstock's own records, which a bundle may name by itself."""
    return kind.__module__ == "penstock.ml" and dataclasses.is_dataclass(kind)

"""Containers that hold arrays, tensors, files and the like are split into a tree and its leaves, and joined again."""

import collections
import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

import pydantic

from . import exactness
from .annotations import (
    fields,
    is_anything,
    is_model,
    is_named_tuple,
    is_record,
    is_typed_dict,
    members,
    ordered,
    unwrapped,
)
from .compound_format import NAME, Items, Member, Node, Part, Record, Table, assembled, taken_apart
from .encoded import Buffer, Encoded, type_name
from .errors import BadValue, Undecodable
from .exactness import DEPTH_MAX, SAFE
from .scalars import FLOATS, plain_class

LISTS: dict[str, type] = {type_name(each): each for each in (*exactness.SAFE_LISTS, collections.deque)}
SCALARS: dict[str, type] = {type_name(each): each for each in (*SAFE, float)}
PRIVATE = "private:"  # before the names of a pydantic model's private attributes


Encode = Callable[[object, object, str], Encoded]
Decode = Callable[[str, memoryview, object], object]


class Writer:
    """Splits one value into a tree and parts."""

    __slots__ = ("_encode", "_is_leaf", "_open", "_parts")

    def __init__(self, encode: Encode, is_leaf: Callable[[object, object], bool]) -> None:
        """`is_leaf` says whether a value can be encoded as one part."""
        self._encode = encode
        self._is_leaf = is_leaf
        self._parts: list[Encoded] = []
        self._open: set[int] = set()  # the containers around what is being written

    def write(self, value: object, annotation: object, where: str) -> Sequence[Buffer]:
        """Split the value at least once; raises CodecError."""
        tree = self._split(value, annotation, where, 0)
        return assembled(tree, self._parts)

    def _node(self, value: object, annotation: object, where: str, depth: int) -> Node:
        if self._is_leaf(value, annotation):
            return self._leaf(value, annotation, where)
        return self._split(value, annotation, where, depth)

    def _split(self, value: object, annotation: object, where: str, depth: int) -> Node:
        if depth > DEPTH_MAX or id(value) in self._open:
            raise BadValue(where, f"it is nested deeper than {DEPTH_MAX}, or contains itself")
        if len(members(annotation)) > 1:
            place, member = exactness.member_of(value, annotation)
            if place >= 0:
                return Member(place, self._node(value, member, where, depth + 1))
        annotation = unwrapped(annotation)
        self._open.add(id(value))
        try:
            return self._container(value, annotation, where, depth)
        finally:
            self._open.discard(id(value))

    def _container(self, value: object, annotation: object, where: str, depth: int) -> Node:
        if is_record(type(value)) or is_typed_dict(get_origin(annotation) or annotation):
            return self._record(value, annotation, where, depth)
        if isinstance(value, dict):
            return self._table(cast(dict[object, object], value), annotation, where, depth)
        kind: type = type(value)
        if type_name(kind) in LISTS:
            items = list(cast(Collection[object], value))
            if kind is list and is_anything(annotation) and set(map(type, items)) == {float}:
                index = self._leaf(items, list[float], where)
                self._parts[index] = self._parts[index]._replace(type_name=FLOATS)
                return index
            if isinstance(value, (set, frozenset)):
                items.sort(key=repr)
            hints = _item_annotations(annotation, len(items))
            nodes = [
                self._node(e, h, f"{where}[{i}]", depth + 1) for i, (e, h) in enumerate(zip(items, hints, strict=True))
            ]
            return Items(type_name(kind), nodes)
        if is_anything(annotation) and type(value) in SCALARS.values():
            return self._leaf(value, type(value), where)
        return self._leaf(value, annotation, where)  # which says what is wrong with it

    def _leaf(self, value: object, annotation: object, where: str) -> int:
        self._parts.append(self._encode(value, annotation, where))
        return len(self._parts) - 1

    def _table(self, value: dict[object, object], annotation: object, where: str, depth: int) -> Table:
        keys, each = _dict_annotations(annotation)
        listed = list(value)
        return Table(
            self._leaf(listed, list[cast(Any, keys)], f"{where}.keys()"),
            [self._node(item, each, f"{where}[{key!r}]", depth + 1) for key, item in value.items()],
        )

    def _record(self, value: object, annotation: object, where: str, depth: int) -> Record:
        given = _record_values(value)
        hints = fields(annotation if is_record(get_origin(annotation) or annotation) else type(value))
        values = [self._node(each, hints.get(name, Any), f"{where}.{name}", depth + 1) for name, each in given.items()]
        return Record(type_name(type(value)), list(given), values)


class Reader:
    """Puts a value together again, directed by its annotation."""

    __slots__ = ("_body", "_decode", "_parts")

    def __init__(self, data: memoryview, decode: Decode) -> None:
        self._body, self._parts, self._decode = data, list[Part](), decode

    def read(self, annotation: object) -> object:
        """Raises CodecError."""
        header, self._body = taken_apart(self._body)
        self._parts = header.parts
        try:
            return self._node(header.tree, annotation)
        except (TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise Undecodable(NAME, str(error)) from error

    def _node(self, node: Node, annotation: object) -> object:
        if isinstance(node, int):
            return self._leaf(node, annotation)
        if isinstance(node, Member):
            options = ordered(annotation) if not is_anything(annotation) else [annotation] * (node.place + 1)
            if not 0 <= node.place < len(options):
                raise Undecodable(NAME, f"{annotation} has no member {node.place}")
            return self._node(node.node, options[node.place])
        if isinstance(node, Items):
            return self._items(node, annotation)
        if isinstance(node, Table):
            chosen = _choose(annotation, {})
            keys, each = _dict_annotations(chosen)
            values = [self._node(value, each) for value in node.values]
            pairs = zip(cast(list[object], self._leaf(node.keys, list[cast(Any, keys)])), values, strict=True)
            return _made_dict(chosen, dict(pairs))
        return self._record(node, annotation)

    def _leaf(self, index: int, annotation: object) -> object:
        if not 0 <= index < len(self._parts):
            raise Undecodable(NAME, f"it has no part {index}")
        part = self._parts[index]
        end = part.offset + part.size
        if not 0 <= part.offset <= end <= len(self._body):
            raise Undecodable(NAME, f"part {index} is out of range")
        if is_anything(annotation) and part.codec == "json":
            annotation = SCALARS.get(part.type_name) or plain_class(part.codec, part.type_name)
        return self._decode(part.codec, self._body[part.offset : end], annotation)

    def _items(self, node: Items, annotation: object) -> object:
        chosen = _choose(annotation, LISTS.get(node.kind, list)())
        hints = _item_annotations(chosen, len(node.items))
        items = [self._node(each, hint) for each, hint in zip(node.items, hints, strict=True)]
        if node.kind not in LISTS:
            raise Undecodable(NAME, f"unknown kind of container {node.kind!r}")
        return items if node.kind == "list" else LISTS[node.kind](items)

    def _record(self, node: Record, annotation: object) -> object:
        options = [each for each in map(unwrapped, members(annotation)) if is_record(get_origin(each) or each)]
        exact = [each for each in options if _names(each, node.kind)]
        if not options and is_anything(annotation):
            exact = _safe_record(node.kind)
        chosen = (exact or options or [dict])[0]
        hints = fields(chosen) if chosen is not dict else {}
        values = {
            name: self._node(each, hints.get(name, Any)) for name, each in zip(node.names, node.values, strict=True)
        }
        return _made_record(cast(type, get_origin(chosen) or chosen), values)


def _names(record: object, kind: str) -> bool:
    return type_name(cast(type, get_origin(record) or record)) == kind


def _safe_record(kind: str) -> list[object]:
    """One of Penstock's own records, by the name that the data has for it."""
    from .. import ml

    found = getattr(ml, kind.removeprefix("penstock.ml."), None) if kind.startswith("penstock.ml.") else None
    return [found] if isinstance(found, type) and exactness.is_safe_record(found) else []


def _choose(annotation: object, value: object) -> object:
    """The member of a union that the value belongs to, if one does."""
    options = [unwrapped(each) for each in members(annotation)]
    for each in options:
        kind = get_origin(each) or each
        if is_anything(kind) or not isinstance(kind, type):
            continue
        if isinstance(value, dict if is_typed_dict(kind) else kind):
            return each
    return options[0] if len(options) == 1 else Any


def _item_annotations(annotation: object, count: int) -> Sequence[object]:
    args = get_args(annotation)
    if not args:
        return [Any] * count
    if (get_origin(annotation) or annotation) is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        if len(args) != count:
            raise BadValue("a tuple", f"it has {count} items where {len(args)} are annotated")
        return args
    return [args[0]] * count


def _dict_annotations(annotation: object) -> tuple[object, object]:
    args = get_args(annotation)
    if (get_origin(annotation) or annotation) is collections.Counter:
        return (args[0] if args else Any, int)
    return (args[0], args[1]) if len(args) == 2 else (Any, Any)


def _made_dict(annotation: object, value: dict[object, object]) -> object:
    """The very class of dict that the annotation asks for."""
    kind = get_origin(annotation) or annotation
    if kind is collections.defaultdict:
        each = _dict_annotations(annotation)[1]
        return collections.defaultdict(cast(Any, get_origin(each) or each), value)
    if kind in (collections.OrderedDict, collections.Counter):
        return cast(Callable[[object], object], kind)(value)
    if isinstance(kind, type) and not is_anything(kind) and not issubclass(dict, kind):
        raise TypeError(f"it holds a dict, not a {type_name(kind)}")
    return value


def _record_values(value: object) -> dict[str, object]:
    if isinstance(value, pydantic.BaseModel):
        private = value.__pydantic_private__ or {}
        hidden = {f"{PRIVATE}{name}": each for name, each in private.items()}
        return {**value.__dict__, **(value.__pydantic_extra__ or {}), **hidden}
    if isinstance(value, dict):
        return cast(dict[str, object], value)
    if is_named_tuple(type(value)):
        return cast(Any, value)._asdict()
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(cast(Any, value))}


def _made_record(kind: type, values: dict[str, object]) -> object:
    if is_model(kind):
        return _made_model(cast(type[pydantic.BaseModel], kind), values)
    if kind is dict or is_typed_dict(kind):
        return values
    if dataclasses.is_dataclass(kind) and (
        missing := [field.name for field in dataclasses.fields(kind) if field.name not in values]
    ):
        raise TypeError(f"{type_name(kind)} has no value for {', '.join(missing)}")
    return rebuilt(cast(Any, kind), values)


def rebuilt(record: Callable[..., Any], values: Mapping[str, object]) -> object:
    """A record with these fields: those of a dataclass as they were, whatever its constructor makes of them."""
    if not dataclasses.is_dataclass(record):
        return record(**values)
    made = _constructed(cast(type, record), values)
    for name, each in values.items():
        object.__setattr__(made, name, each)
    return made


def _constructed(kind: type, values: Mapping[str, object]) -> object:
    """Made by its constructor, which may compute further attributes, unless that takes more than the fields."""
    own = {field.name for field in dataclasses.fields(cast(Any, kind)) if not field.init}
    if any(_is_init_var(each) for each in cast(Any, kind).__dataclass_fields__.values()):
        return cast(object, object.__new__(kind))
    return cast(Callable[..., object], kind)(**{name: each for name, each in values.items() if name not in own})


def _is_init_var(field: Any) -> bool:
    return field._field_type.name == "_FIELD_INITVAR"


def _made_model(kind: type[pydantic.BaseModel], values: dict[str, object]) -> object:
    """The model as it was: its validators have seen these values before."""
    hidden = {name.removeprefix(PRIVATE): each for name, each in values.items() if name.startswith(PRIVATE)}
    shown = {name: each for name, each in values.items() if not name.startswith(PRIVATE)}
    if missing := kind.model_fields.keys() - shown.keys():
        raise TypeError(f"{type_name(kind)} has no value for {', '.join(sorted(missing))}")
    own = {name: each for name, each in shown.items() if name in kind.model_fields}
    extra = {name: each for name, each in shown.items() if name not in own}
    if extra and kind.model_config.get("extra") != "allow":
        raise TypeError(f"{type_name(kind)} has no field {', '.join(extra)}")
    made = kind.__new__(kind)
    made.__setstate__(
        {
            "__dict__": own,
            "__pydantic_fields_set__": set(shown),
            "__pydantic_extra__": extra if kind.model_config.get("extra") == "allow" else None,
            "__pydantic_private__": hidden if kind.__private_attributes__ else None,
        }
    )
    return made

"""Containers that hold arrays, tensors, files and the like are split into a tree and its leaves, and joined again."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

import pydantic

from .annotations import ANYTHING, fields, is_model, is_named_tuple, is_record, is_typed_dict, members
from .compound_format import NAME, Items, Node, Part, Record, Table, assembled, taken_apart
from .encoded import Buffer, Encoded, type_name
from .errors import BadValue, Undecodable

DEPTH_MAX = 100

Encode = Callable[[object, object, str], Encoded]
Decode = Callable[[str, memoryview, object], object]


class Writer:
    """Splits one value into a tree and parts."""

    __slots__ = ("_encode", "_is_leaf", "_parts")

    def __init__(self, encode: Encode, is_leaf: Callable[[object, object], bool]) -> None:
        """`is_leaf` says whether a value can be encoded as one part."""
        self._encode = encode
        self._is_leaf = is_leaf
        self._parts: list[Encoded] = []

    def write(self, value: object, annotation: object, where: str) -> Sequence[Buffer]:
        """Raises CodecError."""
        tree = self._node(value, annotation, where, 0)
        return assembled(tree, self._parts)

    def _node(self, value: object, annotation: object, where: str, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise BadValue(where, f"it is nested deeper than {DEPTH_MAX}, or contains itself")
        if self._is_leaf(value, annotation):
            return self._leaf(value, annotation, where)
        if is_record(type(value)) or is_typed_dict(_choose(annotation, value)):
            return self._record(value, annotation, where, depth)
        if isinstance(value, dict):
            return self._table(cast(dict[object, object], value), annotation, where, depth)
        if isinstance(value, (list, tuple)):
            items = cast(Sequence[object], value)
            hints = _item_annotations(_choose(annotation, items), len(items))
            return Items(
                [
                    self._node(e, h, f"{where}[{i}]", depth + 1)
                    for i, (e, h) in enumerate(zip(items, hints, strict=True))
                ]
            )
        return self._leaf(value, annotation, where)  # which says what is wrong with it

    def _leaf(self, value: object, annotation: object, where: str) -> int:
        self._parts.append(self._encode(value, annotation, where))
        return len(self._parts) - 1

    def _table(self, value: dict[object, object], annotation: object, where: str, depth: int) -> Table:
        keys, each = _dict_annotations(_choose(annotation, value))
        return Table(
            self._leaf(list(value), list[cast(Any, keys)], f"{where}.keys()"),
            [self._node(item, each, f"{where}[{key!r}]", depth + 1) for key, item in value.items()],
        )

    def _record(self, value: object, annotation: object, where: str, depth: int) -> Record:
        chosen = _choose(annotation, value)
        given = _record_values(value)
        hints = fields(chosen if is_record(get_origin(chosen) or chosen) else type(value))
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
        except (TypeError, ValueError, IndexError) as error:
            raise Undecodable(NAME, str(error)) from error

    def _node(self, node: Node, annotation: object) -> object:
        if isinstance(node, int):
            return self._leaf(node, annotation)
        if isinstance(node, Items):
            return self._items(node, annotation)
        if isinstance(node, Table):
            chosen = _choose(annotation, {})
            keys, each = _dict_annotations(chosen)
            values = [self._node(value, each) for value in node.values]
            pairs = zip(cast(list[object], self._leaf(node.keys, list[cast(Any, keys)])), values, strict=True)
            kind = get_origin(chosen) or chosen
            return _built(kind, dict(pairs), dict)
        return self._record(node, annotation)

    def _leaf(self, index: int, annotation: object) -> object:
        if not 0 <= index < len(self._parts):
            raise Undecodable(NAME, f"it has no part {index}")
        part = self._parts[index]
        end = part.offset + part.size
        if not 0 <= part.offset <= end <= len(self._body):
            raise Undecodable(NAME, f"part {index} is out of range")
        return self._decode(part.codec, self._body[part.offset : end], annotation)

    def _items(self, node: Items, annotation: object) -> object:
        chosen = _choose(annotation, [])
        hints = _item_annotations(chosen, len(node.items))
        items = [self._node(each, hint) for each, hint in zip(node.items, hints, strict=True)]
        return _built(get_origin(chosen) or chosen, items, list)

    def _record(self, node: Record, annotation: object) -> object:
        options = [each for each in members(annotation) if is_record(get_origin(each) or each)]
        exact = [each for each in options if type_name(cast(type, get_origin(each) or each)) == node.kind]
        chosen = (exact or options or [dict])[0]
        hints = fields(chosen) if options else {}
        values = {
            name: self._node(each, hints.get(name, Any)) for name, each in zip(node.names, node.values, strict=True)
        }
        return _record(cast(type, get_origin(chosen) or chosen), values)


def _choose(annotation: object, value: object) -> object:
    """The member of a union that the value belongs to, if one does."""
    options = members(annotation)
    for each in options:
        kind = get_origin(each) or each
        if kind in ANYTHING or not isinstance(kind, type):
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
    return (args[0], args[1]) if len(args) == 2 else (Any, Any)


def _built(kind: object, value: object, plain: type) -> object:
    """Make the container that the annotation asks for, if it is a concrete one."""
    if not isinstance(kind, type) or kind is plain or kind in ANYTHING:
        return value
    if not issubclass(kind, Collection) or issubclass(kind, Mapping) is not isinstance(value, Mapping):
        raise TypeError(f"it holds a {plain.__name__}, not a {type_name(cast(type, kind))}")
    if getattr(cast(type, kind), "__abstractmethods__", ()):
        return value
    return cast(Callable[[object], object], kind)(value)


def _record_values(value: object) -> dict[str, object]:
    if isinstance(value, pydantic.BaseModel):
        return {**value.__dict__, **(value.__pydantic_extra__ or {})}
    if isinstance(value, dict):
        return cast(dict[str, object], value)
    if is_named_tuple(type(value)):
        return cast(Any, value)._asdict()
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(cast(Any, value))}


def _record(kind: type, values: dict[str, object]) -> object:
    if is_model(kind):
        return cast(type[pydantic.BaseModel], kind).model_validate(values, by_alias=False, by_name=True)
    if not dataclasses.is_dataclass(kind):
        return cast(Callable[..., object], kind)(**values)
    own = {field.name for field in dataclasses.fields(kind) if not field.init}
    made = cast(Callable[..., object], kind)(**{name: each for name, each in values.items() if name not in own})
    for name in own & values.keys():
        object.__setattr__(made, name, values[name])
    return made

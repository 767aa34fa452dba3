"""A value as its encoded parts: what is saved or looked up without the classes that made it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1 import value_pb2

from .. import codecs
from ..codecs import compound_format
from . import expressions
from .float_words import Declared

Read = Callable[[value_pb2.Value], memoryview]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One encoded value."""

    codec: str
    data: memoryview = field(repr=False)
    type_name: str = ""
    declared: Declared | None = None

    def decoded(self) -> Any:
        """Return the value; raises CodecError, and ImportError where its library is missing."""
        value = codecs.decode(self.codec, self.data, codecs.plain_class(self.codec, self.type_name))
        return value if self.codec != "json" or self.declared is None else self.declared.exact(value)


@dataclass(frozen=True, slots=True)
class Branch:
    """A list, a dict or a record, whose parts have names; those of a list are their positions."""

    kind: str
    names: Sequence[str]
    parts: Sequence[Tree]
    type_name: str = ""

    def items(self) -> Iterator[tuple[str, Tree]]:
        return zip(self.names, self.parts, strict=True)

    def part(self, name: str) -> Tree | None:
        return next((part for each, part in self.items() if each == name), None)


Tree = Leaf | Branch


def of_value(value: value_pb2.Value, data: memoryview, declared: Declared | None = None) -> Tree:
    """Return a value's parts; raises CodecError."""
    if value.codec != compound_format.NAME:
        return Leaf(value.codec, data, value.type_name, declared)
    header, body = compound_format.taken_apart(data)
    leaves = [Leaf(part.codec, body[part.offset : part.offset + part.size], part.type_name) for part in header.parts]
    return _of_node(header.tree, leaves)


def of_expression(expr: plan_pb2.Expr, values: expressions.Recorded, read: Read, plan: plan_pb2.Plan) -> Tree:
    """Return the parts of what a workflow put together; raises CodecError and BadOutput."""
    if (value := expressions.lookup(expr, values)) is not None:
        return of_value(value, read(value), Declared(plan, expr))

    def part(one: plan_pb2.Expr) -> Tree:
        return of_expression(one, values, read, plan)

    match expr.WhichOneof("kind"):
        case "choice":
            return part(expressions.taken(expr, values))
        case "mapping":
            keys = [str(_leaf(part(key)).decoded()) for key in expr.mapping.keys]
            return Branch("dict", keys, [part(each) for each in expr.mapping.values])
        case "record":
            kind = plan.types[expr.record.type].qualname
            return Branch("record", list(expr.record.names), [part(each) for each in expr.record.values], kind)
        case _:
            return _list([part(each) for each in expr.sequence.items])


def _of_node(node: compound_format.Node, leaves: Sequence[Leaf]) -> Tree:
    if isinstance(node, int):
        return leaves[node]
    if isinstance(node, compound_format.Member):
        return _of_node(node.node, leaves)
    if isinstance(node, compound_format.Items):
        return _list([_of_node(each, leaves) for each in node.items])
    parts = [_of_node(each, leaves) for each in node.values]
    if isinstance(node, compound_format.Table):
        return Branch("dict", [str(key) for key in leaves[node.keys].decoded()], parts)
    return Branch("record", node.names, parts, node.kind)


def _list(parts: Sequence[Tree]) -> Branch:
    return Branch("list", [str(index) for index in range(len(parts))], parts)


def _leaf(tree: Tree) -> Leaf:
    if isinstance(tree, Branch):
        raise codecs.Undecodable(compound_format.NAME, "a key of a dict has parts")
    return tree


def is_json(tree: Tree) -> bool:
    """Whether all parts are JSON: they are parts since nothing was annotated, or to keep their classes."""
    return tree.codec == "json" if isinstance(tree, Leaf) else all(map(is_json, tree.parts))


def json_of(tree: Tree) -> Any:
    """Return the JSON of a value of which `is_json` holds."""
    if isinstance(tree, Leaf):
        return expressions.plain_json(tree.data)
    parts = [json_of(part) for part in tree.parts]
    return parts if tree.kind == "list" else dict(zip(tree.names, parts, strict=True))


def plain(tree: Tree) -> Any:
    """Return Python values: lists, dicts by name, and what the leaves decode to."""
    if isinstance(tree, Leaf):
        return tree.decoded()
    if tree.kind == "list":
        return [plain(part) for part in tree.parts]
    return {name: plain(part) for name, part in tree.items()}


def part_of(value: Any, name: str) -> Any:
    """Return the part of a plain value with this name or position; raises KeyError with the names that there are."""
    if isinstance(value, Mapping):
        named = {str(key): each for key, each in cast("Mapping[Any, Any]", value).items()}
    elif dataclasses.is_dataclass(value):  # one of Penstock's own, such as a Model
        named = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    elif isinstance(value, list | tuple):
        named = {str(index): each for index, each in enumerate(cast("Sequence[Any]", value))}
    else:
        raise KeyError("it has no parts")
    if name not in named:
        raise KeyError(f"its parts are {', '.join(list(named)[:20]) or 'none'}")
    return named[name]

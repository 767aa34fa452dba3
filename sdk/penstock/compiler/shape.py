"""What a workflow returns, as the outputs of its plan, and back again as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import typing_extensions

from ..codecs.compound import rebuilt
from ..declare.annotations import ANYTHING, class_of, is_record, members, record_fields, unwrap
from ..declare.signatures import MISSING, RESULT, fields_of
from .containers import inferred
from .future import WHOLE, Future


@dataclass(frozen=True, slots=True)
class Result:
    """One output of a workflow."""

    name: str
    annotation: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Shape:
    """How the workflow's outputs go together to what it returned."""

    annotations: dict[str, Any]  # of the outputs, by name
    build: Callable[[Mapping[str, Any]], Any]

    def __call__(self, outputs: Mapping[str, Any]) -> Any:
        """The value that the workflow returns, given its outputs by name."""
        return self.build(outputs)


def results_of(value: Any, annotation: Any) -> tuple[list[Result], Shape]:
    """Outputs of a workflow that returned `value`: one for each field or key, or a single one, or none."""
    declared = Any if annotation is MISSING else annotation
    nothing = value is None or (type(value) is Future and not value.penstock_origin.outputs)
    if nothing and annotation in (MISSING, None, type(None)):
        return [], Shape({}, lambda outputs: None)
    if (parts := _fields(value, annotation)) is not None:
        cls, results = parts
        return results, _shape(results, lambda outputs: rebuilt(cls, outputs))
    if _is_named(value):
        item = _item_annotations(declared)
        named = cast("dict[str, Any]", value)
        results = [Result(name, _most_exact(item(name), part), part) for name, part in named.items()]
        return results, _shape(results, dict)
    results = [Result(RESULT, _most_exact(declared, value), value)]
    return results, _shape(results, lambda outputs: outputs[RESULT])


def _most_exact(annotation: Any, value: Any) -> Any:
    """What is declared; where that says nothing, what the value itself says, so that it reads back as what it was."""
    return inferred(value) if annotation in ANYTHING else annotation


def _shape(results: list[Result], build: Callable[[Mapping[str, Any]], Any]) -> Shape:
    return Shape({result.name: result.annotation for result in results}, build)


def _fields(value: Any, annotation: Any) -> tuple[Callable[..., Any], list[Result]] | None:
    """An output for each field, if the value is a record that the annotation admits, or all outputs of one node."""
    cls = class_of(type(value))
    if cls is Future:
        if value.penstock_output != WHOLE:
            return None
        cls = class_of(value.penstock_annotation)
    hints = fields_of(cls)
    if not hints or (annotation is not MISSING and cls is not annotation):
        return None
    return cls, [Result(name, hint, getattr(value, name)) for name, hint in hints.items()]


def _is_named(value: Any) -> bool:
    names = cast("dict[Any, Any]", value)
    return (
        isinstance(value, dict) and bool(names) and all(isinstance(name, str) and name.isidentifier() for name in names)
    )


def _item_annotations(annotation: Any) -> Callable[[str], Any]:
    """The annotation of each key: of a TypedDict's fields, or the dict's values; Any where nothing is said."""
    for member in members(annotation):
        plain, _ = unwrap(member)
        origin = typing_extensions.get_origin(plain) or plain
        if is_record(origin) and typing_extensions.is_typeddict(origin):
            hints = {field.name: field.annotation for field in record_fields(plain)}
            return lambda name: hints.get(name, Any)
        args = typing_extensions.get_args(plain)
        if len(args) == 2 and isinstance(origin, type) and issubclass(origin, Mapping):
            return lambda name: args[1]
    return lambda name: Any

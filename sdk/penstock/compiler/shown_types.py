"""Annotations in the form of which pydantic can make a JSON Schema.

What JSON cannot show carries its schema with it; a record that holds such a type is shown by a model of the same
fields.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Union, cast, get_args, get_origin

from ..declare.annotations import class_of, is_model, is_named_tuple, is_record, record_fields, unwrap

KindOf = Callable[[Any], "dict[str, Any] | None"]  # the schema of what JSON cannot show, None for all else


def shown(annotation: Any, kind_of: KindOf, within: tuple[Any, ...] = ()) -> Any:
    """Return an annotation for pydantic; the same one if pydantic shows all of it by itself.

    Args:
        within: The records around it.
    """
    plain, metadata = unwrap(annotation)
    made = _plain(plain, kind_of, within)
    if made is plain:
        return annotation
    return Annotated[(made, *metadata)] if metadata else made


def _plain(annotation: Any, kind_of: KindOf, within: tuple[Any, ...]) -> Any:
    from pydantic import WithJsonSchema

    if (kind := kind_of(annotation)) is not None:
        return Annotated[Any, WithJsonSchema(kind)]
    cls = class_of(annotation)
    if is_record(cls):
        # A NamedTuple is a list in JSON, a recursive class would never end: pydantic shows them as well as it can.
        return annotation if is_named_tuple(cls) or cls in within else _record(annotation, cls, kind_of, (*within, cls))
    args = get_args(annotation)
    if not args or get_origin(annotation) is typing.Literal:
        return annotation
    made = tuple(each if each is Ellipsis else shown(each, kind_of, within) for each in args)
    if all(new is old for new, old in zip(made, args, strict=True)):
        return annotation
    return Union[made] if cls in (Union, types.UnionType) else cls[made]  # noqa: UP007 - their number is not known


def _record(annotation: Any, cls: Any, kind_of: KindOf, within: tuple[Any, ...]) -> Any:
    from pydantic import ConfigDict, create_model

    fields = record_fields(annotation)
    made = {field.name: shown(field.annotation, kind_of, within) for field in fields}
    changed = [field for field in fields if made[field.name] is not field.annotation]
    if not changed:
        return annotation
    create = cast("Callable[..., Any]", create_model)
    doc = cls.__doc__ if not (cls.__doc__ or "").startswith(f"{cls.__name__}(") else None  # written by `dataclass`
    if is_model(cls):
        infos = cls.model_fields
        return create(
            cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=doc,
            **{field.name: (made[field.name], infos[field.name]) for field in changed},
        )  # fmt: skip
    return create(
        cls.__name__,
        __config__=ConfigDict(arbitrary_types_allowed=True),
        __module__=cls.__module__,
        __doc__=doc,
        **{field.name: (made[field.name], _default(cls, field.name, field.required)) for field in fields},
    )


def _default(cls: Any, name: str, is_required: bool) -> Any:
    if is_required:
        return ...
    from pydantic import Field

    if dataclasses.is_dataclass(cls):
        field = next(each for each in dataclasses.fields(cls) if each.name == name)
        if field.default_factory is not dataclasses.MISSING:
            return Field(default_factory=field.default_factory)
        return field.default
    return Field(default_factory=lambda: None)  # a key of a TypedDict that may be absent has no default to show

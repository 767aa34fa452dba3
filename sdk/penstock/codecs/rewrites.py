"""Annotations in the form that pydantic takes."""

import types
from typing import Annotated, Any, Union, cast, get_args, get_origin

import typing_extensions

from .annotations import MAPPINGS, SEQUENCES, fields, is_typed_dict, required_fields


def for_pydantic(annotation: object) -> object:
    """TypedDicts are given to pydantic in the form that it takes on Python 3.11."""
    origin, args = get_origin(annotation), get_args(annotation)
    if is_typed_dict(annotation):
        return _typed_dict(cast(type, annotation))
    if origin is Annotated:
        return Annotated[(cast(Any, for_pydantic(args[0])), *args[1:])]  # pyright: ignore[reportInvalidTypeArguments]
    if origin in (Union, types.UnionType):
        return Union[tuple(for_pydantic(each) for each in args)]  # pyright: ignore[reportInvalidTypeArguments] # noqa: UP007
    if args and (origin in SEQUENCES or origin in MAPPINGS):
        return cast(Any, origin)[tuple(each if each is Ellipsis else for_pydantic(each) for each in args)]
    return annotation


def _typed_dict(kind: type) -> object:
    if type(cast(object, kind)).__module__ == "typing_extensions":
        return kind
    required = required_fields(kind)
    made = {
        name: cast(Any, typing_extensions.Required if name in required else typing_extensions.NotRequired)[
            for_pydantic(hint)
        ]
        for name, hint in fields(kind).items()
    }
    return typing_extensions.TypedDict(kind.__name__, made)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

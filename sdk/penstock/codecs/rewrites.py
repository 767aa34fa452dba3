"""Annotations in the form that pydantic needs to write values the way we want."""

import types
from typing import Annotated, Any, Union, cast, get_args, get_origin

import pydantic
import pydantic_core
import typing_extensions

from .annotations import MAPPINGS, SEQUENCES, is_typed_dict

SETS: frozenset[object] = frozenset({set, frozenset})


def for_pydantic(annotation: object) -> object:
    """Sets are written in order, and TypedDicts are given to pydantic in the form that it takes on Python 3.11."""
    origin, args = get_origin(annotation), get_args(annotation)
    if (origin or annotation) in SETS:
        return Annotated[cast(Any, annotation), pydantic.WrapSerializer(_in_order)]
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
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    required = cast(Any, kind).__required_keys__
    made = {
        name: cast(Any, typing_extensions.Required if name in required else typing_extensions.NotRequired)[
            for_pydantic(_bare(hint))
        ]
        for name, hint in hints.items()
    }
    return typing_extensions.TypedDict(kind.__name__, made)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


def _bare(hint: object) -> object:
    return (
        get_args(hint)[0] if get_origin(hint) in (typing_extensions.Required, typing_extensions.NotRequired) else hint
    )


def _in_order(value: Any, write: pydantic.SerializerFunctionWrapHandler) -> list[Any]:
    written: list[Any] = list(write(value))
    try:
        return sorted(written)
    except TypeError:
        return sorted(written, key=lambda each: pydantic_core.to_json(each, inf_nan_mode="constants"))

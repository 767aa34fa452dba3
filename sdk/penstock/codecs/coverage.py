"""Which annotations no codec carries, found before anything is computed."""

import enum
import functools
import sys
from collections.abc import Iterator
from typing import Any, cast, get_args, get_origin

import pydantic

from . import registry
from .annotations import (
    ABSTRACT_LISTS,
    ABSTRACT_MAPPINGS,
    ABSTRACT_SETS,
    EXACT,
    MAPPINGS,
    SEQUENCES,
    fields,
    is_anything,
    is_literal,
    is_record,
    is_typed_dict,
    members,
)
from .encoded import annotation_name

CONTAINERS = SEQUENCES | MAPPINGS | ABSTRACT_LISTS | ABSTRACT_SETS | ABSTRACT_MAPPINGS
ARBITRARY = pydantic.ConfigDict(arbitrary_types_allowed=True)
MAKE_DATA = "make it a dataclass, or register a codec for it (docs/data.md)"


def uncarried(annotation: object, *, taken: bool = False) -> str:
    """Why no value of this annotation can go from one operator to another; empty if some can.

    Args:
        taken: It is an argument's: a class that is not carried itself may have classes below it that are.
    """
    return next(_problems(annotation, taken, []), "")


def _problems(annotation: object, taken: bool, seen: list[object]) -> Iterator[str]:
    for kind in members(annotation):
        if kind is None or kind in seen or is_anything(kind) or is_literal(kind):
            continue
        seen.append(kind)
        origin = get_origin(kind) or kind
        if not isinstance(origin, type):
            continue
        found = registry.find(origin)
        if isinstance(found, registry.Refusal):
            yield f"{annotation_name(origin)} has no codec: {found.remedy}"
        elif found is None:
            if origin not in CONTAINERS and not is_record(origin) and not _is_known(origin):
                if not (taken and _has_carried_subclass(origin)):
                    yield f"{annotation_name(origin)} has no codec: {MAKE_DATA}"
                continue
            parts = fields(kind).values() if is_record(origin) else get_args(kind)
            if is_record(origin) and any(_is_typed_dict_of_typing(each) for each in parts):
                yield f"{annotation_name(origin)} has a TypedDict: import TypedDict from typing_extensions"
            for each in parts:
                if each is not Ellipsis:
                    yield from _problems(each, taken, seen)


def _is_typed_dict_of_typing(annotation: object) -> bool:
    """Whether pydantic does not take it within a record, before Python 3.12."""
    return sys.version_info < (3, 12) and any(
        is_typed_dict(each) and type(each).__module__ == "typing" for each in members(annotation)
    )


def _is_known(cls: type[Any]) -> bool:
    return cls in EXACT or cls is type(None) or issubclass(cls, enum.Enum) or _is_known_to_pydantic(cls)


@functools.lru_cache(maxsize=4096)
def _is_known_to_pydantic(cls: type[Any]) -> bool:
    """Whether pydantic writes and reads values of the class; each is compared where it is returned."""
    if issubclass(cls, (pydantic.SecretStr, pydantic.SecretBytes)):
        return False
    try:
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(cls, config=ARBITRARY)
    except (pydantic.errors.PydanticUserError, NameError, TypeError):
        return False
    return cast(Any, adapter.core_schema).get("type") not in ("is-instance", "callable", "is-subclass")


def _has_carried_subclass(cls: type) -> bool:
    return any(
        is_record(each) or registry.find(each) is not None or _has_carried_subclass(each)
        for each in type.__subclasses__(cls)
    )

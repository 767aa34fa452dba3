"""Inputs whose values are known when a workflow is compiled, so that they may shape its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

from .signatures import Signature

T = TypeVar("T")


class _Static:
    def __repr__(self) -> str:
        return "Static"


STATIC: Final = _Static()
# `folds: Static[int]`: an int for type checkers, and in the body of the workflow.
Static = Annotated[T, STATIC]


def is_static(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and STATIC in get_args(annotation)[1:]


def plain(annotation: Any) -> Any:
    """The annotation without the mark."""
    if not is_static(annotation):
        return annotation
    inner, *metadata = get_args(annotation)
    left = tuple(each for each in metadata if each is not STATIC)
    return Annotated[(inner, *left)] if left else inner


def names_of(signature: Signature) -> list[str]:
    """The parameters that are static."""
    return [name for name, each in signature.parameters.items() if is_static(each.annotation)]


def chosen(signature: Signature, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the inputs that are static."""
    return {name: inputs[name] for name in names_of(signature) if name in inputs}

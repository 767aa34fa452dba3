"""Pydantic models with futures in them: while a workflow is traced, a model may be built from futures.

A future is no int, so a model's own validation would refuse it, and nothing about the model's class can change that.
So for the time of a compilation `BaseModel.__init__` lets data with futures past the validation: names are checked,
defaults filled in; the type checker compares each future with its field, and literals are validated as they are
encoded. The complete model is validated as ever when the operator gets it, with its values.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

from ..declare.annotations import class_of, record_fields
from ..declare.modules import user_frame
from ..declare.recorder import current
from ..errors import CompileError, CompileErrors
from .containers import holds_future

_lock = threading.Lock()
_compilations = 0


@contextlib.contextmanager
def admit_futures() -> Generator[None]:
    """Models may hold futures within this block, in this thread; others only pay a look at a context variable."""
    if "pydantic" not in sys.modules:  # then nobody has a model
        yield
        return
    _replace(+1)
    try:
        yield
    finally:
        _replace(-1)


def _replace(change: int) -> None:
    """Put our constructor in place for the first compilation under way, and the original back after the last."""
    global _compilations
    from pydantic import BaseModel

    with _lock:
        _compilations += change
        if change > 0 and _compilations == 1:
            BaseModel.__init__ = _admitting(BaseModel.__init__)
        elif _compilations == 0:
            BaseModel.__init__ = BaseModel.__init__.__wrapped__  # type: ignore[attr-defined]  # pyright: ignore


def _admitting(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Any, /, **data: Any) -> None:
        if current.get() is None or not holds_future(data):
            return original(self, **data)
        _fill(self, data, user_frame(1))

    # Pydantic treats a class whose __init__ lacks this mark as one that overrides it.
    init.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # pyright: ignore
    return init


def _fill(model: Any, data: dict[str, Any], frame: FrameType) -> None:
    """Do what validation does, apart from looking at values."""
    cls = class_of(type(model))
    values: dict[str, Any] = {}
    given = dict(data)
    problems: list[str] = []
    for field in record_fields(cls):
        if field.key in given:
            values[field.name] = given.pop(field.key)
        elif field.required:
            problems.append(f"{field.key} is missing")
        else:
            default = cls.model_fields[field.name].get_default(call_default_factory=True, validated_data=values)
            values[field.name] = default
    problems += [f"unknown field {name}" for name in given]
    if problems:
        name = cls.__name__
        error = CompileError("; ".join(problems), operator=name, file=frame.f_code.co_filename, line=frame.f_lineno)
        raise CompileErrors("", [error])
    set_ = object.__setattr__
    set_(model, "__dict__", values)
    set_(model, "__pydantic_fields_set__", values.keys() & data.keys())
    set_(model, "__pydantic_extra__", None)
    set_(model, "__pydantic_private__", None)

"""How far an operator is, as it says itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast, overload

from .context import Execution, current

Item = TypeVar("Item")


@overload
def progress(done: float, total: float | None = None, text: str = "") -> None: ...
@overload
def progress(done: Iterable[Item], total: float | None = None, text: str = "") -> Iterator[Item]: ...
def progress(done: Any, total: float | None = None, text: str = "") -> Iterator[Any] | None:
    """Say how far the operator is: `progress(3, 10, "loss 0.21")`, or `for epoch in progress(range(10)):`.

    `penstock run`, `show` and `logs` show the latest; each call replaces the one before, and costs about a
    microsecond. Where an operator is called as a plain function, nothing is said.

    Args:
        done: How much is done, or what a loop goes through: how much of it is done is said as the loop goes on.
        total: How much there is to do; None: unknown, or the length of `done`.
        text: A few words, such as what is being done; only its first 400 bytes are shown.

    Raises:
        NotInOperator: It was called in the body of a workflow.
    """
    execution = current("progress")
    if type(done) is int or type(done) is float or _is_number(done):
        if execution is not None:
            execution.report(float(done), math.nan if total is None else float(total), text)
        return None
    if not isinstance(done, Iterable):
        raise TypeError(f"invalid progress {done!r:.80}: expected a number, or what a loop can go through")
    items = cast("Iterable[Any]", done)
    if execution is None:
        return iter(items)
    if total is None:
        total = len(cast(Any, items)) if hasattr(items, "__len__") else math.nan
    return _reported(items, float(total), text, execution)


def _is_number(value: Any) -> bool:
    """Whether it is one number, also of NumPy or PyTorch."""
    return hasattr(value, "__float__") and not getattr(value, "ndim", 0)


def _reported(items: Iterable[Item], total: float, text: str, execution: Execution) -> Iterator[Item]:
    done = 0
    for item in items:
        execution.report(done, total, text)
        yield item
        done += 1
    execution.report(done, total, text)

"""What the run decides: `operator.map` and `workflow.map` over lists, `when` and `match`, `repeat`.

In a workflow that is compiled they add nodes; elsewhere they are plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from ..errors import InvalidDeclaration
from ..item_failures import ItemFailure, Kept, MapOptions, check_share
from .modules import frame_at
from .recorder import current

T = TypeVar("T")
U = TypeVar("U")

ROUNDS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Each:
    """A list that is given by name to `map`, which takes its items."""

    items: Any


def each(items: Iterable[T]) -> T:
    """Mark an argument of `map` that is given by name: its items are taken, one for each call.

    score.map(model=each(models), data=data)
    """
    return cast("T", Each(items))


def map_plain(
    call: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: MapOptions
) -> list[Any] | Kept[Any]:
    """What a map is in plain Python; raises ValueError if the lists have different lengths."""
    lists = {name: value.items for name, value in kwargs.items() if isinstance(value, Each)}
    fixed = {name: value for name, value in kwargs.items() if not isinstance(value, Each)}
    if not args and not lists:
        raise TypeError("map needs a list to take the items of")
    rows = list(zip(*args, *lists.values(), strict=True))
    count = len(args)
    results: list[Any] = []
    failures: list[ItemFailure] = []
    for index, row in enumerate(rows):
        try:
            results.append(call(*row[:count], **dict(zip(lists, row[count:], strict=True)), **fixed))
        except Exception as error:
            if options.on_item_failure not in ("skip", "keep"):
                raise
            failures.append(ItemFailure(index, type(error).__name__, str(error), 1))
    check_share(len(failures), len(rows), options.success_min)
    return Kept(results, failures) if options.on_item_failure == "keep" else results


def when(condition: bool, then: Callable[[], T] | T, otherwise: Callable[[], U] | U = None) -> T | U:
    """Take one of two sides, by a value that the run has: `when(is_good(model), lambda: deploy(model), None)`.

    Both sides are traced and checked; only the one that is taken is executed, and the nodes of the other are recorded
    as not taken.

    Args:
        condition: A future of a bool.
        then, otherwise: What is called in the workflow's body to trace the side; or a value as it is.

    Returns:
        What the side that is taken has; its type is the union of both.
    """
    trace = current.get()
    if trace is None:
        return _taken(then if condition else otherwise)
    return trace.branch("when", condition, None, (then, otherwise), frame_at(1))


def match(value: Any, cases: Mapping[Any, Callable[[], T] | T], otherwise: Callable[[], T] | T | None = None) -> T:
    """Take the side of the case that a value of the run equals: of a Literal, an Enum, a str, an int or a bool.

    Args:
        value: A future.
        cases: For each value what `when` takes as a side. All values of a Literal or Enum must be among them, unless
            `otherwise` is given, the side for all others.
    """
    trace = current.get()
    if trace is None:
        return cast("T", _taken(cases[value] if value in cases or otherwise is None else otherwise))
    sides = [*cases.values()] if otherwise is None else [*cases.values(), otherwise]
    return trace.branch("match", value, list(cases), sides, frame_at(1))


def repeat(body: Callable[[T], T], state: T, *, until: Callable[[T], bool], rounds_max: int) -> T:
    """Call `body` on the state again and again, until `until` says of the new state that it is done.

    Each round is a part of the plan, and only the rounds that are needed are executed. After `rounds_max` rounds, at
    most 50, the state is taken as it is.

    Args:
        body: Takes the state and returns the next one: an operator, a workflow, or a function that calls some.
        until: Takes a state and returns a bool: an operator, or a function that calls some.

    Raises:
        InvalidDeclaration: `rounds_max` is not from 1 to 50.
    """
    if not 1 <= rounds_max <= ROUNDS_MAX:
        raise InvalidDeclaration(f"rounds_max must be from 1 to {ROUNDS_MAX}, given {rounds_max}")
    trace, frame = current.get(), frame_at(1)

    def after(number: int, reached: T) -> T:
        if number == rounds_max:
            return reached
        done = until(reached)
        if trace is None:
            return reached if done else after(number + 1, body(reached))
        return trace.branch("repeat", done, None, (reached, lambda: after(number + 1, body(reached))), frame)

    return after(1, body(state))


def _taken(side: Any) -> Any:
    return side() if callable(side) else side

"""What becomes of the items of a map that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast, get_args

from .errors import InvalidDeclaration

R = TypeVar("R")

# More items than this are open at no time.
CONCURRENCY_MAX = 1_000_000

OnItemFailure = Literal["fail", "skip", "keep"]


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One item that failed for good.

    Attributes:
        index: The item's number in the list that is mapped.
        kind: The class of the exception, or the cause: "timeout", "out of memory".
        attempts: How often it was tried.
    """

    index: int
    kind: str
    message: str
    attempts: int


class Kept(NamedTuple, Generic[R]):
    """What `map(..., on_item_failure="keep")` has: the results of items that succeeded, and how the others failed."""

    results: list[R]
    failures: list[ItemFailure]


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a map treats its items.

    Raises:
        InvalidDeclaration: They do not go together, or are out of their range.
    """

    on_item_failure: OnItemFailure | None = None
    success_min: float = 0.0
    concurrency: int | None = None

    def __post_init__(self) -> None:
        known = get_args(OnItemFailure)
        if self.on_item_failure is not None and self.on_item_failure not in known:
            raise InvalidDeclaration(
                f"on_item_failure must be one of {', '.join(known)}, given {self.on_item_failure!r}"
            )
        most = cast("Any", self.concurrency)
        if most is not None and (type(most) is not int or not 1 <= most <= CONCURRENCY_MAX):
            raise InvalidDeclaration(f"concurrency is a number of items from 1 to {CONCURRENCY_MAX:,}, given {most!r}")
        share = cast("Any", self.success_min)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise InvalidDeclaration(f"success_min is a share from 0 to 1, given {share!r}")
        if share and self.on_item_failure not in ("skip", "keep"):
            raise InvalidDeclaration('success_min needs on_item_failure="skip" or "keep": else all items must succeed')


class TooFewSucceeded(ValueError):
    """Fewer items of a map succeeded than had to."""


def check_share(failed: int, items: int, success_min: float) -> None:
    """Raise TooFewSucceeded unless so many items may fail."""
    succeeded = items - failed
    if items and succeeded < success_min * items:
        raise TooFewSucceeded(
            f"{succeeded:,} of {items:,} items succeeded ({succeeded / items:.0%}), "
            f"fewer than success_min={success_min:g}"
        )

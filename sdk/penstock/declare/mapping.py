"""`operator.map` and `workflow.map`: a call for each item of a list that only the run has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, TypeVar, cast, overload

from ..item_failures import Kept, MapOptions, OnItemFailure
from . import modules
from .control import map_plain
from .recorder import current

R = TypeVar("R")


class Mappable(Generic[R]):
    """What can be called for each item of a list.

    Attributes:
        fn: The plain function.
    """

    fn: Callable[..., R]

    @overload
    def map(
        self,
        *lists: Iterable[Any],
        on_item_failure: Literal["fail", "skip"] | None = None,
        success_min: float = 0.0,
        concurrency: int | None = None,
        **arguments: Any,
    ) -> list[R]: ...

    @overload
    def map(
        self,
        *lists: Iterable[Any],
        on_item_failure: Literal["keep"],
        success_min: float = 0.0,
        concurrency: int | None = None,
        **arguments: Any,
    ) -> Kept[R]: ...

    def map(
        self,
        *lists: Iterable[Any],
        on_item_failure: OnItemFailure | None = None,
        success_min: float = 0.0,
        concurrency: int | None = None,
        **arguments: Any,
    ) -> list[R] | Kept[R]:
        """Call it for each item of a list that the run makes; the results are a list, in the order of the items.

        An operator has a node for each item, and a workflow all of its nodes: each item goes through it by itself.

        Positional arguments are lists, whose items are taken in step; arguments by name are the same for each call,
        unless `penstock.each(...)` marks a list. A map of a map's results has no barrier between the two: each item
        goes on by itself.

        Args:
            on_item_failure: What an item that fails for good does. "fail", the default: the list fails, too. "skip": it
                is left out. "keep": it is left out, and the map returns `Kept`, the results and a list of ItemFailure.
            success_min: The share of the items that must succeed, where others may fail.
            concurrency: Items that are open at the same time, at most. One is open until all of its nodes have ended.

        Raises:
            InvalidDeclaration: An option is unknown or out of its range.
        """
        trace, options = current.get(), MapOptions(on_item_failure, success_min, concurrency)
        if trace is None:
            return map_plain(self.fn, lists, arguments, options)
        return cast("list[R]", trace.map(self, lists, arguments, options, modules.frame_at(1)))

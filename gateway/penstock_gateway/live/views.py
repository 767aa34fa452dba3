"""Runs folded from their events, kept for those who ask again: only what is new is read."""

import asyncio
import uuid
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from penstock.client import NoSuchRun, RunView

from ..upstream import Upstream

# Of all views together; the one that was asked for longest ago is dropped first.
NODES_MAX: Final = 200_000


@dataclass(slots=True)
class _Kept:
    view: RunView
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Views:
    """Views of runs; those who ask at the same time share one read."""

    def __init__(self, client: Upstream) -> None:
        self._client = client
        self._kept: OrderedDict[uuid.UUID, _Kept] = OrderedDict()
        self._nodes = 0

    async def get(self, run_id: uuid.UUID) -> RunView:
        """Return the run as it is now, not to be changed; raise NoSuchRun."""
        kept = self._kept.get(run_id)
        is_reopened = False
        if kept is None or kept.view.state.ended:  # which says nothing new, unless it was removed
            try:
                summary = await self._client.summary(run_id)
            except NoSuchRun:
                self._forget(run_id)
                raise
            plan = await self._client.plan(summary.plan)
            kept = self._kept.get(run_id) or self._keep(run_id, RunView(plan, run_id.bytes))
            is_reopened = summary.last_seq != kept.view.seq
        if run_id in self._kept:
            self._kept.move_to_end(run_id)
        async with kept.reading:
            view = kept.view
            if is_reopened or not view.state.ended:
                async with aclosing(self._client.events(run_id, after_seq=view.seq, follow=False)) as batches:
                    async for batch in batches:
                        view.apply_all(batch)
        return view

    def _forget(self, run_id: uuid.UUID) -> None:
        dropped = self._kept.pop(run_id, None)
        if dropped is not None:
            self._nodes -= len(dropped.view.nodes)

    def _keep(self, run_id: uuid.UUID, view: RunView) -> _Kept:
        kept = self._kept[run_id] = _Kept(view)
        self._nodes += len(view.nodes)
        while self._nodes > NODES_MAX and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._nodes -= len(dropped.view.nodes)
        return kept

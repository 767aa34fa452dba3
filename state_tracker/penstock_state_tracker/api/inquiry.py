"""The runs whose results one caller waits for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.answers import Answer
from penstock_service.database import Row

from ..errors import BadRequest, NotOwner, RunNotFound, RunRemoved, ShardAway
from ..log import event_log as logs
from ..log.shard_state import Listener, Owned
from ..ownership.routing import Routing
from . import teams
from .lookup import Lookup
from .results import Ended, Results, messages, refused

RUNS_MAX: Final = 100_000
# Runs looked up at once; a caller that names more waits for its turn.
RUNS_AT_ONCE: Final = 1_000


@dataclass(slots=True)
class Asked:
    shard: int
    # None: another's shard, of which only what has ended can be told.
    owned: Owned | None
    listener: Listener
    plan: bytes = b""


class Inquiry:
    """Each requested run is answered once: with its end, or with the reason why it is unknown here."""

    def __init__(self, routing: Routing, lookup_of: Callable[[int], Lookup]) -> None:
        self._routing = routing
        self._lookup_of = lookup_of
        self._asked: dict[bytes, Asked] = {}
        self._ended: list[Ended] = []
        self._refused: list[api.RunResult] = []
        self._news = asyncio.Event()
        self._is_complete = False

    async def ask(self, run_ids: Sequence[bytes]) -> None:
        """Wait for these, too. Raises BadRequest if they are too many."""
        if len(self._asked) + len(run_ids) > RUNS_MAX:
            raise BadRequest(f"a stream returns the results of at most {RUNS_MAX:,} runs; open another stream")
        new = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in self._asked]
        for run_id in await teams.hidden(self._routing, self._lookup_of, new):
            new.remove(run_id)
            self._refuse(run_id, RunNotFound(run_id))
        for at in range(0, len(new), RUNS_AT_ONCE):
            # What ends while the rows are read is heard of.
            listening = [run_id for run_id in new[at : at + RUNS_AT_ONCE] if self._listen(run_id)]
            await self._look_up(listening)

    def complete(self) -> None:
        """No more will be asked for."""
        self._is_complete = True
        self._news.set()

    def close(self) -> None:
        """Drop the waiters."""
        for run_id in list(self._asked):
            self._forget(run_id)
        self.complete()

    async def answers(self, results: Results) -> AsyncIterator[api.ResultsResponse]:
        """Yield results as runs end, until all requests are answered and no more can come."""
        while True:
            ended, self._ended = self._ended, []
            told, self._refused = self._refused, []
            if ended:
                told += await results.of(ended)
            for message in messages(told) if told else ():
                yield message
            if self._ended or self._refused:
                continue
            if self._is_complete and not self._asked:
                return
            await self._news.wait()
            self._news.clear()

    def _listen(self, run_id: bytes) -> bool:
        try:
            shard = self._routing.shard(run_id)
            owned = self._owned(shard)
        except Answer as error:
            self._refuse(run_id, error)
            return False

        def listener(kind: int, seq: int) -> None:
            if kind == logs.RUN_ENDED:
                self._end(run_id, seq)
            elif not kind:
                self._refuse(run_id, ShardAway(shard))

        self._asked[run_id] = Asked(shard, owned, listener)
        if owned is not None:
            owned.listen(run_id, listener)
        return True

    def _owned(self, shard: int) -> Owned | None:
        try:
            return self._routing.mine(shard)
        except NotOwner:
            return None

    async def _look_up(self, run_ids: Sequence[bytes]) -> None:
        by_lookup: dict[Lookup, list[bytes]] = {}
        for run_id in run_ids:
            if run_id in self._asked:
                by_lookup.setdefault(self._lookup_of(self._asked[run_id].shard), []).append(run_id)
        for lookup, wanted in by_lookup.items():
            try:
                found = await lookup.find(wanted)
            except Answer as error:
                for run_id in wanted:
                    self._refuse(run_id, error)
                continue
            for run_id in wanted:
                self._note(run_id, found.get(run_id))

    def _note(self, run_id: bytes, row: Row) -> None:
        """Use what the table says of a run that was not heard of meanwhile."""
        asked = self._asked.get(run_id)
        if asked is None:
            return
        if row is not None and row["removed_at_us"]:
            self._refuse(run_id, RunRemoved(run_id, row["removed_at_us"]))
        elif row is not None:
            asked.plan = row["plan"]
            if row["last_seq"]:
                self._end(run_id, row["last_seq"])
            elif asked.owned is None:
                self._refuse(run_id, self._elsewhere(asked.shard))
        elif asked.owned is None or not (run_id in asked.owned.core.runs or run_id in asked.owned.digests):
            self._refuse(run_id, RunNotFound(run_id))

    def _elsewhere(self, shard: int) -> Answer:
        try:
            self._routing.mine(shard)
        except Answer as error:
            return error
        return ShardAway(shard)

    def _end(self, run_id: bytes, seq: int) -> None:
        asked = self._forget(run_id)
        if asked is not None:
            self._ended.append(Ended(run_id, asked.shard, seq, asked.plan))
            self._news.set()

    def _refuse(self, run_id: bytes, error: Answer) -> None:
        self._forget(run_id)
        self._refused.append(refused(run_id, error))
        self._news.set()

    def _forget(self, run_id: bytes) -> Asked | None:
        asked = self._asked.pop(run_id, None)
        if asked is not None and asked.owned is not None:
            asked.owned.unlisten(run_id, asked.listener)
        return asked

"""Reading the log on: a run's events, or a shard's range, from memory where they are still there."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import MESSAGE_BYTES_MAX, pieces

from ..errors import ShardAway
from ..log import event_log as logs
from ..log.recent import Range, Recent
from ..ownership.routing import Routing

Rows = Sequence[tuple[int, int, bytes]]  # seq, recorded_at_us, payload


class Reader:
    def __init__(self, routing: Routing, recent: Recent) -> None:
        self._routing = routing
        self._recent = recent

    async def watch(
        self, run_id: bytes, first_seq: int, last_seq: int, after_seq: int, follow: bool, submitted_at_us: int
    ) -> AsyncIterator[api.WatchResponse]:
        """Yield a run's events in order.

        Args:
            last_seq: 0 if it is not known to have ended.
            submitted_at_us: Nothing of it was recorded before.

        Raises:
            ShardAway: The shard was lost while following; go on elsewhere, after the last event.
        """
        shard = self._routing.shard(run_id)
        owned = self._routing.mine(shard) if follow and not last_seq else self._routing.current(shard)
        news = asyncio.Event()

        def listener(_kind: int, _seq: int) -> None:
            news.set()

        if follow and owned is not None:
            owned.listen(run_id, listener)
        try:
            position = max(after_seq, first_seq - 1)
            while True:
                end = last_seq or await self._end(shard)
                last: bytes | None = None
                async for rows in self._of_run(shard, run_id, position + 1, end, submitted_at_us):
                    for response in _watched(shard, rows):
                        yield response
                    last = rows[-1][2]
                if last is not None and logs.kind_of(last) == logs.RUN_ENDED:
                    return
                position = max(position, end)
                if last_seq or not follow or owned is None:
                    return
                await news.wait()
                news.clear()
                if owned.is_lost:
                    raise ShardAway(shard)
        finally:
            if owned is not None:
                owned.unlisten(run_id, listener)

    async def read(self, shard: int, from_seq: int, to_seq: int) -> AsyncIterator[ev.EventBatch]:
        """Yield a range of a shard's log as it was committed, in order; `to_seq` 0: all that is committed."""
        end = await self._end(shard)
        end = min(to_seq or end, end)
        epoch = await self._epoch(shard)
        position = max(from_seq, 1)
        while position <= end:
            ranges = self._recent.since(shard, position)
            rows = _rows(ranges, position, end) if ranges is not None else []
            if not rows:
                rows = await logs.read(self._routing.databases[shard], shard, position, end)
            if not rows:
                return
            for batch in _batches(shard, epoch, rows):
                yield batch
            position = rows[-1][0] + 1

    async def _end(self, shard: int) -> int:
        owned = self._routing.current(shard)
        return owned.committed if owned is not None else (await self._head(shard)).seq

    async def _epoch(self, shard: int) -> int:
        owned = self._routing.current(shard)
        return owned.epoch if owned is not None else (await self._head(shard)).epoch

    async def _head(self, shard: int) -> logs.Head:
        return (await logs.heads(self._routing.databases[shard], [shard]))[shard]

    async def _of_run(
        self, shard: int, run_id: bytes, from_seq: int, to_seq: int, since_us: int
    ) -> AsyncIterator[Rows]:
        ranges = self._recent.since(shard, from_seq)
        if ranges is None:
            history = self._routing.histories[shard]
            async for rows in logs.read_run(history, shard, from_seq, to_seq, run_id, since_us):
                yield rows
            return
        rows = [row for one in ranges if run_id in one.run_ids for row in _rows_of_run(one, run_id, from_seq, to_seq)]
        if rows:
            yield rows


def _rows(ranges: Sequence[Range], from_seq: int, to_seq: int) -> list[tuple[int, int, bytes]]:
    return [
        (seq, one.recorded_at_us, payload)
        for one in ranges
        for seq, payload in enumerate(one.payloads, one.from_seq)
        if from_seq <= seq <= to_seq
    ]


def _rows_of_run(one: Range, run_id: bytes, from_seq: int, to_seq: int) -> list[tuple[int, int, bytes]]:
    return [
        (one.from_seq + index, one.recorded_at_us, one.payloads[index])
        for index, of_run in enumerate(one.run_ids)
        if of_run == run_id and from_seq <= one.from_seq + index <= to_seq
    ]


def _watched(shard: int, rows: Rows) -> list[api.WatchResponse]:
    responses: list[api.WatchResponse] = []
    for piece in pieces(len(payload) for _, _, payload in rows):
        response = api.WatchResponse()
        for seq, recorded_at_us, payload in rows[piece]:
            event = ev.Event.FromString(payload)
            response.events.add(shard=shard, seq=seq, recorded_at_us=recorded_at_us, event=event)
        responses.append(response)
    return responses


def _batches(shard: int, epoch: int, rows: Rows) -> list[ev.EventBatch]:
    """One message for what was committed together, cut where it would be too large."""
    batches: list[ev.EventBatch] = []
    size = 0
    for seq, recorded_at_us, payload in rows:
        full = size + len(payload) > MESSAGE_BYTES_MAX
        if not batches or full or batches[-1].recorded_at_us != recorded_at_us:
            batches.append(ev.EventBatch(shard=shard, epoch=epoch, from_seq=seq, recorded_at_us=recorded_at_us))
            size = 0
        size += len(payload)
        batches[-1].events.append(ev.Event.FromString(payload))
    return batches

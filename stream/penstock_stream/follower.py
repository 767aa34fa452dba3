"""The one mechanism by which every service follows a log: messages, gaps, heads, snapshots."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

from penstock_observability import metrics

from .epochs import NOTHING, Epochs, Told, Verdict
from .errors import OutOfRange, UpstreamAway
from .position import Batch, Mode, Position, Ranged
from .stream import Message, Stream, Subscription

BatchOut = TypeVar("BatchOut", bound=Ranged, covariant=True)
BatchIn = TypeVar("BatchIn", bound=Ranged, contravariant=True)

HEADS_EVERY_S = 1.0
# Until every shard has been loaded.
FIRST_HEADS_EVERY_S = 0.05
# News of a head overtakes the messages that carry what is in it; so long they have to arrive.
MESSAGES_LATE_S = 0.05
BACKOFF_MIN_S = 0.05
BACKOFF_MAX_S = 1.0
# Shards that read or load at the same time.
READS_AT_ONCE = 16
# So long a shard may wait at one position for what its owner does not have.
ASTRAY_S_MAX = 10.0
# A longer way back is not read: a snapshot costs what is open, not what has happened.
RANGE_MAX = 100_000

log = logging.getLogger(__name__)


class Head(NamedTuple):
    shard: int
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A shard's state as of one position: `items` are the runs or attempts of the messages it came in."""

    shard: int
    epoch: int
    seq: int
    items: Sequence[Any]


# What a message covers: the log after the first position, up to the second one.
Span = tuple[int, int]


class Upstream(Protocol[BatchOut]):
    """One process that knows the logs of some shards. Each call raises UpstreamAway if it cannot answer."""

    @property
    def address(self) -> str: ...

    async def heads(self) -> Sequence[Head]: ...

    def read(self, shard: int, after_seq: int) -> AsyncIterator[BatchOut]:
        """All that is recorded after a position; raises OutOfRange if it does not know so far back."""
        ...

    async def snapshot(self, shard: int) -> Snapshot: ...


class Consumer(Protocol[BatchIn]):
    """The consumer of a stream. Calls for one shard come one after another, in the order of the log."""

    def apply(self, batch: BatchIn, after_seq: int) -> bool:
        """Take what the batch holds after a position, which may lie within it.

        Returns:
            False if it cannot yet: the shard is held, and the same batch comes again after `Follower.resume`.
        """
        ...

    def load(self, snapshot: Snapshot) -> Awaitable[None] | None:
        """Replace all that is known of the shard."""
        ...

    def flush(self) -> None:
        """A burst was taken: the moment for what is done once for many batches."""
        ...


class Follower(Generic[Batch]):
    """Keeps a consumer up to date with some shards, through whatever the stream and the upstream services do."""

    def __init__(
        self,
        *,
        stream: Stream,
        topic: str,
        upstreams: Sequence[Upstream[Batch]],
        shards: Collection[int],
        span: Callable[[Batch], Span],
        consumer: Consumer[Batch],
    ) -> None:
        self._stream = stream
        self._topic = topic
        self._upstreams = upstreams
        self._positions: dict[int, Position[Batch]] = {shard: Position(shard) for shard in shards}
        self._span = span
        self._consumer = consumer
        self._epochs = Epochs[Batch]()
        self._ask_now = [asyncio.Event() for _ in upstreams]
        self._astray: dict[int, tuple[int, float]] = {}  # by shard: position, since when
        self._owners: dict[int, tuple[Head, Upstream[Batch]]] = {}
        self._subscription: Subscription | None = None
        self._unregister: list[Callable[[], None]] = []
        self._reads_counted = metrics.FOLLOWER_READS.labels(topic)
        self._loads_counted = metrics.FOLLOWER_LOADS.labels(topic)
        self._polls: list[asyncio.Task[None]] = []
        self._catching_up: dict[int, asyncio.Task[None]] = {}
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._loaded = asyncio.Event()
        self._unloaded = set(self._positions)

    @property
    def positions(self) -> Mapping[int, Position[Batch]]:
        return self._positions

    def ends(self) -> list[int]:
        """Return the position in each shard, -1 where there is no state yet; for people and tests."""
        return [-1 if at.mode is Mode.LOADING else at.seq for at in self._positions.values()]

    async def start(self) -> None:
        """Begin to follow; returns at once. `wait_loaded` returns when every shard has a state."""
        self._subscription = self._stream.subscribe(self._topic, self._take, frozenset(self._positions))
        self._polls = [
            asyncio.create_task(self._poll(upstream, ask_now))
            for upstream, ask_now in zip(self._upstreams, self._ask_now, strict=True)
        ]
        self._unregister = [metrics.FOLLOWER_LAG.register(self._lag), metrics.FOLLOWER_LOADING.register(self._loading)]

    @property
    def is_loaded(self) -> bool:
        """Whether every shard has been loaded."""
        return self._loaded.is_set()

    async def wait_loaded(self) -> None:
        """Return once every shard has been loaded."""
        await self._loaded.wait()

    async def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        for unwatch in self._unregister:
            unwatch()
        tasks = [*self._polls, *self._catching_up.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _lag(self) -> list[tuple[tuple[str, str], float]]:
        topic, positions = self._topic, self._positions.values()
        return [((topic, str(at.shard)), at.known - at.seq) for at in positions]

    def _loading(self) -> list[tuple[tuple[str], float]]:
        return [((self._topic,), sum(at.mode is Mode.LOADING for at in self._positions.values()))]

    def resume(self, shard: int) -> None:
        """The consumer can take the batch that it refused."""
        position = self._positions[shard]
        position.resume()
        self._drain(position)
        self._consumer.flush()
        self._mend(position)

    def _take(self, batches: Sequence[Batch]) -> None:
        """Handle a burst of the stream."""
        positions, told, span, following = self._positions, self._epochs.told, self._span, Mode.FOLLOWING
        for batch in batches:
            shard = batch.shard
            if (position := positions.get(shard)) is None:
                continue
            after_seq, to_seq = span(batch)
            if batch.epoch != told.get(shard, NOTHING).epoch and not self._believes(batch, to_seq):
                continue
            # Nearly every message is the next of a shard that follows: no call is made for it that is not needed.
            if position.mode is following and after_seq == position.seq < to_seq and not position.kept:
                self._apply(position, batch, to_seq)
            else:
                self._offer(position, batch, after_seq, to_seq)
            if (position.known > position.seq or position.mode is not following) and shard not in self._catching_up:
                self._mend(position)
        self._consumer.flush()

    def _believes(self, batch: Batch, to_seq: int) -> bool:
        """Whether a message of another epoch can be true; one of a newer epoch waits until the owners are asked."""
        told = self._epochs.told.get(batch.shard, NOTHING)
        verdict = self._epochs.judge(batch, to_seq)
        if verdict is Verdict.WAITS:
            for ask_now in self._ask_now:
                ask_now.set()
        elif verdict is Verdict.FORGED:
            self._refuse(
                batch, f"epoch {batch.epoch} after position {told.seq}, where epoch {told.epoch} had already started"
            )
        return verdict is Verdict.TRUE

    def _refuse(self, batch: Batch, reason: str) -> None:
        self._stream.refuse(self._topic, cast(Message, batch), reason)

    def _offer(self, position: Position[Batch], batch: Batch, after_seq: int, to_seq: int) -> None:
        if position.follows(after_seq, to_seq):
            if self._apply(position, batch, to_seq):
                self._drain(position)
        elif to_seq > position.seq or position.mode is Mode.LOADING:
            position.keep(after_seq, to_seq, batch)

    def _apply(self, position: Position[Batch], batch: Batch, to_seq: int) -> bool:
        try:
            taken = self._consumer.apply(batch, position.seq)
        except Exception as error:
            log.exception(
                "shard %d: cannot apply the range after position %d; reloading the shard", position.shard, position.seq
            )
            self._refuse(batch, f"cannot be applied: {error}")
            position.reload()
            return False
        if taken:
            position.note_taken(to_seq, batch.epoch)
        else:
            position.hold()
            position.keep(*self._span(batch), batch)
        return taken

    def _drain(self, position: Position[Batch]) -> None:
        """Take what waited for the range before it."""
        while (batch := position.pop()) is not None and self._apply(position, batch, self._span(batch)[1]):
            pass

    def _mend(self, position: Position[Batch]) -> None:
        """Get what is missing in the background, for this shard alone."""
        shard = position.shard
        if position.is_behind and shard in self._owners and shard not in self._catching_up:
            task = asyncio.create_task(self._catch_up(position))
            self._catching_up[shard] = task

    async def _catch_up(self, position: Position[Batch]) -> None:
        delay_s = BACKOFF_MIN_S
        try:
            while position.is_behind:
                before_seq = position.seq
                await self._try_step(position)
                if position.seq > before_seq:
                    delay_s = BACKOFF_MIN_S
                elif position.is_behind:
                    await asyncio.sleep(delay_s)
                    delay_s = min(delay_s * 2, BACKOFF_MAX_S)
        finally:
            del self._catching_up[position.shard]

    async def _try_step(self, position: Position[Batch]) -> None:
        try:
            async with self._reads:
                await self._step(position)
        except OutOfRange:
            position.reload()
        except UpstreamAway as error:
            log.debug("shard %d: %s", position.shard, error)
        except Exception:
            log.exception("shard %d: cannot catch up after position %d; retrying", position.shard, position.seq)

    async def _step(self, position: Position[Batch]) -> None:
        """Load or read once; the position tells whether it helped."""
        if (owner := self._owners.get(position.shard)) is None:
            raise UpstreamAway("no upstream service owns it")
        head, upstream = owner
        if position.mode is Mode.LOADING or position.known - position.seq > RANGE_MAX:
            await self._load(position, head, upstream)
            return
        self._reads_counted.inc()
        async for batch in upstream.read(position.shard, position.seq):
            self._offer(position, batch, *self._span(batch))
            self._consumer.flush()
            if position.mode is not Mode.FOLLOWING:
                return

    async def _load(self, position: Position[Batch], head: Head, upstream: Upstream[Batch]) -> None:
        first = position.epoch == 0 and position.seq == 0
        position.reload()
        empty = first and head.seq == 0
        snapshot = Snapshot(head.shard, head.epoch, 0, ()) if empty else await upstream.snapshot(position.shard)
        self._loads_counted.inc()
        if snapshot.seq < position.seq:
            raise UpstreamAway(f"{upstream.address} is behind this follower")
        loading = self._consumer.load(snapshot)
        if inspect.isawaitable(loading):
            await loading
        position.note_loaded(snapshot.seq, snapshot.epoch)
        self._drain(position)
        self._consumer.flush()
        self._unloaded.discard(position.shard)
        if not self._unloaded:
            self._loaded.set()

    async def _poll(self, upstream: Upstream[Batch], ask_now: asyncio.Event) -> None:
        """Poll the heads of one upstream process until cancelled."""
        away = False
        while True:
            ask_now.clear()
            waiting, known = self._epochs.waiting(), {shard: at.known for shard, at in self._positions.items()}
            try:
                heads = [head for head in await upstream.heads() if head.shard in self._positions]
            except UpstreamAway as error:
                if not away:
                    log.info("%s", error)
                away = True
                self._own((), upstream)
            except Exception:
                log.exception("cannot read the heads of %s; retrying", upstream.address)
            else:
                away = False
                self._own(heads, upstream)
                for head in heads:
                    self._hear(head, waiting.get(head.shard, 0))
                    self._check(head, upstream, known[head.shard])
                await self._compare(heads)
            await self._pause(ask_now)

    async def _pause(self, ask_now: asyncio.Event) -> None:
        """Wait until it is time to ask again, or a message makes it so."""
        await asyncio.sleep(FIRST_HEADS_EVERY_S)
        if self._loaded.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(HEADS_EVERY_S - FIRST_HEADS_EVERY_S):
                    await ask_now.wait()

    def _hear(self, head: Head, asked_for: int) -> None:
        """Take the messages that waited for this head to tell of their epoch."""
        true, forged = self._epochs.tell(head.shard, Told(head.epoch, head.seq), asked_for)
        for batch in forged:
            self._refuse(batch, f"epoch {batch.epoch}, but the owner has {head.epoch}")
        if true:
            self._take(true)

    def _check(self, head: Head, upstream: Upstream[Batch], known: int) -> None:
        """Begin anew where the stream led astray: to positions that the owner, asked later, does not have, or to
        something that the consumer has waited for at one position for too long."""
        position = self._positions[head.shard]
        if self._owners[head.shard][1] is not upstream or head.epoch < position.epoch:
            return
        if position.mode is Mode.LOADING or not (known > head.seq or position.mode is Mode.HELD):
            self._astray.pop(head.shard, None)
            return
        now = asyncio.get_running_loop().time()
        seq, since = self._astray.get(head.shard, (-1, now))
        if seq != position.seq:
            self._astray[head.shard] = position.seq, now
        elif now - since >= ASTRAY_S_MAX:
            log.error("shard %d is at %d, beyond its log at %d; reloading the shard", head.shard, seq, head.seq)
            del self._astray[head.shard]
            position.forget()

    async def _compare(self, heads: Sequence[Head]) -> None:
        """Read what the heads tell that no message brought."""
        ahead = [head for head in heads if head.seq > self._positions[head.shard].seq]
        if ahead and self._loaded.is_set():  # else nothing is on its way
            await asyncio.sleep(MESSAGES_LATE_S + self._stream.gather_s)
        for head in heads:
            position = self._positions[head.shard]
            position.known = max(position.known, head.seq)
            self._mend(position)

    def _own(self, heads: Sequence[Head], upstream: Upstream[Batch]) -> None:
        """Remember whom to ask about each shard: of several that know it, the one that knows most."""
        for shard in [shard for shard, (_, owner) in self._owners.items() if owner is upstream]:
            del self._owners[shard]
        for head in heads:
            owner = self._owners.get(head.shard)
            if owner is None or (head.epoch, head.seq) > owner[0][1:]:
                self._owners[head.shard] = (head, upstream)

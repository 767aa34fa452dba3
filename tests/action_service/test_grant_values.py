"""Grants and the values they carry."""

import asyncio
import tracemalloc
from collections.abc import Sequence

import pytest
from penstock_action_service.errors import TrackerAway
from penstock_action_service.pool.effects import Granted
from penstock_action_service.shell import grant_values
from penstock_action_service.shell.grant_values import Filler
from penstock_action_service.shell.pool_host import cut
from penstock_action_service.shell.values import ENTRY_BYTES, Position, ValueCache
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Value, Values
from penstock_proto.wire import MESSAGE_BYTES_MAX

from tests.action_service.pools import RUN, start
from tests.waiting import WAIT_S


def values(number: int) -> Values:
    return Values(values=[Value(codec="json", inline=str(number).encode())])


class Log:
    """Answers as State Trackers do, or as badly as they can."""

    def __init__(self, *seqs: int) -> None:
        self.seqs = set(seqs)
        self.asked: list[list[Position]] = []
        self.away = 0
        self.shards_away: set[int] = set()
        self.at_once_max = 1000
        self.open = asyncio.Event()
        self.open.set()

    async def read_values(self, positions: Sequence[Position]) -> tuple[dict[Position, Values], set[int]]:
        self.asked.append(list(positions))
        await self.open.wait()
        if self.away:
            self.away -= 1
            raise TrackerAway("UNAVAILABLE")
        if len(positions) > self.at_once_max:
            raise TrackerAway("RESOURCE_EXHAUSTED", too_large=True)
        away = {shard for shard, _ in positions} & self.shards_away
        return {(shard, seq): values(seq) for shard, seq in positions if seq in self.seqs and shard not in away}, away


class Filled:
    def __init__(self, log: Log) -> None:
        self.ready: list[tuple[str, Grant]] = []
        self.absent: list[tuple[str, int, Position]] = []
        self.cache = ValueCache()
        self.filler = Filler(
            self.cache,
            log,  # type: ignore[arg-type]
            lambda worker, grants: self.ready.extend((worker, grant) for grant in grants),
            lambda worker, grant, position: self.absent.append((worker, grant.grant, position)),
        )

    def fill(self, number: int, *seqs: int, worker: str = "w", shard: int = 0) -> Grant | None:
        made = start(number, plan=b"p" * 32)
        for seq in seqs:
            made.inputs.add(node=seq, seq=seq)
        return self.filler.fill(Granted(number, shard, made), worker)

    async def settle(self) -> None:
        self.filler.fetch()
        async with asyncio.timeout(WAIT_S):
            while self.filler.is_busy:
                await asyncio.sleep(0)


async def test_values_at_hand_do_not_wait_for_others() -> None:
    log = Log(5)
    filled = Filled(log)
    filled.cache.put((0, 4), values(4).SerializeToString())
    grant = filled.fill(1, 4)
    assert grant is not None and grant.inputs[0].values == values(4)
    assert (grant.run_id, grant.node, grant.attempt, grant.plan) == (RUN, 1, 1, b"p" * 32)
    assert filled.fill(2, 4, 5) is None
    await filled.settle()
    ((worker, late),) = filled.ready
    assert worker == "w" and [entry.values for entry in late.inputs] == [values(4), values(5)]
    assert filled.fill(3, 5) is not None


async def test_what_is_missing_is_asked_for_once_and_together() -> None:
    log = Log(*range(10))
    filled = Filled(log)
    for number in range(20):
        filled.fill(number, number % 10)
    await filled.settle()
    assert len(log.asked) == 1 and len(log.asked[0]) == 10
    assert len(filled.ready) == 20


async def test_a_tracker_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_values, "BACKOFF_MIN_S", 0.001)
    log = Log(5)
    log.away = 3
    filled = Filled(log)
    filled.fill(1, 5)
    await filled.settle()
    assert len(log.asked) == 4 and len(filled.ready) == 1


async def test_shards_that_cannot_be_read_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_values, "BACKOFF_MIN_S", 0.001)
    monkeypatch.setattr(grant_values, "POSITIONS_MAX", 1)
    numbers = range(2 * grant_values.CALLS_MAX)
    log = Log(5, *numbers)
    log.shards_away = {1, 2}
    filled = Filled(log)
    for number in numbers:  # more than all calls
        filled.fill(number, number, shard=1 + number % 2)
    filled.fill(100, 5)
    filled.filler.fetch()
    async with asyncio.timeout(WAIT_S):
        while not filled.ready:
            await asyncio.sleep(0)
    assert [grant.grant for _, grant in filled.ready] == [100] and not filled.absent
    log.shards_away = set()
    await filled.settle()
    assert {grant.grant for _, grant in filled.ready} == {100, *numbers}


async def test_an_answer_that_is_too_large_is_asked_for_in_parts() -> None:
    log = Log(*range(100))
    log.at_once_max = 7
    filled = Filled(log)
    for number in range(100):
        filled.fill(number, number)
    await filled.settle()
    assert len(filled.ready) == 100


async def test_what_no_log_has_is_said() -> None:
    filled = Filled(Log(5))
    filled.fill(1, 5, 6)
    await filled.settle()
    assert not filled.ready and filled.absent == [("w", 1, (0, 6))]


async def test_what_is_withdrawn_or_forgotten_is_never_handed_on() -> None:
    log = Log(5)
    log.open.clear()
    filled = Filled(log)
    for number, worker in enumerate(["w", "w", "v"]):
        filled.fill(number, 5, worker=worker)
    filled.filler.fetch()
    grant = filled.filler.withdraw(0)
    assert grant is not None and grant.grant == 0
    assert filled.filler.withdraw(0) is None
    filled.filler.forget("v")
    log.open.set()
    await filled.settle()
    assert [grant.grant for _, grant in filled.ready] == [1]


async def test_closing_in_the_middle() -> None:
    log = Log(5)
    log.open.clear()
    filled = Filled(log)
    filled.fill(1, 5)
    filled.filler.fetch()
    await asyncio.sleep(0)
    await filled.filler.close()
    assert not filled.ready


async def test_many_inputs_travel_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_values, "NODES_MAX", 3)
    log = Log()
    filled = Filled(log)
    assert (few := filled.fill(1)) is not None and not few.refs
    grant = filled.fill(2, 4, 5, 6, 7)
    assert grant is not None and not grant.inputs
    assert [(ref.node, ref.seq) for ref in grant.refs] == [(seq, seq) for seq in (4, 5, 6, 7)]
    assert not log.asked


@pytest.mark.parametrize("at_hand", [True, False])
async def test_large_inputs_travel_by_reference(monkeypatch: pytest.MonkeyPatch, at_hand: bool) -> None:
    log = Log(4, 5)
    monkeypatch.setattr(grant_values, "INLINE_BYTES_MAX", values(4).ByteSize() + 1)
    filled = Filled(log)
    if at_hand:
        for seq in (4, 5):
            filled.cache.put((0, seq), values(seq).SerializeToString())
    grant = filled.fill(1, 4, 5)
    await filled.settle()
    grant = grant or filled.ready[0][1]
    assert not grant.inputs and [ref.seq for ref in grant.refs] == [4, 5]


def test_the_cache_is_bounded_and_forgets_what_was_not_used() -> None:
    entry = ENTRY_BYTES + 10
    cache = ValueCache(20 * entry)
    cache.put((0, 0), b"x" * 10)
    for seq in range(1, 100):
        cache.put((0, seq), b"x" * 10)
        cache.put((0, seq), b"y" * 10)
        assert cache.get((0, 0)) == b"x" * 10
        assert cache.get((0, seq)) == b"x" * 10
        assert cache.bytes <= 20 * entry + 2 * entry
    assert cache.get((0, 50)) is None
    kept = [seq for seq in range(100) if cache.get((0, seq)) is not None]
    assert len(kept) >= 10


def test_the_cache_holds_no_more_memory_the_longer_it_is_used() -> None:
    cache = ValueCache(2**20)

    def use(first: int) -> int:
        for seq in range(first, first + 50_000):
            cache.put((0, seq), b"%010d" % seq)
            cache.get((0, seq - 1_000))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        full = use(0)
        assert all(use(50_000 * turn) < 1.5 * full for turn in range(1, 6))
    finally:
        tracemalloc.stop()


def test_reports_are_cut_into_messages_of_bounded_size() -> None:
    reports = [Report(run_id=RUN, node=node, worker="w" * 60_000) for node in range(23)]
    parts = cut(reports)
    assert [report.node for part in parts for report in part] == list(range(23))
    assert all(sum(report.ByteSize() for report in part) <= MESSAGE_BYTES_MAX for part in parts)
    assert len(cut([Report(worker="w" * 2 * MESSAGE_BYTES_MAX)])) == 1

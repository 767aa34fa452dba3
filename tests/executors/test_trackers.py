"""Plans and values come from whichever State Tracker answers."""

import socket
from typing import Any

import pytest
from penstock_executors.errors import NotRecorded, TrackersAway
from penstock_executors.trackers import Trackers
from penstock_service import channels, database
from penstock_state_tracker.api import service

from tests.state_tracker.running import chain, new_id, running, succeeded, wide


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Channels(dict[str, Any]):
    """Channels by address, closed at the end."""

    def __init__(self, *addresses: str) -> None:
        super().__init__({address: channels.open_channel(address) for address in addresses})

    async def __aenter__(self) -> "Channels":
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self.values():
            await channel.close()


async def test_a_plan_comes_from_the_one_that_lives(database_url: str) -> None:
    async with running(database_url) as tracker, Channels(nobody(), tracker.server.address) as channels:
        trackers = Trackers(channels)
        plan = chain(2)
        name = await tracker.put(plan)
        assert await trackers.plan(name) == plan
        address, info = await trackers.info()
        assert (address, info.shards) == (tracker.server.address, 4)


async def test_what_no_state_tracker_has_is_told_from_what_none_can_tell(database_url: str) -> None:
    async with running(database_url) as tracker, Channels(nobody(), tracker.server.address) as both:
        with pytest.raises(TrackersAway):
            await Trackers(both).plan(b"0" * 32)
        with pytest.raises(NotRecorded):
            await Trackers({tracker.server.address: both[tracker.server.address]}).plan(b"0" * 32)
        with pytest.raises(TrackersAway, match="no State Tracker is configured"):
            await Trackers({}).plan(b"0" * 32)


async def test_a_plan_that_is_in_memory_is_served_without_postgres(database_url: str) -> None:
    async with running(database_url) as tracker, Channels(tracker.server.address) as channels:
        plan = chain(3)
        name = await tracker.put(plan)
        connection = await database.connect(database_url)
        await connection.execute("DELETE FROM plans")
        await connection.close()
        assert await Trackers(channels).plan(name) == plan


async def test_values_come_in_as_many_calls_as_it_takes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "VALUES_BYTES_MAX", 200)
    monkeypatch.setattr(service, "VALUES_AT_ONCE", 1)
    async with running(database_url) as tracker, Channels(nobody(), tracker.server.address) as channels:
        plan, run_id = wide(40), new_id(shard=1)
        await tracker.put(plan)
        run = await tracker.submit(plan, run_id)
        await tracker.report(*(succeeded(run_id, node, result=str(node)) for node in range(40)))
        seqs = list(range(run.first_seq + 1, run.first_seq + 41))
        found = await Trackers(channels).values(run.shard, seqs)
        assert sorted(found) == seqs
        assert sorted(int(values.values[0].inline) for values in found.values()) == list(range(40))
        with pytest.raises(NotRecorded, match="position 999 of shard 1"):
            await Trackers(channels).values(run.shard, [*seqs, 999])

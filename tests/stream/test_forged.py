"""Messages that nobody who owns a log has sent: refused, or undone, and the shard goes on."""

import pytest
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stream import follower
from penstock_stream.epochs import WAITING_MAX, Epochs, Told, Verdict
from penstock_stream.stream import EVENTS

from tests.stream.followed import Logs, World, batch, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "HEADS_EVERY_S", 0.05)
    monkeypatch.setattr(follower, "MESSAGES_LATE_S", 0.01)
    monkeypatch.setattr(follower, "ASTRAY_S_MAX", 0.2)


async def test_an_epoch_that_no_owner_has_is_refused() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        forged = [batch(0, 1, 2, epoch=9), batch(0, 50, 60, epoch=2**60)]
        world.stream.publish(EVENTS, [logs.append(1, 1), *forged, logs.append(1, 1)])
        await until(lambda: world.stream.refused == 2)
        world.stream.publish(EVENTS, [logs.append(0, 2)])
        await until(world.whole)
        assert logs.snapshots == 0 and world.follower.positions[0].known == 2


async def test_an_epoch_that_has_ended_is_refused() -> None:
    logs = Logs()
    logs.epoch = 4
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.stream.publish(EVENTS, [batch(0, 1, 2, epoch=3), batch(0, 50, 60, epoch=1)])
        await until(lambda: world.stream.refused == 2)
        world.stream.publish(EVENTS, [logs.append(0, 2)])
        await until(world.whole)
        assert logs.snapshots == 0


async def test_the_messages_of_a_new_owner_wait_until_it_tells_of_itself() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.stream.publish(EVENTS, [logs.append(0, 2)])
        logs.epoch = 2
        world.stream.publish(EVENTS, [logs.append(0, 1), logs.append(0, 1)])
        await until(world.whole)
        assert world.stream.refused == 0


async def test_positions_that_the_log_does_not_have_are_undone() -> None:
    """Whoever knows the epoch can write what looks true; the log does not have it."""
    logs = Logs()
    logs.append(0, 5)
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.stream.publish(EVENTS, [batch(0, 6, 9), batch(1, 500, 501)])
        await until(lambda: len(world.consumer.seen[0]) == 9)
        await until(world.whole)
        world.stream.publish(EVENTS, [logs.append(0, 1), logs.append(1, 1)])
        await until(world.whole)


async def test_a_consumer_that_waits_for_what_never_comes_is_loaded_anew() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.consumer.refuse = True  # and nothing ever resumes it
        world.stream.publish(EVENTS, [logs.append(0, 1)])
        await until(lambda: logs.snapshots == 1)
        world.consumer.refuse = False
        await until(world.whole)


async def test_what_a_consumer_cannot_take_is_put_aside() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.consumer.fail_at = 1
        world.stream.publish(EVENTS, [logs.append(0, 1)])
        await until(world.whole)
        assert world.stream.refused == 1


def test_only_whoever_was_asked_later_decides() -> None:
    epochs = Epochs[EventBatch]()
    epochs.tell(0, Told(1, 5))
    assert epochs.judge(batch(0, 6, 6, epoch=1), 6) is Verdict.TRUE
    early, late = batch(0, 6, 6, epoch=2), batch(0, 7, 7, epoch=3)
    assert epochs.judge(early, 6) is epochs.judge(late, 7) is Verdict.WAITS
    assert epochs.tell(0, Told(1, 5), asked_for=1) == ([], [early])
    assert epochs.tell(0, Told(3, 6), asked_for=0) == ([late], [])
    assert epochs.tell(0, Told(2, 99)) == ([], []) and epochs.told[0] == (3, 6)
    assert epochs.judge(batch(0, 6, 6, epoch=2), 6) is Verdict.TRUE
    assert epochs.judge(batch(0, 6, 7, epoch=2), 7) is Verdict.FORGED


def test_few_messages_wait() -> None:
    epochs = Epochs[EventBatch]()
    for seq in range(1, 100):
        epochs.judge(batch(0, seq, seq), seq)
    assert epochs.waiting() == {0: WAITING_MAX}

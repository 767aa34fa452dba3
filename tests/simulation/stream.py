"""The simulated stream: drops, repeats, delays and reorders as it likes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from penstock_stream.stream import live

from .process import Life, current_life

if TYPE_CHECKING:
    from .world import World

LATENCY_S = 0.001


class SimulatedSubscription:
    def __init__(self, stream: SimulatedStream, topic: str, life: Life, handler: Any, shards: Any) -> None:
        self.stream, self.topic, self.life = stream, topic, life
        self.handler, self.shards = handler, None if shards is None else live(shards)
        self.open = True
        life.ends.append(self.close)

    def close(self) -> None:
        self.open = False
        subscriptions = self.stream.subscriptions[self.topic]
        if self in subscriptions:
            subscriptions.remove(self)

    def deliver(self, message: Any) -> None:
        if self.open:
            self.handler([message])


class SimulatedStream:
    """What all processes share; each gets it through `of_life`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subscriptions: dict[str, list[SimulatedSubscription]] = {"events": [], "actions": [], "reports": []}

    def of_life(self) -> StreamOfLife:
        return StreamOfLife(self, current_life())

    def publish(self, topic: str, message: Any) -> None:
        faults, dice = self.world.faults, self.world.dice
        for subscription in self.subscriptions[topic]:
            if subscription.shards is not None and message.shard not in subscription.shards:
                continue
            copies = 0 if dice.random() < faults.drop else 2 if dice.random() < faults.repeat else 1
            for _ in range(copies):
                delay_s = LATENCY_S + (dice.expovariate(1 / faults.delay_s) if faults.delay_s else 0.0)
                subscription.life.later(delay_s, subscription.deliver, message)


class StreamOfLife:
    """The stream port as one life of a process sees it."""

    gather_s = 0.0

    def __init__(self, stream: SimulatedStream, life: Life) -> None:
        self._stream, self._life = stream, life

    def publish(self, topic: str, messages: Sequence[Any]) -> None:
        for message in messages:
            self._life.step()
            if self._life.alive:
                self._stream.publish(topic, message)

    def subscribe(self, topic: str, handler: Any, shards: Collection[int] | None = None) -> SimulatedSubscription:
        subscription = SimulatedSubscription(self._stream, topic, self._life, handler, shards)
        self._stream.subscriptions[topic].append(subscription)
        return subscription

    def refuse(self, topic: str, message: Any, reason: str) -> None:
        who = self._life.process.name
        self._stream.world.note(who, f"refuses a message of {topic} about shard {message.shard}: {reason}")

    def attach_source(self, source: Any) -> None:
        """What the public topic lacks is Kafka's part, which is not here."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

"""The simulated stream: drops, repeats, delays and reorders as it likes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process import Process
    from .world import World

LATENCY_S = 0.001


class SimulatedSubscription:
    def __init__(self, stream: SimulatedStream, topic: str, process: Process, handler: Any, shards: Any) -> None:
        self.stream, self.topic, self.process = stream, topic, process
        self.handler, self.shards = handler, shards
        self.open = True

    def close(self) -> None:
        self.open = False
        subscriptions = self.stream.subscriptions[self.topic]
        if self in subscriptions:
            subscriptions.remove(self)

    def deliver(self, message: Any) -> None:
        if self.open:
            self.handler([message])


class SimulatedStream:
    """What all processes share; each gets it through `of`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subscriptions: dict[str, list[SimulatedSubscription]] = {"events": [], "actions": [], "reports": []}

    def of(self, process: Process) -> StreamOfProcess:
        return StreamOfProcess(self, process)

    def publish(self, topic: str, messages: Sequence[Any]) -> None:
        faults, dice = self.world.faults, self.world.dice
        for message in messages:
            for subscription in self.subscriptions[topic]:
                if subscription.shards is not None and message.shard not in subscription.shards:
                    continue
                copies = 0 if dice.random() < faults.drop else 2 if dice.random() < faults.repeat else 1
                for _ in range(copies):
                    delay_s = LATENCY_S + (dice.expovariate(1 / faults.delay_s) if faults.delay_s else 0.0)
                    subscription.process.later(delay_s, subscription.deliver, message)


class StreamOfProcess:
    """The stream port as one process sees it."""

    def __init__(self, stream: SimulatedStream, process: Process) -> None:
        self._stream, self._process = stream, process

    def publish(self, topic: str, messages: Sequence[Any]) -> None:
        self._stream.publish(topic, messages)

    def subscribe(self, topic: str, handler: Any, shards: Collection[int] | None = None) -> SimulatedSubscription:
        subscription = SimulatedSubscription(self._stream, topic, self._process, handler, shards)
        self._stream.subscriptions[topic].append(subscription)
        return subscription

    def refuse(self, topic: str, message: Any, reason: str) -> None:
        self._stream.world.note(
            self._process.name, f"refuses a message of {topic} about shard {message.shard}: {reason}"
        )

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

"""Clients that keep runs going: they ask again until they are answered, and note what was acknowledged."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from penstock import AsyncClient
from penstock.client import ClientError, Overloaded, Refused, RunState, Unreachable
from penstock.client.run_id import new_run_id
from penstock.client.view import run_state

from tests.simulation.invariants import Violation

from .background import Background
from .workload import RESULT, diamond, fresh_diamond, grown_diamond

# After so long without an answer a client asks another State Tracker.
ANSWER_S_MAX: Final = 8.0
ASK_AGAIN_S: Final = 0.1
# What a client may hear while things break. Whatever else it hears is a lie or a bug.
TROUBLE: Final = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "CANCELLED"}
CANCELLED_SHARE: Final = 0.1
# Each client's fourth, eighth, ... run has a plan of its own, which has to be sent and fetched amid the faults.
FRESH_EVERY: Final = 4
# Each third has a map, a branch, a wait, and a failure after which it is retried.
GROWN_EVERY: Final = 3
# Each fifth leaves processes behind in sessions of their own.
LEAVES_EVERY: Final = 5
T = TypeVar("T")


@dataclass
class Journal:
    """What the clients know.

    Attributes:
        submitted, cancelled: Ids of runs whose submit and whose cancellation were acknowledged.
        open: Of the submitted, those whose end nobody has heard of.
        marks: Of runs that leave processes behind, from before their submit until their end is known.
        runs: When a run's submit was acknowledged, how long after the first try, and how long until its end was known.
        heard: Answers that said to ask again, by kind.
        lies: Answers that cannot be true.
        retried: Runs that failed and went on.
    """

    submitted: list[bytes] = field(default_factory=list[bytes])
    cancelled: list[bytes] = field(default_factory=list[bytes])
    open: dict[bytes, str] = field(default_factory=dict[bytes, str])
    marks: set[str] = field(default_factory=set[str])
    runs: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])
    heard: Counter[str] = field(default_factory=Counter[str])
    lies: list[str] = field(default_factory=list[str])
    retried: int = 0


class Load:
    """So many clients, each with one run after the other, until told to finish."""

    def __init__(
        self,
        background: Background,
        addresses: Sequence[str],
        effects: Path,
        *,
        clients: int,
        pause_s: float,
        seed: int,
    ) -> None:
        self._background = background
        self._addresses, self._effects = addresses, effects
        self._count, self._pause_s, self._seed = clients, pause_s, seed
        self._clients: list[AsyncClient] = []
        self._finishing = False
        self._users: list[Future[None]] = []
        self.journal = Journal()

    def start(self) -> None:
        self._background.call(self._open())
        self._users = [self._background.start(self._user(number)) for number in range(self._count)]

    def finish(self) -> None:
        """Begin no other run."""
        self._finishing = True

    @property
    def finished(self) -> bool:
        return all(user.done() for user in self._users)

    def close(self) -> None:
        self._background.call(self._close())

    def demand_truth(self) -> None:
        """Raise Violation if a client heard what cannot be true, and whatever else ended a client."""
        if self.journal.lies:
            raise Violation("; ".join(self.journal.lies[:5]))
        for user in self._users:
            if user.done():
                user.result()

    async def _open(self) -> None:
        self._clients = [AsyncClient(address) for address in self._addresses]

    async def _close(self) -> None:
        for client in self._clients:
            await client.close()

    async def _user(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        count = 0
        while not self._finishing:
            key = f"{number}-{count}"
            count += 1
            mark = "" if count % LEAVES_EVERY else f"{self._effects.parent}/{key}"
            self.journal.marks.add(mark)
            await self._one(key, _workflow(key, count), mark, dice)
            self.journal.marks.discard(mark)

    async def _one(self, key: str, workflow: Any, mark: str, dice: random.Random) -> None:
        run_id, since = new_run_id(), time.monotonic()
        inputs = {"path": str(self._effects), "key": key, "pause_s": self._pause_s, "mark": mark}
        await self._answer(dice, lambda client: client.submit(workflow, run_id=run_id, **inputs))
        acknowledged_at, submit_s = time.time(), time.monotonic() - since
        self.journal.submitted.append(run_id.bytes)
        self.journal.open[run_id.bytes] = key
        cancels = dice.random() < CANCELLED_SHARE
        if cancels:
            await self._answer(dice, lambda client: client.cancel(run_id))
            self.journal.cancelled.append(run_id.bytes)
        ended = await self._answer(dice, lambda client: client.wait_ended(run_id))
        if workflow is grown_diamond and run_state(ended.state) is RunState.FAILED:
            await self._answer(dice, lambda client: client.repair.retry(run_id))
            self.journal.retried += 1
            ended = await self._answer(dice, lambda client: client.wait_ended(run_id))
        self.journal.runs.append((acknowledged_at, submit_s, time.monotonic() - since))
        del self.journal.open[run_id.bytes]
        await self._look_again(run_id, run_state(ended.state), cancels, dice)

    async def _look_again(self, run_id: uuid.UUID, state: RunState, cancels: bool, dice: random.Random) -> None:
        """Ask again, perhaps elsewhere: nobody may know less than what was told before."""
        info = await self._answer(dice, lambda client: client.get(run_id))
        if info.state is not state:
            self.journal.lies.append(f"run {run_id} is {info.state} after it had ended {state}")
        if state is RunState.SUCCEEDED:
            outputs = await self._answer(dice, lambda client: client.outputs_json(run_id))
            if outputs is None or list(outputs.values()) != [RESULT]:
                self.journal.lies.append(f"run {run_id} returned {outputs}")
        elif state is not RunState.CANCELLED or not cancels:
            self.journal.lies.append(f"run {run_id} ended {state}")

    async def _answer(self, dice: random.Random, ask: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Ask one State Tracker or another until there is an answer."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    return await ask(dice.choice(self._clients))
            except (Unreachable, Overloaded, TimeoutError) as error:
                self.journal.heard[type(error).__name__] += 1
            except ClientError as error:
                code = error.code if isinstance(error, Refused) else type(error).__name__
                if code not in TROUBLE:
                    self.journal.lies.append(f"{code}: {error}")
                    raise
                self.journal.heard[code] += 1
            await asyncio.sleep(ASK_AGAIN_S)


def _workflow(key: str, count: int) -> Any:
    """The workflow of a client's run."""
    if count % FRESH_EVERY == 0:
        return fresh_diamond(key)
    return diamond if count % GROWN_EVERY else grown_diamond

"""Whatever call of the worker fails: each action ends or is given back, no slot is lost, the worker closes."""

import asyncio
import contextlib
import errno
import os
import resource
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psutil
import pytest
from penstock_executors import (
    agent,
    child_process,
    keeper_link,
    keeper_records,
    machine,
    output,
    process,
    progress,
)
from penstock_executors.channel import Channel
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import Worker, keeper_of_this_process, result
from tests.waiting import WAIT_S

OPS = """
import os, time
from penstock import operator

@operator
def add(a: int, b: int) -> int:
    print("adding", a, b)
    return a + b

@operator
def leave(a: int) -> int:
    print("leaving")
    os._exit(a)

@operator
def dirty(a: int) -> int:
    os.fork() or time.sleep(100)
    return a

@operator
def sleep(a: float) -> float:
    time.sleep(a)
    return a
"""

# Where the worker calls the system, or its own parts that do: each of these may raise, at any time.
CALLS: list[tuple[Any, str]] = [
    (Path, "mkdir"),
    (child_process, "make_page"),
    (child_process, "Page"),
    (child_process, "Tail"),
    (child_process, "Channel"),
    (Channel, "send"),
    (Channel, "receive"),
    (Channel, "take_back"),
    (Channel, "close"),
    (keeper_link.KeeperLink, "start"),
    (keeper_link.KeeperLink, "end"),
    (keeper_records, "send"),
    (keeper_records, "receive"),
    (output.Tail, "lines"),
    (output.Tail, "finish"),
    (output.Tail, "rest"),
    (output.Tail, "drop"),
    (output.Tail, "close"),
    (progress.Page, "limit"),
    (progress.Page, "reading"),
    (progress.Page, "close"),
    (machine, "oom_kills"),
    (machine, "is_memory_scarce"),
    (process.ProcessExecutor, "_assign"),
    (process.ProcessExecutor, "_hand_over"),
    (process.ProcessExecutor, "_settle"),
    (process.ProcessExecutor, "_on_gone"),
    (process.ProcessExecutor, "_release"),
    (process.ProcessExecutor, "_death"),
    (process.ProcessExecutor, "_forget"),
    (process.ProcessExecutor, "_spawn"),
    (process.ProcessExecutor, "start"),
    (process.ProcessExecutor, "stop"),
    (process.ProcessExecutor, "take_back"),
    (process.ProcessExecutor, "collect"),
    (process.ProcessExecutor, "stage"),
    (process.ProcessExecutor, "held"),
]


class Fault:
    """Lets the n-th call raise, once; the others are carried out."""

    def __init__(self, original: Callable[..., Any], nth: int) -> None:
        self._original, self._left = original, nth

    def __call__(self, *args: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            if self._original.__name__ == "close":  # what fails to close well is closed
                self._original(*args, **named)
            raise OSError(errno.ENOSPC, "no room, for a test")
        return self._original(*args, **named)


@contextlib.contextmanager
def faulty(owner: Any, name: str, nth: int) -> Generator[Fault]:
    original = getattr(owner, name)
    fault = Fault(original, nth)

    def call(*args: Any, **named: Any) -> Any:
        return fault(*args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, call)
        yield fault


async def work(it: Worker) -> None:
    """All that a process can go through; each action ends, in a way that says what happened."""
    short = it.order(*[it.grant("add", 1, inputs=[index]) for index in range(12)])
    gone, dirty, late, stopped = it.order(
        it.grant("leave", 3), it.grant("dirty", 1), it.grant("sleep", 100.0, timeout_s=0.2), it.grant("sleep", 100.0)
    )
    last = it.order(it.grant("add", 1, inputs=[99]))
    await asyncio.sleep(0.2)
    it.order(stop=[stopped])
    for number in [*short, gone, dirty, late, stopped, *last]:
        report = await it.ended(number)
        assert len(it.ends(number)) == 1
        if report.HasField("failed"):
            causes = [ev.CAUSE_WORKER, ev.CAUSE_EXITED, ev.CAUSE_LOST, ev.CAUSE_TIMEOUT, ev.CAUSE_CANCELLED]
            assert report.failed.cause in causes, report
    it.order(recorded=[*short, gone, dirty, late, stopped, *last])


@pytest.mark.parametrize(("owner", "name"), CALLS, ids=[f"{owner.__name__}.{name}" for owner, name in CALLS])
async def test_a_call_that_fails_costs_no_slot(
    worker: Any, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "LOOK_S", 0.1)
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    others = set(psutil.Process().children())  # such as a Postgres of other tests, which has children of its own
    it: Worker = await worker(OPS, cores=2, grace_s=0.3)
    for nth in (1, 4):
        with faulty(owner, name, nth):
            await work(it)
    for _ in range(2):  # every slot is there
        numbers = it.order(*[it.grant("sleep", 0.01, cpu=2.0) for _ in range(2)])
        for number in numbers:
            assert result(await it.ended(number)) == 0.01
    async with asyncio.timeout(WAIT_S):
        await it.agent.close()
    assert not set(psutil.Process().children()) - others


async def test_a_worker_without_descriptors_can_register_again(worker: Any) -> None:
    it: Worker = await worker(OPS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        register = it.agent.register()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert register.version


async def test_a_keeper_without_descriptors_starts_nothing_and_says_so(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "LOOK_S", 0.1)
    it: Worker = await worker(OPS, cores=1)
    assert result(await it.run("add", 1, 2)) == 3
    keeper = keeper_of_this_process()
    soft, hard = resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE)
    taken = {int(name) for name in os.listdir(f"/proc/{keeper.pid}/fd")}
    none_free = next(number for number in range(hard) if number not in taken)
    resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, (none_free, hard))
    try:
        while True:  # until no process is left that was started before
            report = await it.run("leave", 3)
            assert report.HasField("failed"), report
            if report.failed.cause != ev.CAUSE_EXITED:
                break
        assert report.failed.returned, "nothing is used up, and another worker may have it"
        assert "Too many open files" in report.failed.failure.message, report
    finally:
        resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, (soft, hard))
    for _ in range(3):
        assert result(await it.run("add", 1, 2)) == 3
    assert keeper_of_this_process().pid == keeper.pid, "it goes on as it was"

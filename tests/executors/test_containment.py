"""Nothing of an attempt outlives it: not by a session of its own, a double fork, or a worker that is killed."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import Worker, keeper_of_this_process, result, until

OPS = """
import os, signal, subprocess, sys, time
from penstock import operator

SAVING = '''
import signal, sys, time
def save(*_):
    time.sleep(0.5)
    open(sys.argv[1], 'w')
    sys.exit()
signal.signal(signal.SIGTERM, save)
print('here', flush=True)
time.sleep(1000)
'''
LAUNCHER = '''
import signal, subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]], start_new_session=True)
def stop(*_):
    worker.terminate()
    worker.wait()
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("launched", flush=True)
worker.wait()
'''
STUBBORN = '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('here', flush=True)
time.sleep(1000)
'''
SLEEPING = "import time; time.sleep(1000)"
# Its main thread has ended, so that the system shows the process as a zombie; another thread lives.
HEADLESS = '''
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
if os.fork() == 0:
    time.sleep(1000)
ctypes.CDLL(None).pthread_exit(None)
'''

@operator
def launch(a: str) -> int:
    return subprocess.run([sys.executable, "-c", LAUNCHER, a, SAVING]).returncode

@operator
def saving(a: str) -> int:
    return subprocess.run([sys.executable, "-c", SAVING, a], start_new_session=True).returncode

@operator
def stubborn(a: int) -> int:
    for _ in range(a):
        subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    time.sleep(1000)
    return 1

@operator
def daemons(a: int) -> int:
    for _ in range(a):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                print("here", flush=True)
                time.sleep(1000)
            os._exit(0)
    time.sleep(1000)
    return 1

@operator
def leave(a: str) -> int:
    code = {"stubborn": STUBBORN, "headless": HEADLESS}.get(a, SLEEPING)
    left = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while a == "headless" and ") Z " not in open(f"/proc/{left.pid}/stat").read():
        time.sleep(0.01)
    if a == "crash":
        os.kill(os.getpid(), 11)
    if a == "exit":
        os._exit(3)
    return os.getpid()

@operator
def pid() -> int:
    return os.getpid()

@operator
def visible(a: float) -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-")
"""


def begun() -> list[psutil.Process]:
    """All that lives and that the operators of this process have started, while they run."""
    keeper = keeper_of_this_process()
    return [each for each in keeper.children(recursive=True) if alive(each) and each.ppid() != keeper.pid]


def left(known: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
    """What of an attempt lives: all that is `known` of it, and programs; forks of the keeper have its command."""
    keeper = keeper_of_this_process()
    programs = [each for each in keeper.children(recursive=True) if command(each) != command(keeper)]
    return [each for each in (*known, *programs) if alive(each)]


def alive(process: psutil.Process) -> bool:
    """Whether any thread of it lives."""
    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


async def test_a_launcher_ends_its_workers_in_order(worker: Any, folder: Path) -> None:
    it = await worker(OPS, grace_s=20.0)
    mark = folder / "saved"
    (number,) = it.order(it.grant("launch", str(mark)))
    await until(lambda: {"launched", "here"} <= set(it.lines.get(number, [])))
    it.order(stop=[number])
    assert (await it.ended(number)).failed.cause == ev.CAUSE_CANCELLED
    assert mark.exists()
    assert not left()


async def test_a_program_in_its_own_session_may_save_what_it_has(worker: Any, folder: Path) -> None:
    it = await worker(OPS, grace_s=20.0)
    mark = folder / "saved"
    number = it.grant("saving", str(mark), timeout_s=3.0)
    it.order(number)
    assert (await it.ended(number.grant)).failed.cause == ev.CAUSE_TIMEOUT
    assert mark.exists()
    assert not left()


@pytest.mark.parametrize("operator", ["stubborn", "daemons"])
@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_sessions_and_daemons_end_before_the_report(worker: Any, operator: str, how: str) -> None:
    it = await worker(OPS, grace_s=0.5)
    (number,) = it.order(it.grant(operator, 5, timeout_s=12.0 if how == "timeout" else 0.0))
    await until(lambda: it.lines.get(number, []).count("here") == 5)
    theirs = begun()
    assert len(theirs) == 5
    if how == "cancel":
        it.order(stop=[number])
    cause = ev.CAUSE_CANCELLED if how == "cancel" else ev.CAUSE_TIMEOUT
    assert (await it.ended(number)).failed.cause == cause
    assert not left(theirs)


@pytest.mark.parametrize("how", ["return", "stubborn", "headless", "crash", "exit"])
async def test_what_an_operator_leaves_ends_before_its_report(
    worker: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_executors.process.GRACE_S", 1.0)
    it = await worker(OPS, cores=1)
    before = result(await it.run("pid"))
    report = await it.run("leave", how)
    assert not left()
    if how in ("return", "stubborn", "headless"):
        assert result(report) == before
    else:
        assert report.failed.cause == ev.CAUSE_EXITED and report.failed.duration_us > 0
    assert result(await it.run("pid")) != before


async def test_a_gpu_is_given_on_once_nothing_of_its_action_is_left(worker: Any) -> None:
    it = await worker(OPS, grace_s=1.0, gpus=["0"])
    first, second = it.order(it.grant("stubborn", 2, gpu=1), it.grant("visible", 0.0, gpu=1))
    await until(lambda: it.lines.get(first, []).count("here") == 2)
    it.order(stop=[first])
    assert result(await it.ended(second)) == "0"
    assert it.ends(first) and not left()


WORKER = """
import asyncio, sys
from pathlib import Path
from penstock_executors.process import ProcessExecutor
from tests.executors.harness import Worker, until

async def main():
    it = Worker(Path(sys.argv[1]), Path(sys.argv[2]).read_text(), ProcessExecutor(cpu_milli=2000, gpus=()), 5.0)
    await it.agent.open()
    numbers = it.order(it.grant("stubborn", 2), it.grant("daemons", 2))
    await until(lambda: all(it.lines.get(number, []).count("here") == 2 for number in numbers))
    print("ready", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def killed_worker(folder: Path) -> tuple[asyncio.subprocess.Process, list[psutil.Process]]:
    """Return a worker process that runs four processes in sessions of their own, and all that descends from it."""
    (folder / "ops.txt").write_text(OPS)
    arguments = [sys.executable, "-c", WORKER, str(folder), str(folder / "ops.txt")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    theirs = psutil.Process(process.pid).children(recursive=True)
    assert sum("signal.SIG_IGN" in command(each) for each in theirs) == 2
    return process, theirs


async def test_all_ends_with_a_worker_that_is_killed(folder: Path) -> None:
    process, theirs = await killed_worker(folder)
    process.kill()
    await process.wait()
    await until(lambda: not any(map(alive, theirs)))  # without another worker


async def test_what_a_killed_keeper_left_ends_too(folder: Path, worker: Any) -> None:
    process, theirs = await killed_worker(folder)
    (keeper,) = [each for each in theirs if each.ppid() == process.pid]
    keeper.kill()
    await until(lambda: not any(map(alive, theirs)))  # the worker finds them
    process.kill()
    await process.wait()


async def test_a_worker_ends_what_one_before_it_left(folder: Path, worker: Any) -> None:
    process, theirs = await killed_worker(folder)
    (keeper,) = [each for each in theirs if each.ppid() == process.pid]
    keeper.suspend()
    process.kill()
    await process.wait()
    assert any(map(alive, theirs))
    await worker(OPS)
    await until(lambda: not any(map(alive, theirs)))


async def test_a_killed_keeper_costs_what_ran_and_nothing_more(worker: Any) -> None:
    others = psutil.Process().children(recursive=True)

    def ours() -> list[psutil.Process]:
        found = psutil.Process().children(recursive=True)
        return [each for each in found if each not in others and alive(each)]

    it: Worker = await worker(OPS)
    running = it.order(it.grant("stubborn", 1), it.grant("daemons", 1))
    await until(lambda: all("here" in it.lines.get(number, []) for number in running))
    keeper = keeper_of_this_process()
    keeper.kill()
    for number in running:
        failed = (await it.ended(number)).failed
        assert failed.cause == ev.CAUSE_LOST and "was killed" in failed.failure.message
    assert not ours()
    assert result(await it.run("pid")) > 0
    await it.agent.close()
    assert not ours()

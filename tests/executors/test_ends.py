"""Actions that are killed, stopped, late or gone: real processes, real signals."""

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import result, until

OPS = """
import os, signal, subprocess, sys, time
from penstock import operator

@operator
def add(a: int, b: int) -> int:
    return a + b

@operator
def pid(a: int) -> int:
    return os.getpid()

@operator
def sleep(a: float) -> float:
    print("sleeps", flush=True)
    time.sleep(a)
    return a

@operator
def tidy(a: str) -> int:
    try:
        print("sleeps", flush=True)
        time.sleep(100)
    finally:
        open(a, "w").close()
    return 1

@operator
def stubborn() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("sleeps", flush=True)
    time.sleep(100)
    return 1

@operator
def finishes() -> int:
    try:
        print("sleeps", flush=True)
        time.sleep(100)
    except BaseException:
        return 7
    return 1

@operator
def leave(a: int) -> int:
    os._exit(a)

@operator
def kill(a: int) -> int:
    os.kill(os.getpid(), a)
    time.sleep(100)
    return 1

@operator
def many(a: int) -> int:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
    pids = [subprocess.Popen([sys.executable, "-c", code]).pid for _ in range(a)]
    print(" ".join(map(str, pids)), flush=True)
    time.sleep(100)
    return 1

@operator
def forge(a: str) -> int:
    for fd in range(3, 1000):
        try:
            os.write(fd, bytes.fromhex(a))
        except OSError:
            pass
    time.sleep(100)
    return 1

@operator
def visible(a: float) -> str:
    time.sleep(a)
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-")
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_process_that_ends_by_itself_is_told(worker: Any) -> None:
    it = await worker(OPS)
    left = (await it.run("leave", 3)).failed
    assert left.cause == ev.CAUSE_EXITED and "exited with code 3" in left.failure.message
    killed = (await it.run("kill", int(signal.SIGKILL))).failed
    assert killed.cause == ev.CAUSE_EXITED and "SIGKILL (out of memory?)" in killed.failure.message
    crashed = (await it.run("kill", int(signal.SIGSEGV))).failed
    assert crashed.cause == ev.CAUSE_EXITED and "SIGSEGV" in crashed.failure.message
    assert result(await it.run("add", 1, 1)) == 2


async def test_those_behind_a_dead_action_still_run_once(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    for _ in range(3):
        await it.run("add", 1, 1)
        await it.run("leave", 1)
    grants = [it.grant("leave", 1) if index % 10 == 5 else it.grant("add", 1, inputs=[index]) for index in range(60)]
    numbers = it.order(*grants)
    ends = [await it.ended(number) for number in numbers]
    for index, end in enumerate(ends):
        if index % 10 == 5:
            assert end.failed.cause == ev.CAUSE_EXITED
        else:
            assert result(end) == index + 1
    it.order(recorded=numbers)
    assert not {each.grant for each in it.agent.register().held} & set(numbers)


async def test_a_timeout_ends_the_process(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    before = result(await it.run("pid", 1))
    late = (await it.run("sleep", 100.0, timeout_s=0.2)).failed
    assert late.cause == ev.CAUSE_TIMEOUT and "0.2 s" in late.failure.message
    assert "in sleep" in late.failure.traceback  # where it was
    await until(lambda: gone(before))
    assert result(await it.run("pid", 1)) != before


async def test_who_ignores_the_timeout_is_killed_after_the_grace_period(worker: Any) -> None:
    it = await worker(OPS, grace_s=0.2)
    late = (await it.run("stubborn", timeout_s=0.5)).failed
    assert late.cause == ev.CAUSE_TIMEOUT


async def test_a_stopped_process_times_out(worker: Any) -> None:
    it = await worker(OPS, grace_s=0.5)
    pid = result(await it.run("pid", 1))
    (number,) = it.order(it.grant("sleep", 100.0, timeout_s=1.0))
    await it.printed(number, "sleeps")
    for child in psutil.Process().children(recursive=True):
        if child.pid == pid:
            child.suspend()
    assert (await it.ended(number)).failed.cause == ev.CAUSE_TIMEOUT


async def test_a_stop_lets_the_operator_clean_up(worker: Any, folder: Path) -> None:
    it = await worker(OPS)
    mark = folder / "mark"
    (number,) = it.order(it.grant("tidy", str(mark)))
    await it.printed(number, "sleeps")
    it.order(stop=[number])
    assert (await it.ended(number)).failed.cause == ev.CAUSE_CANCELLED
    assert mark.exists()


async def test_what_ends_well_in_the_grace_period_counts(worker: Any) -> None:
    it = await worker(OPS)
    (number,) = it.order(it.grant("finishes"))
    await it.printed(number, "sleeps")
    it.order(stop=[number])
    assert result(await it.ended(number)) == 7
    assert result(await it.run("add", 1, 1)) == 2


async def test_what_waits_is_stopped_at_once(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    first, second, third = it.order(it.grant("sleep", 0.5), it.grant("add", 1, 1), it.grant("add", 1, 2))
    it.order(stop=[second])
    assert [each.failed.cause for each in it.ends(second)] == [ev.CAUSE_CANCELLED]
    assert result(await it.ended(third)) == 3
    assert result(await it.ended(first)) == 0.5


async def test_what_was_handed_over_is_had_back(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    pid = result(await it.run("pid", 1))
    await it.run("add", 1, 1)
    await it.run("sleep", 0.0)
    (running,) = it.order(it.grant("sleep", 0.3))  # expected to be short, so others go behind it
    stopped, other = it.order(it.grant("add", 1, 2), it.grant("pid", 2))
    it.order(stop=[stopped])
    assert [each.failed.cause for each in it.ends(stopped)] == [ev.CAUSE_CANCELLED]
    assert result(await it.ended(other)) == pid
    assert result(await it.ended(running)) == 0.3


async def test_nobody_waits_behind_one_that_takes_unexpectedly_long(worker: Any) -> None:
    it = await worker(OPS, cores=2)
    for _ in range(2):
        await it.run("sleep", 0.0)
        await it.run("add", 1, 1)
    longs = it.order(it.grant("sleep", 100.0))
    numbers = it.order(*[it.grant("add", 1, inputs=[index]) for index in range(30)])
    for number in numbers:
        await it.ended(number)
    assert not it.ends(longs[0])


async def test_all_that_an_action_started_ends_with_it(worker: Any) -> None:
    it = await worker(OPS, grace_s=0.3)
    (number,) = it.order(it.grant("many", 20))
    await until(lambda: number in it.lines)
    pids = [int(each) for each in it.lines[number][0].split()]
    assert len(pids) == 20
    it.order(stop=[number])
    assert (await it.ended(number)).failed.cause == ev.CAUSE_CANCELLED
    await until(lambda: all(map(gone, pids)))


@pytest.mark.parametrize("message", ["0a022863", "ff"], ids=["of another grant", "garbage"])
async def test_a_forged_report_is_not_believed(worker: Any, message: str) -> None:
    it = await worker(OPS)
    number = (await it.run("forge", message, timeout_s=20.0)).grant
    assert it.ends(number)[0].failed.cause == ev.CAUSE_EXITED
    assert {each.grant for each in it.reports} == {number}


async def test_recorded_elsewhere_means_stop_without_a_report(worker: Any) -> None:
    it = await worker(OPS)
    pid = result(await it.run("pid", 1))
    (number,) = it.order(it.grant("sleep", 100.0))
    await it.printed(number, "sleeps")
    it.order(recorded=[number])
    await until(lambda: gone(pid))
    await it.run("add", 1, 1)
    assert not it.ends(number)


async def test_each_action_has_its_own_gpus(worker: Any) -> None:
    it = await worker(OPS, cores=4, gpus=["0", "1", "2"])
    numbers = it.order(it.grant("visible", 0.3, gpu=1), it.grant("visible", 0.3, gpu=1), it.grant("visible", 0.0))
    seen = [result(await it.ended(number)) for number in numbers]
    assert seen[2] == "" and {seen[0], seen[1]} < {"0", "1", "2"} and seen[0] != seen[1]
    two = result(await it.run("visible", 0.0, gpu=2)).split(",")
    assert len(set(two)) == 2
    refused = (await it.run("visible", 0.0, gpu=4)).failed
    assert refused.cause == ev.CAUSE_WORKER and "4 GPUs" in refused.failure.message


async def test_gpus_and_cores_are_never_given_twice(worker: Any) -> None:
    it = await worker(OPS, cores=2, gpus=["0"])
    numbers = it.order(*[it.grant("visible", 0.05, gpu=1) for _ in range(4)], *[it.grant("add", 1, 1)])
    assert result(await it.ended(numbers[-1])) == 2
    for number in numbers[:-1]:
        assert result(await it.ended(number)) == "0"


async def test_an_executor_that_closes_leaves_no_process(worker: Any) -> None:
    it = await worker(OPS)
    (number,) = it.order(it.grant("many", 3))
    await until(lambda: number in it.lines)
    pids = [child.pid for child in psutil.Process().children(recursive=True)]
    mine = [int(each) for each in it.lines[number][0].split()]
    assert set(mine) <= set(pids)
    await it.agent.close()
    await until(lambda: all(map(gone, mine)))

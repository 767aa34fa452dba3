"""What an operator forks has the usual signal actions and none of the harness' own descriptors."""

from typing import Any

from tests.executors.harness import result

OPS = """
import multiprocessing, os, signal, time
from penstock import operator

def square(x):
    return x * x

@operator
def pools(a: int) -> int:
    total = 0
    for _ in range(a):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            total += sum(pool.map(square, range(4)))
    return total

@operator
def terminated(a: int) -> list[int]:
    codes = []
    for _ in range(a):
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(100,))
        process.start()
        process.terminate()  # most likely before the kernel has let it run
        process.join(10)
        codes.append(process.exitcode)
    return sorted(set(codes), key=str)

def seen(pipe):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    sockets = [fd for fd in os.listdir("/proc/self/fd") if "socket" in link(fd)]
    pipe.send([str(signal.getsignal(signal.SIGTERM)), sorted(map(int, blocked)), sockets])

def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""

def look():
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=seen, args=(theirs,))
    process.start()
    answer = ours.recv()
    process.join()
    return answer

@operator
def inherited() -> list[list]:
    default = look()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    own = look()
    blocked = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    return [default, own, blocked]
"""


async def test_a_fork_that_is_terminated_at_once_ends(worker: Any) -> None:
    it = await worker(OPS)
    assert result(await it.run("terminated", 300, timeout_s=50.0)) == [-15]


async def test_pools_one_after_the_other_do_not_hang(worker: Any) -> None:
    it = await worker(OPS)
    assert result(await it.run("pools", 40, timeout_s=50.0)) == 40 * 14


async def test_forks_inherit_the_operators_handlers_only(worker: Any) -> None:
    it = await worker(OPS)
    default, own, blocked = result(await it.run("inherited"))
    assert default == ["0", [], []]  # SIG_DFL
    assert own == ["1", [], []]  # SIG_IGN
    assert blocked == []

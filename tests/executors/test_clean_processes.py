"""An operator's process is handed on as it was, or not at all."""

from typing import Any

import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import Worker, result

OPS = """
import decimal, gc, hashlib, locale, os, resource, signal, subprocess, sys, threading, time, warnings
from penstock import operator

os.environ["SET_AT_IMPORT"] = "kept"

@operator
def dirty(a: str) -> int:
    exec(CHANGES[a])
    return os.getpid()

@operator
def state() -> list:
    found = [
        os.getpid(),
        sorted(name for name in os.environ if name != "TRACEPARENT"),
        os.environ.get("HOME"),
        subprocess.run(["env"], capture_output=True, text=True).stdout.count("LEAKED"),
        os.umask(0o022),
        sys.path,
        os.getcwd().rpartition("-")[0],
        [str(signal.getsignal(number)) for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGINT, signal.SIGCHLD)],
        signal.getitimer(signal.ITIMER_REAL)[0],
        sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        list(resource.getrlimit(resource.RLIMIT_CPU)),
        threading.active_count(),
        str(decimal.Decimal(1) / 3),
        locale.setlocale(locale.LC_ALL),
        sys.getrecursionlimit(),
        gc.isenabled(),
        len(warnings.filters),
        os.getpriority(os.PRIO_PROCESS, 0),
        sys.gettrace() is None,
        os.isatty(0),
        bool(os.listdir()),
    ]
    return [each if len(repr(each)) < 30 else hashlib.sha256(repr(each).encode()).hexdigest()[:16] for each in found]

CHANGES = {
    "environment": "os.environ['LEAKED'] = 'secret'; os.environ['HOME'] = '/nowhere'; del os.environ['PATH']",
    "umask": "os.umask(0o077)",
    "path": "sys.path.insert(0, '/nowhere')",
    "other path": "sys.path = ['/nowhere']",
    "handlers": "signal.signal(signal.SIGUSR1, print); signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "alarm": "signal.signal(signal.SIGALRM, print); signal.alarm(30)",
    "interval": "signal.setitimer(signal.ITIMER_PROF, 30, 30)",
    "mask": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})",
    "limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
    "decimal": "decimal.getcontext().prec = 50",
    "locale": "locale.setlocale(locale.LC_ALL, 'C.UTF-8'); locale.setlocale(locale.LC_NUMERIC, 'C')",
    "recursion": "sys.setrecursionlimit(12345)",
    "gc": "gc.disable()",
    "warnings": "warnings.simplefilter('error')",
    "trace": "sys.settrace(lambda *_: None)",
    "stdin": "os.close(0)",
    "folder": "open('left', 'w').close(); os.chdir('/')",
    "no folder": "import shutil; shutil.rmtree(os.getcwd())",
    "moved folder": "os.rename(os.getcwd(), os.getcwd() + '.moved')",
    "thread": "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "bare thread": "import _thread; _thread.start_new_thread(time.sleep, (1000,)); time.sleep(0.2)",
    "child": "subprocess.Popen(['sleep', '1000'])",
    "fork": "os.fork() or time.sleep(1000)",
    "files": "globals().setdefault('kept', []).extend(open('/dev/null') for _ in range(300))",
    "priority": "os.nice(1)",
}
"""
PUT_BACK = [
    "environment", "umask", "path", "other path", "handlers", "alarm", "interval", "mask", "limit", "decimal", "locale",
    "recursion", "gc", "warnings", "trace", "stdin", "folder",
]  # fmt: skip
REPLACED = ["thread", "bare thread", "child", "fork", "files", "priority", "no folder", "moved folder"]


async def test_what_an_operator_changes_is_put_back(worker: Any) -> None:
    it: Worker = await worker(OPS, cores=1)
    before = result(await it.run("state"))
    for change in PUT_BACK:
        assert result(await it.run("dirty", change)) == before[0], change
        assert result(await it.run("state")) == before, change


@pytest.mark.parametrize("change", REPLACED)
async def test_a_process_that_cannot_be_put_back_is_replaced(worker: Any, change: str) -> None:
    it: Worker = await worker(OPS, cores=1)
    before = result(await it.run("state"))
    await it.run("dirty", "alarm")
    numbers = it.order(*[it.grant("dirty", change), *[it.grant("state") for _ in range(3)]])
    assert result(await it.ended(numbers[0])) == before[0]
    after = [result(await it.ended(number)) for number in numbers[1:]]
    assert after[0][0] != before[0]
    assert [state[1:] for state in after] == [before[1:]] * 3


async def test_a_process_never_serves_two_teams(worker: Any) -> None:
    it: Worker = await worker(OPS, cores=1)
    pids: dict[str, set[int]] = {}
    for team in ("a", "b", "a", "b", "", "a"):
        grant = it.grant("dirty", "umask")
        grant.team = team
        (number,) = it.order(grant)
        pids.setdefault(team, set()).add(result(await it.ended(number)))
    used = [pid for each in pids.values() for pid in each]
    assert len(used) == len(set(used))


LEFTOVERS = """
import os, subprocess, sys, threading, time
from penstock import operator

@operator
def leaves() -> int:
    code = "\\n".join([
        "import signal, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "while True: print('a line of the first run', flush=True); time.sleep(0.01)",
    ])
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    def talk():
        while True:
            print("a thread of the first run", flush=True)
            time.sleep(0.01)
    threading.Thread(target=talk, daemon=True).start()
    time.sleep(1)
    print("the end of the first")
    return os.getpid()

@operator
def silent() -> int:
    time.sleep(0.5)
    print("second")
    return os.getpid()
"""


async def test_output_belongs_to_the_attempt_that_wrote_it(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_executors.process.GRACE_S", 1.0)
    it: Worker = await worker(LEFTOVERS, cores=1)
    first, *others = it.order(it.grant("leaves"), *[it.grant("silent") for _ in range(3)])
    pid = result(await it.ended(first))
    assert "a line of the first run" in it.lines[first] and "a thread of the first run" in it.lines[first]
    for number in others:
        assert result(await it.ended(number)) != pid
        assert it.lines[number] == ["second"]


SLOW = """
import os, sys, time
from penstock import operator
time.sleep(2.5)

@operator
def quick(a: int) -> int:
    return a

@operator
def slow(a: float) -> int:
    time.sleep(a)
    return 1

@operator
def dies(a: float) -> int:
    time.sleep(a)
    os._exit(3)
"""


async def test_the_timeout_starts_when_the_operator_is_called(worker: Any) -> None:
    it: Worker = await worker(SLOW, cores=1)
    assert result(await it.run("quick", 7, timeout_s=0.5)) == 7  # the import takes five times as long
    failed = (await it.run("slow", 100.0, timeout_s=0.5)).failed
    assert failed.cause == ev.CAUSE_TIMEOUT and failed.duration_us >= 500_000


async def test_an_attempt_that_died_shows_how_long_it_ran(worker: Any) -> None:
    it: Worker = await worker(SLOW, cores=1)
    failed = (await it.run("dies", 0.3)).failed
    assert failed.cause == ev.CAUSE_EXITED and failed.duration_us >= 300_000


async def test_what_is_not_called_in_time_is_not_the_operators_fault(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_executors.core.PREPARE_S", 1.0)
    monkeypatch.setattr("penstock_executors.slots.PREPARE_S", 1.0)
    it: Worker = await worker(SLOW, cores=1, grace_s=0.5)
    failed = (await it.run("quick", 7, timeout_s=100.0)).failed
    assert failed.cause == ev.CAUSE_LOST
    assert "was not called within 1 s: its code is imported" in failed.failure.message


HUNGRY = """
import os, subprocess, sys, time
from penstock import operator

@operator
def itself(a: int) -> int:
    held = []
    for _ in range(a):
        held.append(bytearray(os.urandom(1) * (16 << 20)))
        time.sleep(0.02)
    time.sleep(2)
    return len(held)

@operator
def by_others(a: int) -> int:
    code = "import sys, time; held = bytearray(b'x' * (int(sys.argv[1]) << 20)); time.sleep(100)"
    each = [subprocess.Popen([sys.executable, "-c", code, str(a)], start_new_session=True) for _ in range(4)]
    return each[0].wait()

@operator
def shared(a: int) -> int:
    held = bytearray(b"x" * (a << 20))
    pids = []
    for _ in range(6):
        pid = os.fork()
        if pid == 0:
            time.sleep(1)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return len(held) >> 20
"""


def hungry(it: Worker, operator: str, amount: int, memory: int) -> int:
    grant = it.grant(operator, amount)
    grant.resources.memory_bytes = memory << 20
    (number,) = it.order(grant)
    return number


@pytest.mark.parametrize(("operator", "amount"), [("itself", 100), ("by_others", 100)])
async def test_declared_memory_is_a_limit(worker: Any, operator: str, amount: int) -> None:
    it: Worker = await worker(HUNGRY)
    failed = (await it.ended(hungry(it, operator, amount, 128))).failed
    assert failed.cause == ev.CAUSE_OUT_OF_MEMORY
    assert "it declares 128 MiB" in failed.failure.message
    used = int(failed.failure.message.partition(" used ")[2].split()[0])
    assert 128 <= used < 800
    assert failed.duration_us > 0
    assert result(await it.ended(hungry(it, "itself", 1, 128))) == 1


async def test_memory_that_forks_share_counts_once(worker: Any) -> None:
    it: Worker = await worker(HUNGRY)
    assert result(await it.ended(hungry(it, "shared", 150, 450))) == 150


async def test_nothing_declared_is_no_limit(worker: Any) -> None:
    it: Worker = await worker(HUNGRY)
    assert result(await it.ended(hungry(it, "itself", 40, 512))) == 40
    assert result(await it.ended(hungry(it, "itself", 10, 0))) == 10

"""What operators return and raise, and what the report says of it: real processes."""

from typing import Any

import pytest
from penstock_executors import downloads, intake
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import result

OPS = """
import os, sys, threading
from typing import NamedTuple
from penstock import operator

class Split(NamedTuple):
    left: int
    right: str

class Odd:
    pass

@operator
def add(a: int, b: int) -> int:
    return a + b

@operator
def length(a: str) -> int:
    return len(a)

@operator
def total(items: list[int]) -> int:
    return sum(items)

@operator
def split(a: int) -> Split:
    return Split(a, str(a))

@operator
def nothing() -> None:
    return None

@operator
def deep(a: int) -> int:
    return inner(a)

def inner(a):
    raise ValueError(f"no {a}")

@operator
def silent_error() -> int:
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("mute")
    raise Mute()

@operator
def long_error() -> int:
    raise ValueError("x" * 100_000)

@operator
def quit(a: int) -> int:
    sys.exit(a)

@operator
def interrupt() -> int:
    raise KeyboardInterrupt

@operator
def no_memory() -> int:
    raise MemoryError

@operator
def odd() -> Odd:
    return Odd()

@operator
def wrong() -> int:
    return "text"

@operator
def half() -> Split:
    return (1, "2")

@operator
def big(a: int) -> bytes:
    return bytes(a)

@operator
def recurse() -> int:
    return recurse.fn()

@operator
def untidy(a: str) -> str:
    found = f"{os.getcwd() != a} {sys.stdout is not None}"
    os.chdir("/")
    open(os.path.join(a or "/tmp", "left"), "w").close() if a else None
    sys.stdout = None
    return found

@operator
def where() -> str:
    return os.getcwd() + " " + " ".join(os.listdir("."))

@operator
def private() -> str:
    return " ".join(name for name in os.environ if name.startswith("PENSTOCK_"))

@operator
def forked() -> int:
    os.fork()
    return 1

@operator
def undecorated_inside(a: int) -> int:
    return add(a, a)

@operator
def ordered() -> list[str]:
    return list({str(index) for index in range(100)})

def plain(a: int) -> int:
    return a * 3
"""


async def test_values_come_back(worker: Any) -> None:
    it = await worker(OPS)
    assert result(await it.run("add", 2, inputs=[3])) == 5
    both = await it.run("split", 7, outputs=["left", "right"])
    assert (result(both, 0), result(both, 1)) == (7, "7")
    none = await it.run("nothing", outputs=[])
    assert none.HasField("succeeded") and not none.succeeded.outputs.values
    assert result(await it.run("undecorated_inside", 4)) == 8
    assert result(await it.run("plain", 4)) == 12


async def test_the_report_names_the_action(worker: Any) -> None:
    it = await worker(OPS)
    report = await it.run("add", 1, 1)
    assert (report.run_id, report.node, report.attempt, report.worker) == (b"r" * 16, 0, 1, "w1")
    assert report.succeeded.duration_us >= 0


async def test_an_error_shows_the_users_frames_only(worker: Any) -> None:
    it = await worker(OPS)
    failed = (await it.run("deep", 9)).failed
    assert (failed.cause, failed.failure.type, failed.failure.message) == (ev.CAUSE_USER, "ValueError", "no 9")
    lines = failed.failure.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "ops.py" in lines[1] and "in deep" in lines[1]
    assert "penstock/invocation" not in failed.failure.traceback
    assert not failed.final


async def test_errors_are_kept_within_limits(worker: Any) -> None:
    it = await worker(OPS)
    failure = (await it.run("long_error")).failed.failure
    assert len(failure.message.encode()) <= 8 << 10 and len(failure.traceback.encode()) <= 32 << 10
    failure = (await it.run("silent_error")).failed.failure
    assert "__str__" in failure.message
    failure = (await it.run("recurse")).failed.failure
    assert failure.type == "RecursionError" and len(failure.traceback) < 10_000


async def test_whatever_is_raised_is_the_operators(worker: Any) -> None:
    it = await worker(OPS)
    exited = (await it.run("quit", 3)).failed
    assert exited.cause == ev.CAUSE_USER and "sys.exit(3)" in exited.failure.message
    assert (await it.run("interrupt")).failed.failure.type == "KeyboardInterrupt"
    assert (await it.run("no_memory")).failed.cause == ev.CAUSE_OUT_OF_MEMORY
    assert result(await it.run("add", 1, 1)) == 2


async def test_a_bad_result_says_what_to_do(worker: Any) -> None:
    it = await worker(OPS)
    odd = (await it.run("odd")).failed
    assert odd.cause == ev.CAUSE_BAD_RESULT and odd.final
    assert "output 'result' of ops:odd" in odd.failure.message and "Odd" in odd.failure.message
    wrong = (await it.run("wrong")).failed
    assert wrong.cause == ev.CAUSE_BAD_RESULT and "int" in wrong.failure.message and "str" in wrong.failure.message
    half = (await it.run("half", outputs=["left", "right"])).failed
    assert half.cause == ev.CAUSE_BAD_RESULT and "Split" in half.failure.message


async def test_a_large_result_becomes_an_artifact(worker: Any) -> None:
    it = await worker(OPS)
    output = (await it.run("big", 3_000_000)).succeeded.outputs.values[0]
    assert output.WhichOneof("body") == "artifact"
    assert it.store.size(output.artifact) == output.size_bytes >= 3_000_000


async def test_what_cannot_be_loaded_is_named(worker: Any) -> None:
    it = await worker(OPS + "\n")
    gone = (await it.run("add", 1, 1, module="absent")).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and gone.final and "absent" in gone.failure.message
    gone = (await it.run("absent")).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "ops:absent" in gone.failure.message
    gone = (await it.run("add", 1)).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "b" in gone.failure.message
    gone = (await it.run("add", 1, "text")).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "arguments of ops:add" in gone.failure.message
    it.edit("import no_such_library\n")
    gone = (await it.run("add", 1, 1)).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "install no_such_library" in gone.failure.message
    it.edit("def add(a: int, b: int) -> int:\n  return a +\n")
    gone = (await it.run("add", 1, 1)).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "SyntaxError" in gone.failure.message
    it.edit("raise SystemExit(1)\n")
    assert (await it.run("add", 1, 1)).failed.cause == ev.CAUSE_NOT_LOADABLE


async def test_edited_code_runs_at_once(worker: Any) -> None:
    it = await worker(OPS)
    before = it.grant("add", 1, 1)
    assert result(await it.ended(*it.order(before))) == 2
    it.edit(OPS.replace("a + b", "a - b"))
    assert result(await it.run("add", 1, 1)) == 0
    old = it.grant("add", 1, 1)
    old.plan, old.bundle = before.plan, before.bundle
    assert result(await it.ended(*it.order(old))) == 2


async def test_the_next_action_finds_the_process_as_it_was(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    first = result(await it.run("where"))
    home = first.strip()
    await it.run("untidy", home)
    assert result(await it.run("where")) == first
    assert result(await it.run("untidy", home)) == "False True"


async def test_operators_do_not_see_penstocks_own_variables(worker: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PENSTOCK_TOKEN", "secret")
    it = await worker(OPS)
    assert result(await it.run("private")) == ""


async def test_a_fork_that_returns_is_not_a_second_result(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    numbers = [(await it.run("forked")).grant for _ in range(5)]
    assert result(await it.run("add", 1, 1)) == 2
    assert all(len(it.ends(number)) == 1 for number in numbers)


async def test_a_thousand_actions_each_end_once(worker: Any) -> None:
    it = await worker(OPS)
    grants = [it.grant("add", 1, inputs=[index]) for index in range(1000)]
    for start in range(0, 1000, 50):
        it.order(*grants[start : start + 50])
    ends = [await it.ended(grant.grant) for grant in grants]
    assert [result(end) for end in ends] == [index + 1 for index in range(1000)]
    it.order(recorded=[grant.grant for grant in grants])
    assert not it.agent.register().held


async def test_many_grants_of_one_slot_keep_their_order(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    await it.run("add", 1, 1)
    numbers = it.order(*[it.grant("add", 1, inputs=[index]) for index in range(200)])
    for number in numbers:
        await it.ended(number)
    order = [each.grant for each in it.reports if each.HasField("succeeded") and each.grant in numbers]
    assert list(dict.fromkeys(order)) == numbers


async def test_a_repeated_grant_runs_once(worker: Any) -> None:
    it = await worker(OPS)
    grant = it.grant("add", 1, 1)
    it.order(grant, grant)
    it.order(grant)
    await it.ended(grant.grant)
    it.order(recorded=[grant.grant])
    seen = len(it.reports)
    it.order(grant)
    await it.run("add", 1, 2)
    assert all(each.grant != grant.grant for each in it.reports[seen:])


async def test_inputs_that_are_too_large_for_the_socket_go_by_a_file(worker: Any) -> None:
    it = await worker(OPS)
    large = "x" * 300_000
    assert result(await it.run("length", inputs=[large])) == 300_000
    assert result(await it.run("length", inputs=["y"])) == 1
    assert not list((it.folder / "scratch" / "inputs").iterdir())


async def test_inputs_by_reference_are_read_from_the_log(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "REFS_AT_ONCE", 100)
    it = await worker(OPS)
    grant = it.join("total", range(5, 1_005))
    it.away = 3
    it.order(grant)
    assert result(await it.ended(grant.grant)) == sum(range(5, 1_005))
    assert not list((it.folder / "scratch" / "inputs").iterdir())


async def test_a_join_is_held_while_its_inputs_are_read_and_can_be_stopped(worker: Any) -> None:
    it = await worker(OPS)
    grant = it.join("total", range(10))
    it.away = 1_000_000
    it.order(grant)
    assert [held.grant for held in it.agent.register().held] == [grant.grant]
    assert not it.agent.register().held[0].refs
    it.order(stop=[grant.grant])
    assert (await it.ended(grant.grant)).failed.cause == ev.CAUSE_CANCELLED


async def test_a_join_whose_inputs_cannot_be_read_for_long_costs_no_attempt(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "HOLD_S", 0.2)
    it = await worker(OPS)
    grant = it.join("total", range(10))
    it.away = 1_000_000
    it.order(grant)
    gone = (await it.ended(grant.grant)).failed
    assert gone.returned and "no State Tracker responds" in gone.failure.message


async def test_a_plan_that_cannot_be_fetched_now_is_waited_for(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSE_MAX_S", 0.1)
    it = await worker(OPS)
    it.away = 20
    assert result(await it.run("add", 1, 1)) == 2
    assert not it.away


async def test_a_plan_that_cannot_be_fetched_for_long_costs_no_attempt(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "HOLD_S", 0.2)
    it = await worker(OPS)
    it.away = 1_000_000
    gone = (await it.run("add", 1, 1)).failed
    assert gone.returned and "no State Tracker responds" in gone.failure.message
    it.away = 0
    assert result(await it.run("add", 1, 1)) == 2


async def test_a_bundle_that_no_project_has_is_not_read(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    it = await worker(OPS)
    monkeypatch.setattr(downloads, "ARCHIVE_BYTES_MAX", it.store.size(it.bundle) - 1)
    gone = (await it.run("add", 1, 1)).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "the limit is" in gone.failure.message


async def test_a_bundle_that_is_not_there_is_said(worker: Any) -> None:
    it = await worker(OPS)
    it.bundle = b"0" * 32
    gone = (await it.run("add", 1, 1)).failed
    assert gone.cause == ev.CAUSE_NOT_LOADABLE and "30303030" in gone.failure.message
    it.edit(OPS)
    assert result(await it.run("add", 1, 1)) == 2


async def test_sets_of_strings_have_one_order(worker: Any) -> None:
    it = await worker(OPS)
    first = result(await it.run("ordered"))
    it.edit(OPS + "\n")
    assert result(await it.run("ordered")) == first

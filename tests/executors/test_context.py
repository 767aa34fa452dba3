"""What operators learn of themselves, keep for their next attempt, and say of how far they are."""

import math
import uuid
from pathlib import Path
from typing import Any

import pytest
from penstock_executors import child_process, scratch
from penstock_proto.action_service.v1.worker_pb2 import Orders
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import RUN, Worker, result, until

OPS = """
import os, signal, subprocess, sys, time
from pathlib import Path
import penstock
from penstock import operator

@operator
def who() -> dict[str, str | int]:
    context = penstock.context()
    return {"run": str(context.run), "node": context.node, "operator": context.operator, "attempt": context.attempt,
            "team": context.team, "worker": context.worker}

@operator
def visits(a: bool) -> int:
    file = penstock.context().scratch / "visits"
    count = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(count))
    if a:
        os.kill(os.getpid(), signal.SIGKILL)
    return count

@operator
def epochs(a: int, b: int) -> list[int]:
    state = penstock.last_checkpoint() or {"epoch": 0, "seen": []}
    for epoch in range(state["epoch"], a):
        state = {"epoch": epoch + 1, "seen": [*state["seen"], penstock.context().attempt]}
        penstock.checkpoint(state)
        if epoch + 1 == b and penstock.context().attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return state["seen"]

@operator
def slow(a: int) -> int:
    for step in penstock.progress(range(a), text="stepping"):
        time.sleep(0.05)
    return a

@operator
def hurry(a: int) -> float:
    began = time.process_time()
    for number in range(a):
        penstock.progress(number + 1, a, "on the way")
    return (time.process_time() - began) / a

@operator
def bar() -> int:
    for percent in range(40):
        sys.stderr.write(f"\\r{percent} %")
        sys.stderr.flush()
        time.sleep(0.1)
    sys.stderr.write("\\rdone\\n")
    return 1

@operator
def forked() -> str:
    pid = os.fork()
    if pid == 0:
        penstock.progress(99, 100)
        try:
            penstock.checkpoint(1)
        except penstock.PenstockError:
            os._exit(7)
        os._exit(0)
    return str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


async def again(it: Worker, before: Any, attempt: int = 2) -> Any:
    """The same action, as its next attempt."""
    grant = type(before)()
    grant.CopyFrom(before)
    grant.attempt, grant.grant = attempt, before.grant + 1000 * attempt
    it.order(grant)
    return await it.ended(grant.grant)


async def test_an_operator_learns_who_it_is(worker: Any) -> None:
    it = await worker(OPS)
    grant = it.grant("who")
    grant.team, grant.attempt = "vision", 3
    it.order(grant)
    assert result(await it.ended(grant.grant)) == {
        "run": str(uuid.UUID(bytes=RUN)), "node": "who", "operator": "ops:who", "attempt": 3, "team": "vision",
        "worker": "w1",
    }  # fmt: skip


async def test_a_scratch_folder_survives_a_crash_and_goes_with_success(worker: Any, folder: Path) -> None:
    it = await worker(OPS)
    first = it.grant("visits", True)
    it.order(first)
    assert (await it.ended(first.grant)).failed.cause == ev.CAUSE_EXITED
    it.order(recorded=[first.grant])
    assert list((folder / "scratch" / "runs").rglob("visits"))
    grant = it.grant("visits", False)
    it.order(grant)
    assert result(await it.ended(grant.grant)) == 2
    it.order(recorded=[grant.grant])
    await until(lambda: not list((folder / "scratch" / "runs").iterdir()))


async def test_a_checkpoint_is_found_by_the_next_attempt(worker: Any, folder: Path) -> None:
    it = await worker(OPS)
    first = it.grant("epochs", 5, 3)
    it.order(first)
    assert (await it.ended(first.grant)).failed.cause == ev.CAUSE_EXITED
    second = await again(it, first)
    assert result(second) == [1, 1, 1, 2, 2]
    it.agent.on_orders(Orders(recorded=[second.grant]))
    await until(lambda: not list((folder / "store" / "checkpoints").iterdir()))
    assert result(await again(it, first, 3)) == [3] * 5  # of a success, nothing is kept


async def test_folders_of_ended_runs_are_swept(worker: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "SWEEP_S", 0.05)
    it = await worker(OPS)
    grant = it.grant("visits", True)
    it.order(grant)
    await it.ended(grant.grant)
    kept = folder / "scratch" / "runs"
    measured = it.agent._scratch
    await until(lambda: measured.size_bytes > 0)
    assert list(kept.rglob("visits"))
    it.ended_runs = {RUN}
    await until(lambda: not list(kept.iterdir()) and measured.size_bytes == 0)


async def test_progress_is_passed_on_while_it_changes(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "PROGRESS_S", 0.1)
    it = await worker(OPS)
    (number,) = it.order(it.grant("slow", 30))
    await until(lambda: any(0 < said.done < 30 for said in it.said.get(number, [])))
    assert not it.ends(number)
    await it.ended(number)
    last = it.said[number][-1]
    assert (last.done, last.total, last.text) == (30, 30, "stepping")
    done = [said.done for said in it.said[number]]
    assert done == sorted(done) and len(done) < 30


async def test_only_the_last_of_many_reports_leaves_the_process(worker: Any) -> None:
    it = await worker(OPS)
    number = (await it.run("hurry", 100_000)).grant
    assert it.said[number][-1].done == 100_000 and len(it.said[number]) < 10


async def test_a_bar_is_shown_while_it_is_drawn(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "PROGRESS_S", 0.1)
    it = await worker(OPS)
    (number,) = it.order(it.grant("bar"))
    await until(lambda: any(said.line.endswith(" %") for said in it.said.get(number, [])))
    assert not it.ends(number) and not it.lines.get(number)
    await it.ended(number)
    assert it.lines[number] == ["done"]
    last = it.said[number][-1]
    assert last.line == "" and not last.HasField("done") and math.isclose(last.total, 0.0)


async def test_a_fork_speaks_for_itself_only(worker: Any) -> None:
    it = await worker(OPS)
    report = await it.run("forked")
    assert result(report) == "7"
    assert report.grant not in it.said

"""What a run executes at its end: after success, failure and cancellation, in any order and over restarts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import operator, testing, workflow
from penstock.errors import CompileErrors, OperatorFailed
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.dynamic.cores import RUN, CoreRun

CALLED: list[str] = []


@operator
def create(size: int) -> str:
    return f"cluster-{size}"


@operator
def train(cluster: str, size: int) -> int:
    if size == 3:
        raise ValueError("no room")
    return size


@operator
def double(x: int) -> int:
    return 2 * x


@operator
def delete(cluster: str) -> str:
    if cluster == "cluster-4":
        raise ValueError("still in use")
    return cluster


@operator
def note(text: str) -> None:
    CALLED.append(text)


@workflow
def guarded(size: int) -> int:
    cluster = create(size)
    with penstock.finally_():
        gone = delete(cluster)
        with penstock.after(gone):
            note("gone")
    with penstock.on_failure():
        note("failed")
    return double(train(cluster, size))


def executed(run: CoreRun) -> set[str]:
    return run.names(node for node, _ in run.executed)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("size", "state", "ends", "failed"),
    [
        (2, ev.RUN_STATE_SUCCEEDED, {"delete", "note"}, ""),
        (3, ev.RUN_STATE_FAILED, {"delete", "note", "note-2"}, ""),
        (4, ev.RUN_STATE_SUCCEEDED, {"delete"}, "delete"),
    ],
)
def test_the_end_is_executed_and_does_not_change_how_the_run_ends(
    tmp_path: Path, seed: int, size: int, state: int, ends: set[str], failed: str
) -> None:
    run = CoreRun(guarded, {"size": size}, seed, tmp_path)
    ended = run.drive()
    assert ended.state == state
    assert executed(run) & {"delete", "note", "note-2"} == ends
    assert (run.names_of[ended.failed_at_end - 1] if ended.failed_at_end else "") == failed
    order = [event.WhichOneof("kind") for event in run.log]
    began = order.index("finally_began")
    of_end = {node for node, name in run.names_of.items() if name in {"delete", "note", "note-2"}}
    first = min(
        at for at, event in enumerate(run.log) if {event.action_succeeded.node, event.action_failed.node} & of_end
    )
    assert began < first and order.count("finally_began") == order.count("run_ended") == 1
    if state == ev.RUN_STATE_SUCCEEDED:
        assert run.result() == 2 * size


def test_a_cancelled_run_cleans_up_and_a_second_cancel_stops_that(tmp_path: Path) -> None:
    run = CoreRun(guarded, {"size": 2}, 1, tmp_path)
    run.step()  # create
    run.record(run.shard.cancel(RUN, ev.Caller(), "enough", 0.0))
    assert run.names(run.starts) == {"delete"}, "what was created is deleted, and nothing else starts"
    assert run.shard.cancel(RUN, ev.Caller(), "", 0.0), "once more stops the end as well"
    run = CoreRun(guarded, {"size": 2}, 1, tmp_path)
    run.step()
    run.record(run.shard.cancel(RUN, ev.Caller(), "enough", 0.0))
    assert run.drive().state == ev.RUN_STATE_CANCELLED
    assert executed(run) == {"create", "delete", "note"}


def test_what_was_not_created_is_not_deleted(tmp_path: Path) -> None:
    run = CoreRun(guarded, {"size": 2}, 1, tmp_path)
    run.record(run.shard.cancel(RUN, ev.Caller(), "", 0.0))
    assert run.log[-1].run_ended.state == ev.RUN_STATE_CANCELLED
    assert run.executed == []


def test_a_test_sees_the_end() -> None:
    CALLED.clear()
    assert testing.run(guarded, size=2) == 4
    with pytest.raises(OperatorFailed, match="no room"):
        testing.run(guarded, size=3)
    assert CALLED == ["gone", "gone", "failed"] or CALLED == ["gone", "failed", "gone"]


def _main_uses_the_end(n: int) -> None:
    with penstock.finally_():
        gone = delete("x")
    train(gone, n)


def _end_in_a_branch(n: int) -> None:
    with penstock.finally_():
        penstock.when(is_odd(n), lambda: double(n), n)


def _end_returned(n: int) -> str:
    create(n)
    with penstock.finally_():
        return delete("x")


def _always_after_a_failure(n: int) -> None:
    create(n)
    with penstock.on_failure():
        gone = delete("x")
    with penstock.finally_():
        delete(gone)


@operator
def is_odd(x: int) -> bool:
    return x % 2 == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (_main_uses_the_end, "comes after 'delete', which is executed at the end of the run"),
        (_end_in_a_branch, "only operators are called"),
        (_end_returned, "is of an operator that is called at the end of the run"),
        (_always_after_a_failure, "which is executed after a failure only"),
    ],
)
def test_what_cannot_be_at_the_end_is_refused(body: Any, says: str) -> None:
    with pytest.raises(CompileErrors, match=re.escape(says)):
        penstock.compile(workflow(body), bundle_hash=b"", local=True)

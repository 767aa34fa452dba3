"""Results that later calls reuse: found by all that decides about them, never once an artifact of theirs is gone."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from penstock_artifact_store import BadLogKey, LocalStore
from penstock_artifact_store import results as module
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.value.v1.value_pb2 import Value, Values

from tests.artifact_store.test_checkpoints import remote as remote  # the fixture

FIRST, SECOND, THIRD = (bytes([number]) * 16 for number in (1, 2, 3))
LARGE = b"x" * 5_000


def call(team: str = "vision", code: bytes = b"1", argument: bytes = b"1", operator: str = "flow:train") -> pb.CallKey:
    key = pb.CallKey(team=team, operator=operator)
    key.parts.add(kind="code", name="flow:train", value=code)
    key.parts.add(kind="argument", name="n", value=argument)
    return key


def place(run: bytes, node: int = 4, attempt: int = 1) -> pb.LogKey:
    return pb.LogKey(run_id=run, node=node, attempt=attempt)


def execute(store: Any, run: bytes, key: pb.CallKey, output: bytes = b"7", node: int = 4, **more: Any) -> bool:
    """Do as a worker does; return whether the result was reused."""
    found = store.find_result(pb.FindResultRequest(execution=place(run, node), name="train", call=key, **more))
    if found.found:
        assert found.reuse.name == "train" and found.outputs.values
        return True
    is_large = len(output) > 1_000
    value = Value(codec="bytes", artifact=store.put(output)) if is_large else Value(codec="json", inline=output)
    store.keep_result(
        pb.KeepResultRequest(execution=place(run, node), name="train", call=key, outputs=Values(values=[value]))
    )
    return False


def exercise(store: Any) -> None:
    """What any store does."""
    assert not execute(store, FIRST, call())
    assert execute(store, SECOND, call())
    assert not execute(store, SECOND, call(team="other"), node=5), "never across teams"
    assert not execute(store, SECOND, call(argument=b"2"), node=6)
    assert not execute(store, SECOND, call(code=b"2"), node=7)
    assert execute(store, THIRD, call(code=b"2"), node=7)
    assert not execute(store, THIRD, call(), no_cache=True)
    assert not execute(store, THIRD, call(), node=8, problem="nobody knows the version of lib")


def test_what_is_found_is_the_same_call_of_the_team(tmp_path: Path) -> None:
    exercise(LocalStore(tmp_path))


async def test_over_grpc(remote: Any) -> None:
    await asyncio.to_thread(exercise, remote)


def test_a_result_whose_artifact_is_gone_or_corrupt_is_not_reused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    execute(store, FIRST, call(), LARGE)
    (path,) = (path for path in (tmp_path / "objects").rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(b"y" * len(LARGE))
    assert not execute(LocalStore(tmp_path), SECOND, call(), LARGE), "it was corrupt, and is computed again"
    assert execute(LocalStore(tmp_path), THIRD, call(), LARGE)
    store.collect([], time.time() + 1)  # nobody refers to it
    assert not execute(LocalStore(tmp_path), SECOND, call(), LARGE)


def test_a_reused_artifact_stays_for_the_grace_period(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    execute(store, FIRST, call(), LARGE)
    (path,) = (path for path in (tmp_path / "objects").rglob("*") if path.is_file())
    os.utime(path, (1, 1))
    assert execute(store, SECOND, call(), LARGE)
    assert store.collect([], time.time() - 60).removed == 0


def test_a_file_that_is_cut_short_is_no_result(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    execute(store, FIRST, call())
    for path in (tmp_path / "results").rglob("*"):
        if path.is_file() and not path.name.startswith("latest"):
            path.write_bytes(path.read_bytes()[:-1])
    assert not execute(store, SECOND, call())


def test_results_are_reused_for_as_long_as_the_operator_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    execute(store, FIRST, call())
    assert execute(store, SECOND, call(), lifetime_s=60.0)
    later = module._now_us() + 61_000_000  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(module, "_now_us", lambda: later)
    assert execute(store, SECOND, call())
    assert not execute(store, SECOND, call(), lifetime_s=60.0)


def test_removed_runs_and_forgotten_results_are_not_reused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    execute(store, FIRST, call())
    execute(store, FIRST, call(argument=b"2"), node=5)
    execute(store, SECOND, call())
    store.results.remove_of_run(SECOND)
    assert execute(store, THIRD, call()), "the second run has not computed it"
    store.results.remove_of_run(FIRST)
    assert not execute(store, THIRD, call())
    execute(store, THIRD, call(operator="flow:other"), node=6)
    forget = store.results.forget
    assert forget(pb.ForgetResultsRequest(team="other")) == 0
    assert forget(pb.ForgetResultsRequest(team="other", run_id=THIRD)) == 0
    assert forget(pb.ForgetResultsRequest(team="vision", run_id=THIRD, node=5)) == 0
    assert forget(pb.ForgetResultsRequest(team="vision", run_id=THIRD, node=4)) == 1
    assert forget(pb.ForgetResultsRequest(team="vision", operator="flow:other")) == 1
    assert not execute(store, THIRD, call())
    assert forget(pb.ForgetResultsRequest(team="vision")) == 1
    with pytest.raises(BadLogKey):
        forget(pb.ForgetResultsRequest(team="vision", run_id=b"../../etc"))


def test_what_a_run_computes_after_its_removal_is_not_kept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.find_result(pb.FindResultRequest(execution=place(FIRST), call=call()))
    store.results.remove_of_run(FIRST)
    store.keep_result(pb.KeepResultRequest(execution=place(FIRST), call=call(), outputs=Values()))
    assert not execute(store, SECOND, call())


def test_each_decision_is_explained_by_the_latest_result_of_the_same_arguments(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    def decision(run: bytes) -> pb.CacheDecision:
        found = store.results.decision(pb.ExplainResultRequest(run_id=run, node=4))
        assert found is not None
        return found

    assert store.results.decision(pb.ExplainResultRequest(run_id=FIRST, node=4)) is None
    execute(store, FIRST, call())
    assert decision(FIRST).reason == module.NONE and not decision(FIRST).HasField("nearest")
    execute(store, FIRST, call(argument=b"2"), node=5)
    execute(store, SECOND, call(code=b"2"))
    assert decision(SECOND).nearest == call() and decision(SECOND).nearest_origin.run_id == FIRST
    execute(store, THIRD, call(argument=b"3"))
    assert decision(THIRD).nearest == call(code=b"2"), "there is none of these arguments"
    execute(store, THIRD, call(), no_cache=True)
    assert decision(THIRD).reason == module.OFF
    execute(store, THIRD, call(code=b"2"))
    assert decision(THIRD).hit.run_id == SECOND and not decision(THIRD).reason


def test_equal_calls_at_the_same_time_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)

    def expected(run: bytes, *, waits: bool = True, attempt: int = 1) -> bool:
        request = pb.FindResultRequest(execution=place(run, attempt=attempt), call=call(), waits=waits)
        return LocalStore(tmp_path).find_result(request).is_expected

    def end(run: bytes, outputs: Values | None = None) -> None:
        store.keep_result(pb.KeepResultRequest(execution=place(run), call=call(), outputs=outputs))

    assert not expected(FIRST)
    assert expected(SECOND) and not expected(SECOND, waits=False), "who does not wait is not held up"
    end(SECOND)
    assert expected(THIRD), "it is the first one that computes it"
    assert not expected(FIRST, attempt=2), "its own next attempt goes on"
    assert expected(THIRD)
    monkeypatch.setattr(module, "LEASE_S", 0.0)
    assert not expected(THIRD), "it takes too long"
    monkeypatch.undo()
    end(THIRD)
    assert not expected(SECOND), "the call failed, and another one is made"
    end(SECOND, Values(values=[Value(codec="json", inline=b"7")]))
    assert not expected(FIRST) and store.find_result(pb.FindResultRequest(execution=place(FIRST), call=call())).found

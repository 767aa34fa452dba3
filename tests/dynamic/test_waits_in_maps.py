"""Waits within maps: each item waits by itself, and a signal names the item that it is for."""

from __future__ import annotations

from pathlib import Path

import penstock
import pytest
from penstock import operator, testing, workflow
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1 import value_pb2
from penstock_state_tracker.errors import BadRequest, SignalRefused

from tests.dynamic.cores import CoreRun


@operator
def items(n: int) -> list[int]:
    return list(range(n))


@operator
def add(x: int, y: int) -> int:
    return x + y


@operator
def total(xs: list[int]) -> int:
    return sum(xs)


@operator
def flag(yes: bool) -> int:
    return int(yes)


@workflow
def asked(x: int) -> int:
    penstock.sleep(5.0)
    return add(x, penstock.signal("price", int))


@workflow
def approved(x: int) -> int:
    return add(flag(penstock.approval("good?", timeout=60.0, otherwise=True)), x)


@workflow
def priced(n: int) -> int:
    return total(asked.map(items(n)))


@workflow
def looked_at(n: int) -> int:
    return total(approved.map(items(n)))


def send(run: CoreRun, name: str, value: bytes) -> None:
    signal = ev.SignalReceived(name=name, value=value_pb2.Value(codec="json", inline=value), id=name.encode())
    run.record(run.shard.signal(run.id, signal, run.now))


@pytest.mark.parametrize("seed", range(8))
def test_each_item_waits_for_its_own_signal(tmp_path: Path, seed: int) -> None:
    run = CoreRun(priced, {"n": 4}, seed, tmp_path)
    left = list(range(4))

    def look() -> None:
        run.now += 1.0
        run.record(run.shard.tick(run.now, round(run.now * 1e6)))
        if left and len(run.names_of) > 8 and run.random.random() < 0.5:
            number = left.pop(run.random.randrange(len(left)))
            send(run, f"asked/price[{number}]", b"%d" % (10 * number))

    assert run.drive(look).state == ev.RUN_STATE_SUCCEEDED
    assert run.result() == sum(range(4)) + sum(10 * number for number in range(4))
    began = [event.wait_began.node for event in run.log if event.HasField("wait_began")]
    assert len(began) == len(set(began)) == 8
    signals = {f"asked/price[{number}]": 10 * number for number in range(4)}
    assert testing.run(priced, None, signals, n=4) == run.result()


def test_a_signal_names_its_item(tmp_path: Path) -> None:
    run = CoreRun(priced, {"n": 3}, 1, tmp_path)
    while len(run.names_of) < 10:
        run.step()
    for name in ("asked/price", "asked/price[3]", "asked/price[0][0]", "asked/sleep[0]", "price[0]"):
        with pytest.raises(BadRequest, match=r"unknown signal .*'asked/price\[0\]'"):
            send(run, name, b"1")
    send(run, "asked/price[2]", b"1")
    signal = ev.SignalReceived(name="asked/price[2]", value=value_pb2.Value(codec="json", inline=b"2"), id=b"other")
    with pytest.raises(SignalRefused, match="received before"):
        run.shard.signal(run.id, signal, run.now)


@pytest.mark.parametrize("seed", range(4))
def test_each_question_has_its_own_timeout(tmp_path: Path, seed: int) -> None:
    run = CoreRun(looked_at, {"n": 5}, seed, tmp_path)

    def look() -> None:
        run.now += 7.0
        run.record(run.shard.tick(run.now, round(run.now * 1e6)))

    assert run.drive(look).state == ev.RUN_STATE_SUCCEEDED
    assert run.result() == 5 + sum(range(5))


def test_items_that_wait_are_not_limited() -> None:
    @workflow
    def wrong(n: int) -> int:
        return total(asked.map(items(n), concurrency=2))

    with pytest.raises(penstock.CompileErrors, match="waits within a map with a concurrency"):
        penstock.compile(wrong, bundle_hash=b"", local=True)

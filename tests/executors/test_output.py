"""What operators print, line by line, capped, and put down to the right action."""

from pathlib import Path
from typing import Any

import pytest
from penstock_executors import output
from penstock_executors.output import Tail
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import result

OPS = """
import os, subprocess, sys, time
from penstock import operator

@operator
def say(a: str) -> int:
    print(a)
    return 1

@operator
def mixed(a: str) -> int:
    print("first", a)
    sys.stderr.write("second\\n")
    os.write(1, b"third\\n")
    subprocess.run(["echo", "fourth"], check=True)
    print("fifth, without an end", end="")
    return 1

@operator
def wait(a: str) -> int:
    print(a)
    time.sleep(100)
    return 1

@operator
def endless() -> int:
    while True:
        print("y" * 70)

@operator
def progress() -> int:
    for step in range(100):
        print(f"\\r{step} %", end="")
    print()
    return 1

@operator
def replaced() -> int:
    sys.stdout = open("/dev/null", "w")
    print("nobody sees this")
    return 1

@operator
def closed() -> int:
    os.close(1)
    sys.stdout.close()
    return 1

@operator
def binary() -> int:
    os.write(1, b"\\xff\\x00\\n")
    return 1
"""


async def test_all_ways_of_printing_are_captured(worker: Any) -> None:
    it = await worker(OPS)
    number = (await it.run("mixed", "word")).grant
    assert it.lines[number] == ["first word", "second", "third", "fourth", "fifth, without an end"]


async def test_lines_belong_to_their_action(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    await it.run("say", "0")
    numbers = it.order(*[it.grant("say", str(index)) for index in range(100)])
    for number in numbers:
        await it.ended(number)
    assert [it.lines[number] for number in numbers] == [[str(index)] for index in range(100)]


async def test_lines_are_seen_while_the_action_runs(worker: Any) -> None:
    it = await worker(OPS)
    (number,) = it.order(it.grant("wait", "look"))
    await it.printed(number, "look")
    assert not it.ends(number)


async def test_printing_without_end_is_cut(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "OUTPUT_BYTES_MAX", 100_000)
    it = await worker(OPS)
    (number,) = it.order(it.grant("endless", timeout_s=1.5))
    assert (await it.ended(number)).failed.cause == ev.CAUSE_TIMEOUT
    assert sum(map(len, it.lines[number])) < 110_000
    assert "cut here" in it.lines[number][-1]


async def test_a_progress_bar_is_one_line(worker: Any) -> None:
    it = await worker(OPS)
    number = (await it.run("progress")).grant
    assert it.lines[number] == ["99 %"]


async def test_streams_are_there_again_for_the_next(worker: Any) -> None:
    it = await worker(OPS, cores=1)
    await it.run("replaced")
    number = (await it.run("say", "here")).grant
    assert it.lines[number] == ["here"]
    await it.run("closed")
    number = (await it.run("say", "again")).grant
    assert it.lines[number] == ["again"]
    number = (await it.run("binary")).grant
    assert it.lines[number] == ["\ufffd\0"]
    assert result(await it.run("say", "x")) == 1


def test_a_tail_cuts_lines_and_bytes(folder: Path) -> None:
    tail = Tail(folder / "out")
    with open(folder / "out", "ab", buffering=0) as writer:
        writer.write(b"a" * (output.LINE_BYTES_MAX + 5) + b"\nb")
        assert [len(line) for line in tail.lines()] == [output.LINE_BYTES_MAX]
        writer.write(b"c\n")
        assert tail.lines() == ["bc"]
        writer.write(b"\n" * (output.LINES_MAX + 10))
        lines = tail.lines()
        assert len(lines) == output.LINES_MAX - 1 and "cut here" in lines[-1]
        writer.write(b"dropped\n")
        assert tail.finish() == []
        writer.write(b"next\n")
        assert tail.finish() == ["next"]
    tail.close()
    assert not (folder / "out").exists()

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
    try:
        while True:
            print("y" * 70)
    finally:
        print("the last words")

@operator
def flood_and_crash() -> int:
    for number in range(20_000):
        print(number, "x" * 1000)
    print("the line before the crash")
    os.kill(os.getpid(), 11)
    return 1

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


async def test_of_printing_without_end_both_ends_are_kept(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "HEAD_BYTES_MAX", 50_000)
    monkeypatch.setattr(output, "TAIL_BYTES_MAX", 50_000)
    monkeypatch.setattr(output, "FILE_BYTES_MAX", 200_000)
    it = await worker(OPS)
    (number,) = it.order(it.grant("endless", timeout_s=8.0))
    assert (await it.ended(number)).failed.cause == ev.CAUSE_TIMEOUT
    lines = it.lines[number]
    assert sum(map(len, lines)) < 110_000
    assert sum("omitted here" in line for line in lines) == 1
    assert lines[-1] == "the last words"


async def test_the_trace_of_a_crash_after_long_output_is_kept(worker: Any) -> None:
    it = await worker(OPS)
    number = (await it.run("flood_and_crash")).grant
    lines = it.lines[number]
    assert lines[0] == "0 " + "x" * 1000 and "the line before the crash" in lines
    assert any("Fatal Python error: Segmentation fault" in line for line in lines)
    assert any("in flood_and_crash" in line for line in lines)
    assert sum("omitted here" in line for line in lines) == 1


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
        writer.write(b"\n" * (output.HEAD_LINES_MAX + 10))
        lines = tail.lines()
        assert len(lines) == output.HEAD_LINES_MAX - 2 and "" in lines
        writer.write(b"kept\n")
        assert tail.finish() == [""] * 12 + ["kept"]
        writer.write(b"next\n")
        assert tail.finish() == ["next"]
        writer.write(b"left behind\n")
        assert tail.drop() == 12 and tail.finish() == []
    tail.close()
    assert not (folder / "out").exists()


@pytest.mark.parametrize("chunk", [7, 1000, 100_000])
def test_head_and_tail_meet_or_say_what_lies_between(folder: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    for name in ("HEAD_BYTES_MAX", "TAIL_BYTES_MAX"):
        monkeypatch.setattr(output, name, 1000)
    monkeypatch.setattr(output, "FILE_BYTES_MAX", 4000)
    for total in (900, 1000, 1900, 2000, 2001, 2500, 7000, 30_000):
        text = b"".join(b"%08d\n" % number for number in range(total // 9))
        tail = Tail(folder / "out")
        seen: list[str] = []
        with open(folder / "out", "ab", buffering=0) as writer:
            for begin in range(0, len(text), chunk):
                writer.write(text[begin : begin + chunk])
                seen += tail.lines()
        seen += tail.finish()
        tail.close()
        said = [line for line in seen if "omitted" in line]
        if len(text) <= 1990:
            assert not said and "\n".join(seen) + "\n" == text.decode()
        elif len(text) > 2000:
            left_out = int(said[0].split()[1])
            shown = "".join(f"{line}\n" for line in seen if line not in said)
            assert len(said) == 1 and left_out + len(shown) in (len(text), len(text) + 1)
            assert text.decode().endswith("".join(f"{line}\n" for line in seen[seen.index(said[0]) + 1 :]))

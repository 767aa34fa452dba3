"""The public events of a stack as users get them: the example reads a run, and garbage stops nobody."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from tests.stream.kafka_records import Writer, follow
from tests.system.conftest import SHARDS, Done, Served
from tests.waiting import WAIT_S

EXAMPLE = Path(__file__).parents[2] / "examples" / "consume_events.py"
WORKFLOW = """
from penstock import operator, workflow

@operator
def half(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n // 2

@workflow
def quarter(n: int) -> int:
    return half(half(n))
"""


def consumed(kafka: str, run_id: str) -> list[list[str]]:
    """What the example prints about a run, in words, without its time."""
    command = [sys.executable, str(EXAMPLE), kafka, "--run", run_id, "--shards", str(SHARDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=True)
    return [line.split()[1:] for line in done.stdout.splitlines()]


async def spoil(kafka: str) -> None:
    """Put garbage on every topic, again and again, until all who read it have put some aside."""
    topics = {f"penstock.{topic}" for topic in ("events", "actions", "reports")}
    async with AsyncExitStack() as stack, asyncio.timeout(WAIT_S):
        writers = [await stack.enter_async_context(Writer(kafka, topic)) for topic in topics]
        letters = await stack.enter_async_context(aclosing(follow(kafka, "penstock.dead-letter")))
        while topics:
            for writer in writers:
                await writer.put(0, b"garbage", {"ce_type": b"nothing"})
            letter = await anext(letters)
            topics.discard(dict(letter.headers)["penstock_origin"].decode().split("/")[0])


def test_the_example_follows_a_run_past_garbage(make_data: Callable[[], Path], project: Callable[..., Path]) -> None:
    file = project("halves.py", WORKFLOW)
    stack = Served(make_data(), "--kafka", "--cpu", "1")
    try:
        stack.start()
        kafka = stack.log().split("events on Kafka at ", 1)[1].split(",")[0]
        runs: list[Done] = []
        seen: list[list[list[str]]] = []
        for n in ("8", "6"):
            runs.append(stack.cli("run", f"{file}:quarter", "--n", n, "--json"))
            seen.append(consumed(kafka, runs[-1].json["run"]))
            if n == "8":
                asyncio.run(spoil(kafka))
    finally:
        stack.stop()
    assert [run.code for run in runs] == [0, 1]
    for run, lines in zip(runs, seen, strict=True):
        assert {words[0] for words in lines} == {run.json["run"]}
        assert lines[0][2:] == ["run_submitted", "halves:quarter", "with", "2", "nodes,", "for", lines[0][-1]]
    good, bad = seen
    assert [words[2] for words in good if words[2] != "action_started"][1:-1] == ["action_succeeded"] * 2
    assert good[-1][2:] == ["run_ended", "succeeded"]
    (failure,) = [words for words in bad if words[2] == "action_failed"]
    assert failure[3:] == ["node", "1,", "attempt", "1:", "ValueError:", "3", "is", "odd"]
    assert bad[-1][2:] == ["run_ended", "failed"]

"""The tracer with a real State Tracker, over the local stream, and a collector that may be away."""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from penstock_observability import metrics, trace_ids
from penstock_stream import backlog
from penstock_stream.stream import EVENTS
from penstock_tracer.errors import BadBookmark
from penstock_tracer.shell import Tracer

from tests.state_tracker.running import SHARDS, Running, chain, failed, new_id, running, succeeded
from tests.tracer.collector import Collector, attributes, listening, named
from tests.waiting import WAIT_S


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening(Collector()) as made:
        yield made


@pytest.fixture
async def tracker(database_url: str) -> AsyncGenerator[Running]:
    async with running(database_url) as one:
        yield one


@asynccontextmanager
async def tracing(tracker: Running, collector: Collector, folder: Path | None = None) -> AsyncGenerator[Tracer]:
    """Run a tracer until the block ends."""
    tracer = Tracer(
        tracker.stream,
        state_trackers=[tracker.server.address],
        shards=range(SHARDS),
        deployment="d",
        otlp=collector.address,
        folder=folder,
    )
    await tracer.start()
    try:
        await tracer.wait_loaded()
        yield tracer
    finally:
        await tracer.stop()


async def run(tracker: Running, nodes: int = 3, shard: int | None = None) -> bytes:
    """A chain that succeeds."""
    run_id = await begin(tracker, nodes, shard)
    for node in range(nodes):
        await tracker.report(succeeded(run_id, node))
    return run_id


async def begin(tracker: Running, nodes: int = 3, shard: int | None = None, retries: int = 0) -> bytes:
    plan = chain(nodes, retries=retries)
    await tracker.put(plan)
    run_id = new_id(shard)
    await tracker.submit(plan, run_id)
    return run_id


async def ended(collector: Collector, *run_ids: bytes) -> None:
    for run_id in run_ids:
        await asyncio.to_thread(collector.wait, lambda run_id=run_id: collector.ended(run_id))


def lag() -> float:
    """What the metrics show of the shard that is furthest behind."""
    (family,) = metrics.FOLLOWER_LAG.collect()
    return max(sample.value for sample in family.samples)


async def test_a_run_is_a_trace_with_a_span_an_attempt(tracker: Running, collector: Collector) -> None:
    async with tracing(tracker, collector):
        run_id = await begin(tracker, retries=1)
        await tracker.report(succeeded(run_id, 0))
        await tracker.report(failed(run_id, 1))
        await tracker.report(succeeded(run_id, 1, attempt=2))
        await tracker.report(succeeded(run_id, 2))
        await ended(collector, run_id)
    spans = collector.of(run_id)
    root = collector.ended(run_id)
    assert root is not None and root.name == "m:w"
    assert sorted(span.name for span in spans) == ["m:w", "n0", "n1", "n1", "n2"]
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
    first, second = sorted(
        (span for span in spans if span.name == "n1"), key=lambda s: attributes(s)["penstock.attempt"]
    )
    assert first.span_id == trace_ids.attempt_span(run_id, 1, (), 1).to_bytes(8, "big")
    assert (first.status.code, first.status.message) == (2, "ValueError: no")
    assert attributes(first)["penstock.cause"] == "user"
    assert second.status.code == 0
    assert [link.span_id for link in named(spans, "n2").links] == [second.span_id]
    said = attributes(second)
    assert (said["penstock.operator"], said["penstock.team"], said["penstock.worker"]) == ("m:f", "vision", "w")
    assert said["penstock.queued_s"] >= 0
    assert all(
        root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
        for span in spans
    )
    assert first.end_time_unix_nano <= second.start_time_unix_nano


async def test_a_failed_run_says_why(tracker: Running, collector: Collector) -> None:
    async with tracing(tracker, collector):
        run_id = await begin(tracker)
        await tracker.report(failed(run_id, 0))
        await ended(collector, run_id)
    root = collector.ended(run_id)
    assert root is not None
    assert (root.status.code, root.status.message) == (2, "n0: ValueError: no")
    assert attributes(root)["penstock.state"] == "failed"
    assert attributes(root)["penstock.skipped_nodes"] == 2


async def test_what_comes_twice_is_dropped(tracker: Running, collector: Collector) -> None:
    async with tracing(tracker, collector):
        run_id = await run(tracker, shard=1)
        await ended(collector, run_id)
        tracker.stream.publish(EVENTS, await tracker.log(1))
        later = await run(tracker, shard=1)
        await ended(collector, later)
    assert len(collector.of(run_id)) == len(collector.of(later)) == 4


async def test_a_restart_goes_on_without_a_gap_or_another_id(tracker: Running, collector: Collector) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with tracing(tracker, collector, Path(folder)):
            before = await run(tracker, shard=2)
            opened = await begin(tracker, shard=2)
            await tracker.report(succeeded(opened, 0))
            await ended(collector, before)
            await asyncio.to_thread(collector.wait, lambda: collector.of(opened))
        meanwhile = await run(tracker, shard=2)
        await tracker.report(succeeded(opened, 1))
        async with tracing(tracker, collector, Path(folder)):
            await ended(collector, meanwhile)
            await tracker.report(succeeded(opened, 2))
            await ended(collector, opened)
    for run_id in (before, opened, meanwhile):
        # What was on its way at the stop may come again, as the same span.
        spans = list({span.span_id: span for span in collector.of(run_id)}.values())
        assert sorted(span.name for span in spans) == ["m:w", "n0", "n1", "n2"]
        assert [link.span_id for link in named(spans, "n2").links] == [named(spans, "n1").span_id]


async def test_without_a_folder_a_start_begins_with_the_open_runs(tracker: Running, collector: Collector) -> None:
    past, opened = await run(tracker), await begin(tracker)
    await tracker.report(succeeded(opened, 0))
    async with tracing(tracker, collector):
        await tracker.report(succeeded(opened, 1), succeeded(opened, 2))
        await ended(collector, opened)
    assert collector.of(past) == []
    assert {span.name for span in collector.of(opened)} >= {"m:w", "n2"}


async def test_spans_wait_for_a_collector_that_is_away(tracker: Running) -> None:
    collector = Collector()
    with listening(collector):
        pass
    async with tracing(tracker, collector):
        run_id = await run(tracker)
        with listening(collector):
            await ended(collector, run_id)
    assert len(collector.of(run_id)) == 4


async def test_what_found_no_room_is_read_from_the_log(tracker: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "WAITING_EVENTS_MAX", 4)
    collector = Collector()
    with listening(collector):
        pass
    async with tracing(tracker, collector) as tracer:
        run_ids = [await run(tracker) for _ in range(12)]
        assert lag() > 0
        with listening(collector):
            await ended(collector, *run_ids)
            async with asyncio.timeout(WAIT_S):
                while any(behind for _, behind in tracer._lag()):  # pyright: ignore[reportPrivateUsage]
                    await asyncio.sleep(0.01)
    assert [len(collector.of(run_id)) for run_id in run_ids] == [4] * 12


async def test_a_bookmark_ahead_of_the_log_is_not_believed(tracker: Running, collector: Collector) -> None:
    with tempfile.TemporaryDirectory() as folder:
        marks = {str(shard): [1_000, 2_000] for shard in range(SHARDS)}
        (Path(folder) / "bookmark.json").write_text(json.dumps({"deployment": "d", "shards": marks}))
        async with tracing(tracker, collector, Path(folder)):
            run_id = await run(tracker)
            await ended(collector, run_id)
    assert len(collector.of(run_id)) == 4


async def test_a_bookmark_of_another_deployment_is_refused(tracker: Running, collector: Collector) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bookmark.json").write_text('{"deployment": "other", "shards": {"0": [1, 2]}}')
        with pytest.raises(BadBookmark, match="other"):
            async with tracing(tracker, collector, Path(folder)):
                pass
        (Path(folder) / "bookmark.json").write_text('{"deployment": "d", "shards"')
        with pytest.raises(BadBookmark, match="corrupt"):
            async with tracing(tracker, collector, Path(folder)):
                pass

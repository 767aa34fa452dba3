"""The history service with a real State Tracker and Postgres."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from penstock_history.api import statistics
from penstock_history.app import History
from penstock_history.core.figures import Key
from penstock_history.core.nodes import SUCCEEDED
from penstock_history.core.runs import Changes
from penstock_history.shell.writer import Writer
from penstock_proto.history.v1 import service_pb2 as api
from penstock_proto.history.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.value.v1 import value_pb2
from penstock_service import channels, grpc_server
from penstock_service.database import Database
from penstock_service.migrations import migrate, packaged

from tests.state_tracker.proxy import proxied
from tests.state_tracker.running import (
    SHARDS,
    Running,
    chain,
    failed,
    new_id,
    request,
    running,
    status,
    succeeded,
    wide,
)
from tests.waiting import WAIT_S

FIGURES = ("figures", "durations", "figures_by_month", "durations_by_month")


@asynccontextmanager
async def history(tracker: Running, url: str) -> AsyncGenerator[Any]:
    """Run a history service; yield its stub."""
    one = History(tracker.stream, database_url=url, state_trackers=[tracker.server.address], shards=range(SHARDS))
    server = grpc_server.server(grpc_server.ServerOptions(host="127.0.0.1", port=0))
    one.register(server)
    await one.start()
    await server.start()
    generated: Any = service_pb2_grpc
    try:
        async with channels.open_channel(server.address) as channel:
            yield generated.HistoryServiceStub(channel)
    finally:
        await server.stop()
        await one.stop()


async def until(stub: Any, holds: Callable[[api.StatusResponse], bool]) -> None:
    """Wait until the read models are where they should be."""
    async with asyncio.timeout(WAIT_S):
        while not holds(await stub.Status(api.StatusRequest())):
            await asyncio.sleep(0.05)


async def listed(stub: Any, count: int, **wanted: Any) -> list[api.RunRecord]:
    """Wait until a list has so many runs; return them."""
    asked = api.ListRunsRequest(filter=api.RunFilter(**wanted), page_size=1_000)
    async with asyncio.timeout(WAIT_S):
        while len(found := (await stub.ListRuns(asked)).runs) != count:
            await asyncio.sleep(0.05)
    return list(found)


async def whole(tracker: Running, plan: bytes, nodes: int, **options: Any) -> bytes:
    """A run that succeeds."""
    run_id = new_id()
    asked = request(plan, run_id)
    asked.options.CopyFrom(ev.RunOptions(**options))
    await tracker.stub.Submit(asked)
    for node in range(nodes):
        await tracker.report(succeeded(run_id, node))
    return run_id


async def test_lists_filters_and_pages(database_url: str) -> None:
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan, other = chain(2), wide(1, name="shop:train")
        await tracker.put(plan)
        await tracker.put(other)
        runs = [await whole(tracker, plan, 2, labels={"sweep": str(number % 2)}) for number in range(5)]
        theirs = await whole(tracker, other, 1, team="search")
        open_id = (await tracker.submit(plan)).run_id
        bad_id = (await tracker.submit(other)).run_id
        await tracker.report(failed(bad_id, 0, final=True))
        (bad,) = await listed(stub, 1, states=[ev.RUN_STATE_FAILED])
        assert (bad.run_id, bad.failed_node, bad.failure) == (bad_id, "n0", "ValueError: no")
        found = await listed(stub, 8)
        assert [run.run_id for run in found] == [bad_id, open_id, theirs, *reversed(runs)]
        assert all(run.submitted_at_us and run.counts.nodes for run in found)
        assert [run.run_id for run in await listed(stub, 1, team="search")] == [theirs]
        assert [run.run_id for run in await listed(stub, 2, search="TRAIN")] == [bad_id, theirs]
        assert [run.run_id for run in await listed(stub, 2, labels={"sweep": "1"})] == [runs[3], runs[1]]
        assert [run.run_id for run in await listed(stub, 1, states=[ev.RUN_STATE_RUNNING])] == [open_id]
        assert await listed(stub, 0, workflow="none") == await listed(stub, 0, search="none") == []
        assert len(await listed(stub, 6, user="ada", workflow="m:w")) == 6
        second = found[1]
        assert [r.run_id for r in await listed(stub, 1, from_us=found[0].submitted_at_us)] == [bad_id]
        assert len(await listed(stub, 6, before_us=second.submitted_at_us)) == 6
        assert [r.run_id for r in await listed(stub, 1, ended_from_us=bad.ended_at_us)] == [bad_id]
        assert not await listed(stub, 0, states=[ev.RUN_STATE_RUNNING], ended_from_us=1)
        paged: list[bytes] = []
        asked = api.ListRunsRequest(page_size=3)
        while True:
            page = await stub.ListRuns(asked)
            paged += [run.run_id for run in page.runs]
            if not page.next_page_token:
                break
            asked.page_token = page.next_page_token
        assert paged == [run.run_id for run in found]
        counts = {one.state: one.runs for one in (await stub.CountRuns(api.CountRunsRequest())).counts}
        assert counts[ev.RUN_STATE_SUCCEEDED] == 6 and counts[ev.RUN_STATE_FAILED] == counts[ev.RUN_STATE_RUNNING] == 1
        await tracker.report(succeeded(open_id, 0), succeeded(open_id, 1))
        (now,) = await listed(stub, 0, states=[ev.RUN_STATE_RUNNING]) or [(await _get(stub, open_id)).run]
        assert now.state == ev.RUN_STATE_SUCCEEDED and now.ended_at_us > now.submitted_at_us


async def _get(stub: Any, run_id: bytes) -> api.GetRunResponse:
    return await stub.GetRun(api.GetRunRequest(run_id=run_id))


async def test_a_run_in_sum_and_beside_another(database_url: str) -> None:
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan = chain(3, inputs=True, retries=1)
        await tracker.put(plan)
        ids: list[bytes] = []
        for n in ("1", "2"):
            run = await tracker.submit(plan, n=n)
            ids.append(run.run_id)
            await tracker.report(failed(run.run_id, 0))
            await tracker.report(succeeded(run.run_id, 0, attempt=2))
            await tracker.report(succeeded(run.run_id, 1))
            await tracker.report(succeeded(run.run_id, 2))
        await listed(stub, 2, states=[ev.RUN_STATE_SUCCEEDED])
        found = await _get(stub, ids[0])
        (operator,) = found.operators
        assert (operator.operator, operator.counts.succeeded, operator.retries) == ("m:f", 3, 1)
        assert list(found.critical_path) == [0, 1, 2]
        assert [(each.name, each.value.inline) for each in found.inputs] == [("n", b"1"), ("label", b'"none"')]
        nodes = await stub.ListNodes(api.ListNodesRequest(run_id=ids[0], page_size=2))
        assert ([node.name for node in nodes.nodes], nodes.total) == (["n0", "n1"], 3)
        more = await stub.ListNodes(api.ListNodesRequest(run_id=ids[0], page_size=2, page_token=nodes.next_page_token))
        assert [(node.name, node.status, node.attempts) for node in more.nodes] == [("n2", "succeeded", 1)]
        compared = await stub.Compare(api.CompareRequest(run_ids=ids))
        assert compared.same_plan and [row.differs for row in compared.inputs] == [True, False]
        assert [len(row.summaries) for row in compared.operators] == [2]
        figures = await stub.Statistics(api.StatisticsRequest(by=["operator"]))
        assert [(row.operator, row.succeeded, row.retries) for row in figures.rows] == [("m:f", 6, 2)]
        (in_all,) = (await stub.Statistics(api.StatisticsRequest())).rows
        assert (in_all.succeeded, in_all.retries) == (2, 2) and in_all.p95_us >= in_all.p50_us > 0
        (by_day,) = (await stub.Statistics(api.StatisticsRequest(by=["day", "workflow", "team"]))).rows
        assert (by_day.workflow, by_day.team) == ("m:w", "vision") and by_day.day > 20_000


async def test_a_restart_counts_nothing_twice_and_a_rebuild_makes_the_same(database_url: str) -> None:
    async with running(database_url) as tracker:
        plan = chain(2)
        await tracker.put(plan)
        async with history(tracker, database_url) as stub:
            await whole(tracker, plan, 2)
            left_open = (await tracker.submit(plan)).run_id
            await tracker.report(succeeded(left_open, 0))
            await listed(stub, 2)
        ended_meanwhile = await whole(tracker, plan, 2)
        async with history(tracker, database_url) as stub:
            await tracker.report(succeeded(left_open, 1))
            await listed(stub, 3, states=[ev.RUN_STATE_SUCCEEDED])
            assert (await _get(stub, left_open)).run.counts.succeeded == 2
            assert (await _get(stub, ended_meanwhile)).run.counts.succeeded == 2
            before = await _everything(database_url)
            assert (await stub.Statistics(api.StatisticsRequest())).rows[0].succeeded == 3
            await stub.Rebuild(api.RebuildRequest())
            async with asyncio.timeout(WAIT_S):
                while await _everything(database_url) != before:
                    await asyncio.sleep(0.05)


async def _everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    database = Database(url)
    await database.open()
    try:
        return {
            table: sorted(_columns(row) for row in await database.fetch(f"SELECT * FROM penstock_history.{table}"))
            for table in ("runs", "open_runs", "labels", "workflows", *FIGURES)
        }
    finally:
        await database.close()


def _columns(row: Any) -> tuple[Any, ...]:
    """All but the number of the change, which counts what was written again."""
    return tuple(value for name, value in row.items() if name != "change")


async def test_one_writes_and_another_takes_over(database_url: str) -> None:
    async with running(database_url) as tracker:
        plan = chain(1)
        await tracker.put(plan)
        async with history(tracker, database_url) as first:
            await until(first, lambda status: status.writes)
            async with history(tracker, database_url) as second:
                await whole(tracker, plan, 1)
                await listed(second, 1)
                assert not (await second.Status(api.StatusRequest())).writes
        async with history(tracker, database_url) as third:
            await whole(tracker, plan, 1)
            await listed(third, 2)
            assert (await third.Statistics(api.StatisticsRequest())).rows[0].succeeded == 2


@pytest.mark.parametrize(
    ("method", "asked", "said"),
    [
        ("ListRuns", api.ListRunsRequest(page_size=1_001), "page_size 1001"),
        ("ListRuns", api.ListRunsRequest(page_token="x"), "invalid page_token"),
        ("ListRuns", api.ListRunsRequest(filter=api.RunFilter(states=[99])), "unknown run state 99"),  # type: ignore[list-item]
        ("ListRuns", api.ListRunsRequest(filter=api.RunFilter(workflow="a\0")), "zero byte"),
        ("ListChanges", api.ListChangesRequest(after=-1), "invalid position"),
        ("ListRuns", api.ListRunsRequest(after=api.RunPlace(run_id=b"1")), "invalid run id"),
        ("GetRun", api.GetRunRequest(run_id=b"1"), "invalid run id"),
        ("Compare", api.CompareRequest(run_ids=[b"1" * 16]), "2 to 20 runs"),
        ("ListNodes", api.ListNodesRequest(run_id=b"1" * 16, statuses=["odd"]), "unknown status 'odd'"),
        ("Statistics", api.StatisticsRequest(by=["moon"]), "choose from workflow"),
        ("Statistics", api.StatisticsRequest(from_day=5, before_day=2), "must be before"),
    ],
)
async def test_bad_questions(database_url: str, method: str, asked: Any, said: str) -> None:
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
            await getattr(stub, method)(asked)
        assert status(refused.value) == "INVALID_ARGUMENT"


async def test_a_token_belongs_to_its_question(database_url: str) -> None:
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan = chain(1)
        await tracker.put(plan)
        for _ in range(2):
            await whole(tracker, plan, 1)
        await listed(stub, 2)
        token = (await stub.ListRuns(api.ListRunsRequest(page_size=1))).next_page_token
        other = api.ListRunsRequest(page_size=1, page_token=token, filter=api.RunFilter(team="vision"))
        with pytest.raises(grpc.aio.AioRpcError, match="belongs to another question"):
            await stub.ListRuns(other)
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await _get(stub, b"0" * 16)
        assert status(missing.value) == "NOT_FOUND"
        assert (await tracker.stub.GetRun(st.GetRunRequest(run_id=(await listed(stub, 2))[0].run_id))).run.nodes == 1


async def test_changes_after_a_position_and_removed_runs(database_url: str) -> None:
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan = chain(1)
        await tracker.put(plan)
        kept, gone = await whole(tracker, plan, 1, labels={"a": "b"}), await whole(tracker, plan, 1, labels={"a": "b"})
        await listed(stub, 2, states=[ev.RUN_STATE_SUCCEEDED])
        every = await stub.ListChanges(api.ListChangesRequest(limit=1))
        assert every.more and len(every.runs) == 1
        rest = await stub.ListChanges(api.ListChangesRequest(after=every.position))
        assert {run.run_id for run in [*every.runs, *rest.runs]} == {kept, gone} and not rest.more
        position = (await stub.ListRuns(api.ListRunsRequest(page_size=1))).position
        assert position >= rest.position
        await tracker.stub.RemoveRun(st.RemoveRunRequest(run_id=gone))
        assert [run.run_id for run in await listed(stub, 1)] == [kept]
        assert [run.run_id for run in await listed(stub, 1, labels={"a": "b"})] == [kept]
        news = await stub.ListChanges(api.ListChangesRequest(after=position))
        assert (list(news.runs), list(news.removed)) == ([], [gone])
        assert (await stub.Statistics(api.StatisticsRequest())).rows[0].succeeded == 2, "it did run"
        await stub.Rebuild(api.RebuildRequest())
        await until(stub, lambda status: status.runs >= 0 and not status.lag.events)
        assert [run.run_id for run in await listed(stub, 1)] == [kept]
        oldest = api.ListRunsRequest(order=api.RUN_ORDER_OLDEST, page_size=1)
        assert [run.run_id for run in (await stub.ListRuns(oldest)).runs] == [kept]


async def test_writing_goes_on_wherever_its_line_is_cut(database_url: str) -> None:
    async with (
        running(database_url) as tracker,
        proxied(database_url) as (url, proxy),
        history(tracker, url),
    ):
        plan = chain(1)
        await tracker.put(plan)
        for place in range(6):  # the statements by which a process becomes the one that writes are among these
            proxy.passed, proxy.cut_answers = place, 2
            run_id = await whole(tracker, plan, 1)
            await wait_written(database_url, run_id)
        assert proxy.cuts


async def wait_written(url: str, run_id: bytes) -> None:
    database = Database(url)
    await database.open()
    try:
        async with asyncio.timeout(WAIT_S):
            while not await database.fetchval("SELECT 1 FROM penstock_history.runs WHERE run_id = $1", run_id):
                await asyncio.sleep(0.05)
    finally:
        await database.close()


async def test_many_rows_of_statistics_have_their_own_durations(database_url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(statistics, "ROWS_MAX", 1)
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan, other = chain(2), wide(1, name="shop:train")
        for each in (plan, other):
            await tracker.put(each)
        await whole(tracker, plan, 2)
        await whole(tracker, other, 1)
        await listed(stub, 2, states=[ev.RUN_STATE_SUCCEEDED])
        found = await stub.Statistics(api.StatisticsRequest(by=["workflow"]))
        (row,) = found.rows
        assert found.more and row.succeeded == 1 and row.p50_us > 0


@pytest.mark.parametrize(("first", "before"), [(0, 0), (31, 59), (30, 60), (31, 58), (15, 45), (40, 50), (0, 400)])
async def test_months_and_days_add_up_to_the_same(database_url: str, first: int, before: int) -> None:
    await migrate(database_url, packaged("penstock_history"), "penstock_history")
    writer, changes = Writer(database_url), Changes()
    assert await writer.acquire() is not None
    for day in range(0, 400, 3):
        for operator in ("", "m:f"):
            changes.figures.of(Key(day, "m:w", f"team{day % 2}", operator)).count(SUCCEEDED, 1, 1_000 * (day + 1))
    await writer.write(changes, lambda plan: None)
    writer.release()
    database = Database(database_url)
    await database.open()
    try:
        for by in ([], ["team"], ["operator", "workflow"]):
            asked = api.StatisticsRequest(from_day=first, before_day=before or 401, by=by)
            by_day = api.StatisticsRequest(from_day=first, before_day=before or 401, by=[*by, "day"])
            found, _ = await statistics.rows(database, asked)
            days, _ = await statistics.rows(database, by_day)
            assert sum(row.succeeded for row in found) == sum(row.succeeded for row in days)
            assert sum(row.busy_us for row in found) == sum(row.busy_us for row in days)
            assert all(row.p95_us for row in found if row.succeeded)
    finally:
        await database.close()


async def test_artifacts_where_they_were_recorded(database_url: str) -> None:
    """Each once, however often it is read; by type, operator, run and hash, in pages; gone with their run."""
    async with running(database_url) as tracker, history(tracker, database_url) as stub:
        plan, other = chain(3), wide(1, name="shop:train")
        await tracker.put(plan)
        await tracker.put(other)
        run_id, theirs = (await tracker.submit(plan)).run_id, (await tracker.submit(other)).run_id
        for of_run, node, what, kind in (
            (run_id, 0, b"a", "Odd\0"),
            (run_id, 1, b"b", "Model"),
            (theirs, 0, b"b", "Model"),
        ):
            done = succeeded(of_run, node)
            stored = value_pb2.Value(codec="numpy", artifact=what * 32, size_bytes=7, type_name=kind * 200)
            done.succeeded.outputs.values[0].CopyFrom(stored)
            await tracker.report(done)
        await tracker.report(succeeded(run_id, 2))
        await listed(stub, 2, states=[ev.RUN_STATE_SUCCEEDED])

        async def artifacts(**wanted: Any) -> list[tuple[bytes, str, str]]:
            found = await stub.ListArtifacts(api.ListArtifactsRequest(**wanted))
            return [(one.run_id, one.node_name, one.port) for one in found.artifacts]

        every = [(theirs, "n0", "result"), (run_id, "n1", "result"), (run_id, "n0", "result")]
        assert await artifacts() == every
        assert await artifacts(artifact=b"b" * 32) == await artifacts(artifact=b"bb") == every[:2]
        assert await artifacts(search="ODD") == await artifacts(run_id=run_id, artifact=b"a" * 32) == every[2:]
        assert await artifacts(workflow="shop:train", operator="m:f", team="vision") == every[:1]
        assert await artifacts(search="none") == await artifacts(type_name="none") == await artifacts(team="none") == []
        first = await stub.ListArtifacts(api.ListArtifactsRequest(page_size=2))
        rest = await artifacts(page_size=2, page_token=first.next_page_token)
        assert (len(first.artifacts), rest) == (2, every[2:])
        with pytest.raises(grpc.aio.AioRpcError, match="another question"):
            await artifacts(search="m", page_token=first.next_page_token)
        await stub.Rebuild(api.RebuildRequest())
        async with asyncio.timeout(WAIT_S):
            while sorted(await artifacts()) != sorted(every):
                await asyncio.sleep(0.05)
        await tracker.stub.RemoveRun(st.RemoveRunRequest(run_id=run_id))
        async with asyncio.timeout(WAIT_S):
            while await artifacts() != every[:1]:
                await asyncio.sleep(0.05)

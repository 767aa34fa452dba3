"""How fast the history answers: real tables of as many runs as asked for, a real Postgres, the queries of the API.

`python -m bench.history [RUNS]` prints one line a figure.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from penstock_history.api import changes, lists, statistics
from penstock_history.core import summary
from penstock_history.core.figures import DAY_US, of_nodes
from penstock_history.core.nodes import SUCCEEDED, Nodes
from penstock_history.core.open_run import OpenRun
from penstock_history.core.runs import Runs
from penstock_history.shell.writer import Writer
from penstock_plan.graph import PlanGraph
from penstock_proto.history.v1 import service_pb2 as api
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.database import Database
from penstock_service.migrations import migrate, packaged
from penstock_stack.postgres import EmbeddedPostgres

NODES = 10
DAYS = 365
BATCH = 5_000
ASKED = 200  # times that each question is asked
OPERATORS = [f"shop:step{number}" for number in range(100)]
STATES = (*[ev.RUN_STATE_SUCCEEDED] * 18, ev.RUN_STATE_FAILED, ev.RUN_STATE_CANCELLED)


def made(number: int, runs: int, now_us: int, dice: random.Random) -> OpenRun:
    """One of the runs, spread over a year, of 50 workflows, 20 teams and 200 users."""
    at_us = now_us - DAYS * DAY_US + number * (DAYS * DAY_US // runs)
    workflow = number % 50
    event = ev.RunSubmitted(plan=workflow.to_bytes(32, "big"), plan_name=f"shop:flow{workflow}", nodes=NODES)
    event.caller.user, event.options.team = f"user{dice.randrange(200)}", f"team{workflow % 20}"
    if number % 2:
        event.options.workflow, event.options.workflow_version = f"deployed{workflow}", 1
    if number % 5 == 0:
        event.options.labels["sweep"] = str(number // 500)
    run = OpenRun(uuid.UUID(int=dice.getrandbits(128)).bytes, 0, number + 1, at_us, event)
    for node in range(NODES):
        run.nodes.end(node, SUCCEEDED, 1, (node + 1) * 1_000, dice.randrange(100, 10**6))
    run.end(ev.RunEnded(state=dice.choice(STATES), failed_node=-1), number + 1, at_us + dice.randrange(10**8))
    return run


async def fill(url: str, count: int) -> list[bytes]:
    """Write so many runs as the service would; return some of their ids."""
    dice, now_us = random.Random(1), time.time_ns() // 1_000
    writer = Writer(url)
    assert await writer.acquire() is not None
    runs, some = Runs({}), list[bytes]()
    for first in range(0, count, BATCH):
        batch = runs.take_changes()
        for number in range(first, min(count, first + BATCH)):
            run = made(number, count, now_us, dice)
            operators = OPERATORS[number % 10 * 10 :][:NODES]
            runs.count(run, of_nodes(run.nodes, operators, (run.ended_us or 0) // DAY_US, run.workflow, run.team))
            batch.ended.append(run)
            if number % (count // 200 or 1) == 0:
                some.append(run.run_id)
        batch.figures.merge(runs.take_changes().figures)
        await writer.write(batch, lambda plan, node: f"node {node}")
    writer.release()
    return some


async def report(what: str, ask: Callable[[int], Awaitable[Any]], times: int = ASKED) -> None:
    """Print the median and the 99th percentile of a question."""
    for number in range(5):
        await ask(number)
    taken: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        await ask(number)
        taken.append(1_000 * (time.perf_counter() - began))
    taken.sort()
    print(f"{what:<44} p50 {taken[len(taken) // 2]:8.2f} ms   p99 {taken[len(taken) * 99 // 100]:8.2f} ms", flush=True)


def large_run(size: int = 100_000) -> None:
    """A run of many nodes in sum, as the API makes it."""
    plan = pl.Plan(schema=1, name="bench:large")
    for operator in range(20):
        plan.operators.add(module="bench", qualname=f"step{operator}")
    for node in range(size):
        added = plan.nodes.add(name=f"n{node}", kind=pl.NODE_KIND_TASK, operator=node % 20)
        if node >= 100:
            added.arguments.add(name="a", value=pl.Expr(output=pl.OutputRef(node=node - 100)))
    graph, nodes = PlanGraph.of(plan, b"h" * 32), Nodes(size)
    for node in range(size):
        nodes.end(node, SUCCEEDED, 1, node * 10, 5_000)
    packed = nodes.pack()
    began = time.process_time()
    found = Nodes.unpack(packed)
    summary.by_operator(graph, found)
    summary.critical_path(graph, found)
    taken = 1_000 * (time.process_time() - began)
    print(f"{f'a run of {size:,} nodes in sum':<44} {taken:12.2f} ms   packed {len(packed) / size:.1f} bytes a node")


async def measure(url: str, count: int) -> None:
    """Fill the tables and ask."""
    await migrate(url, packaged("penstock_history"), "penstock_history")
    began = time.perf_counter()
    some = await fill(url, count)
    print(f"{count:,} runs written in {time.perf_counter() - began:.0f} s", flush=True)
    database = Database(url)
    await database.open()
    for table in ("runs", "labels", "figures", "durations", "figures_by_month", "durations_by_month"):
        await database.execute(f"VACUUM ANALYZE penstock_history.{table}")

    def listed(**wanted: Any) -> Callable[[int], Awaitable[Any]]:
        return lambda number: lists.runs(database, api.ListRunsRequest(filter=api.RunFilter(**wanted)))

    await report("first page", listed())
    await report("by workflow", listed(workflow="shop:flow7"))
    await report("by team", listed(team="team3"))
    await report("by user", listed(user="user33"))
    await report("by state: failed", listed(states=[ev.RUN_STATE_FAILED]))
    await report("by state: running, of which there are none", listed(states=[ev.RUN_STATE_RUNNING]))
    await report("by label", listed(labels={"sweep": "77"}))
    await report("by workflow, team and state", listed(workflow="shop:flow7", team="team3", states=[4]))
    await report("by user and state", listed(user="user33", states=[ev.RUN_STATE_CANCELLED]))
    await report("by part of the workflow's name", listed(search="FLOW49"))
    await report("by name in the registry", listed(registered="deployed7"))
    oldest = api.ListRunsRequest(order=api.RUN_ORDER_OLDEST)
    await report("the oldest first", lambda n: lists.runs(database, oldest))
    recent = api.ListChangesRequest(after=count - 1_000, limit=100)
    await report("changes after a position", lambda n: changes.after(database, recent))
    await report("a team that does not exist", listed(team="none"))
    await report("runs by their ids", lambda n: lists.by_id(database, some[n % len(some) :][:1]))
    await report("counts by state", lambda n: lists.counts(database, api.CountRunsRequest()), 30)
    labelled = api.CountRunsRequest(filter=api.RunFilter(labels={"sweep": "77"}))
    await report("counts by state, of one label", lambda n: lists.counts(database, labelled), 30)
    today = int(time.time()) // 86_400
    for by in ([], ["workflow"], ["team"], ["operator"], ["day"]):
        asked = api.StatisticsRequest(from_day=today - DAYS, before_day=today + 1, by=by)
        await report(f"statistics of a year by {by or 'nothing'}", lambda n, a=asked: statistics.rows(database, a), 20)
    size = await database.fetchval("SELECT pg_total_relation_size('penstock_history.runs')")
    print(f"{'table of runs, with indexes':<44} {size / count:12.0f} bytes a run")
    await database.close()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        asyncio.run(measure(server.create("history"), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
        large_run()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

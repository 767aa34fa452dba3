"""Figures of single parts: the compiler, the State Tracker's memory, the database by itself."""

import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from time import perf_counter

PROGRAM = """
from penstock import operator, workflow

@operator
def step(x: int) -> int:
    return x

@workflow
def ten_thousand(x: int = 0) -> int:
    for _ in range(10_000):
        x = step(x)
    return x
"""


def check_10k_nodes() -> dict[str, float]:
    """Return the seconds of `penstock check` on a workflow of 10,000 nodes, process start included."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "many.py"
        file.write_text(PROGRAM)
        script = Path(sys.executable).with_name("penstock")
        walls: list[float] = []
        for _ in range(4):
            began = perf_counter()
            subprocess.run([str(script), "check", str(file)], check=True, capture_output=True)
            walls.append(perf_counter() - began)
    return {"check_10k_nodes_s": statistics.median(walls[1:])}


def bytes_per_open_node() -> dict[str, float]:
    """Return the bytes that the State Tracker's core holds for a node of 2,000 open runs of ten, half of them done."""
    import uuid

    import penstock
    from penstock_plan.graph import PlanGraph
    from penstock_proto.state_tracker.v1 import events_pb2, reports_pb2
    from penstock_state_tracker.core.shard import Shard

    from . import workloads

    plan = penstock.compile(workloads.chain10).plan
    graph = PlanGraph.of(plan, b"h" * 32)
    runs = [uuid.uuid4().bytes for _ in range(2000)]
    tracemalloc.start()
    shard = Shard(0, {graph.hash: graph})
    for run_id in runs:
        options = events_pb2.RunOptions(labels={"experiment": "bench"})
        submitted = events_pb2.RunSubmitted(plan=graph.hash, plan_name=graph.name, options=options)
        shard.submit(submitted, run_id, 0.0)
        for node in range(5):
            shard.report(
                reports_pb2.Report(run_id=run_id, node=node, attempt=1, succeeded=reports_pb2.Succeeded()), 0.0
            )
        shard.report(reports_pb2.Report(run_id=run_id, node=5, attempt=1, started=reports_pb2.Started()), 0.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"bytes_per_open_node": held / (len(runs) * 5)}


async def postgres_append() -> dict[str, float]:
    """Return the rows a second that the log's own statement appends when nothing else happens."""
    import asyncpg
    from penstock_stack.postgres import EmbeddedPostgres

    from .stack import fresh_folder

    statement = (
        "insert into bench_events (shard, seq, run_id, kind, payload)"
        " select * from unnest($1::int[], $2::bigint[], $3::uuid[], $4::smallint[], $5::bytea[])"
    )
    rows, batches = 500, 200
    with fresh_folder() as folder:
        server = EmbeddedPostgres(folder / "pg")
        server.start()
        try:
            database = await asyncpg.connect(server.url("postgres"))
            await database.execute(
                "create table bench_events (shard int, seq bigint, run_id uuid, kind smallint, payload bytea,"
                " recorded_at timestamptz default now());"
                "create index on bench_events (shard, seq)"
            )
            columns = ([1] * rows, list(range(rows)), ["0" * 32] * rows, [1] * rows, [b"x" * 120] * rows)
            began = perf_counter()
            for _ in range(batches):
                await database.execute(statement, *columns)
            wall = perf_counter() - began
            await database.close()
        finally:
            server.stop()
    return {"postgres_append_rows_per_s": rows * batches / wall}

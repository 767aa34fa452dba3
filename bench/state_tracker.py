"""What the State Tracker alone records: runs and reports straight into its shell, a real Postgres, fsync on.

`python bench/state_tracker.py [RUNS] [SHARDS] [--profile]` prints one line a figure.
"""

import asyncio
import cProfile
import pstats
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from penstock_plan import plan_hash
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import shard_of
from penstock_stack.postgres import EmbeddedPostgres
from penstock_state_tracker.app import StateTracker
from penstock_stream import stream as streams
from penstock_stream.local import LocalStream

NODES = 10
# Reports of that many actions come at once, as from a few workers.
BURST = 200


def chain_plan() -> bytes:
    plan = pl.Plan(schema=1, name="bench:chain")
    plan.types.add(name="int")
    operator = plan.operators.add(module="bench", qualname="step", output_shape=pl.OUTPUT_SHAPE_SINGLE)
    operator.inputs.add(name="n", type=0)
    operator.outputs.add(name="result", type=0)
    for node in range(NODES):
        added = plan.nodes.add(name=f"n{node}", kind=pl.NODE_KIND_TASK)
        if node:
            added.arguments.add(name="n", value=pl.Expr(output=pl.OutputRef(node=node - 1)))
    plan.outputs.add(name="result", type=0, value=pl.Expr(output=pl.OutputRef(node=NODES - 1)))
    return plan.SerializeToString()


def reports(run_ids: list[bytes], node: int, shards: int) -> list[rp.ReportBatch]:
    by_shard: dict[int, list[rp.Report]] = {}
    for run_id in run_ids:
        value = value_pb2.Value(codec="json", inline=b"12345", size_bytes=5, type_name="int")
        done = rp.Succeeded(outputs=value_pb2.Values(values=[value]), duration_us=100)
        report = rp.Report(run_id=run_id, node=node, attempt=1, grant=2**40 + node, worker="worker-1", succeeded=done)
        by_shard.setdefault(shard_of(run_id, shards), []).append(report)
    return [rp.ReportBatch(shard=shard, reports=of_shard) for shard, of_shard in by_shard.items()]


async def measure(url: str, runs: int, shards: int, profile: bool) -> None:
    stream = LocalStream()
    await stream.start()
    heard = 0

    def hear(batches: Sequence[Any]) -> None:
        nonlocal heard
        for batch in batches:
            heard += len(batch.events)

    stream.subscribe(streams.EVENTS, hear)
    tracker = StateTracker([url], stream, "bench", "127.0.0.1:0", shards)
    began = time.perf_counter()
    await tracker.start()
    print(f"start_s {time.perf_counter() - began:.3f}")
    assert tracker.service is not None and tracker.consumer is not None
    data = chain_plan()
    plan = await tracker.plans.put(data, ev.Caller())
    assert plan == plan_hash(data)
    requests = [api.SubmitRequest(run_id=uuid.uuid4().bytes, plan=plan) for _ in range(runs)]
    run_ids = [request.run_id for request in requests]
    prepared = [
        reports(run_ids[at : at + BURST], node, shards) for node in range(NODES) for at in range(0, runs, BURST)
    ]
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    began, cpu = time.perf_counter(), time.process_time()
    many = api.SubmitManyRequest
    service: Any = tracker.service
    await asyncio.gather(
        *(service.SubmitMany(many(requests=requests[at : at + 1000]), None) for at in range(0, runs, 1000))
    )
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    print(f"submits_per_s {runs / took:,.0f}  cpu_us_per_submit {cpu_s / runs * 1e6:.1f}")
    committer = tracker.committers[0]
    rows, batches = committer.rows, committer.batches
    began, cpu = time.perf_counter(), time.process_time()
    for burst in prepared:
        stream.publish(streams.REPORTS, burst)
        await asyncio.sleep(0)
        while committer.pending_events > 2_000:
            await asyncio.sleep(0.0005)
    while tracker.committers[0].rows < runs * (NODES + 2):
        await asyncio.sleep(0.001)
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    if profile:
        profiler.disable()
    rows, batches = committer.rows - rows, committer.batches - batches
    actions = runs * NODES
    print(f"actions_per_s {actions / took:,.0f}  rows_per_s {rows / took:,.0f}  rows_per_commit {rows / batches:.0f}")
    print(f"cpu_us_per_action {cpu_s / actions * 1e6:.1f}")
    await asyncio.sleep(0.01)
    assert heard == runs * (NODES + 2), heard
    await tracker.stop()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    runs, shards = int((arguments or ["2000"])[0]), int((arguments[1:] or ["256"])[0])
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        uvloop.run(measure(postgres.create("penstock"), runs, shards, "--profile" in sys.argv))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

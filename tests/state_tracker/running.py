"""A State Tracker that runs on a real Postgres, and what tests need to drive it: plans, ids, reports."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc.aio
from penstock_plan import plan_hash
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import shard_of
from penstock_service import channels, grpc_server
from penstock_state_tracker.app import StateTracker
from penstock_stream.local import LocalStream
from penstock_stream.stream import Stream

from tests.waiting import WAIT_S

CALLER = ev.Caller(user="ada", team="vision", client="tests/1")
SHARDS = 4


def plan_of(parents: Sequence[Sequence[int]], *, inputs: bool = False, retries: int = 0, name: str = "m:w") -> pl.Plan:
    """A valid plan in which node i uses the outputs of parents[i]; with inputs `n` (an int from 0) and `label`."""
    plan = pl.Plan(schema=1, name=name)
    plan.types.add(name="int")
    plan.types.add(name="str")
    operator = plan.operators.add(module="m", qualname="f", output_shape=pl.OUTPUT_SHAPE_SINGLE)
    operator.outputs.add(name="result", type=0)
    operator.retry.retries = retries
    operator.resources.cpu_milli = 1000
    width = max([len(used) for used in parents], default=0)
    for index in range(width):
        operator.inputs.add(name=f"a{index}", type=0)
    for index, used in enumerate(parents):
        arguments = [pl.Argument(name=f"a{i}", value=pl.Expr(output=pl.OutputRef(node=p))) for i, p in enumerate(used)]
        plan.nodes.add(name=f"n{index}", kind=pl.NODE_KIND_TASK, arguments=arguments)
    if inputs:
        plan.inputs.add(name="n", type=0, required=True, schema_json='{"type": "integer", "minimum": 0}')
        plan.inputs.add(name="label", type=1, default=value('"none"'), schema_json='{"type": "string"}')
    if parents:
        plan.outputs.add(name="result", type=0, value=pl.Expr(output=pl.OutputRef(node=len(parents) - 1)))
    return plan


def chain(length: int, **options: Any) -> bytes:
    return plan_of([(node - 1,) if node else () for node in range(length)], **options).SerializeToString()


def wide(width: int, **options: Any) -> bytes:
    return plan_of([() for _ in range(width)], **options).SerializeToString()


def value(json: str) -> value_pb2.Value:
    return value_pb2.Value(codec="json", inline=json.encode(), size_bytes=len(json))


def new_id(shard: int | None = None, shards: int = SHARDS) -> bytes:
    """A fresh run id, of a shard if one is named."""
    run_id = bytearray(uuid.uuid4().bytes)
    if shard is not None:
        run_id[-4:] = (int.from_bytes(run_id[-4:], "big") // shards // 2 * shards + shard).to_bytes(4, "big")
    return bytes(run_id)


def request(plan: bytes, run_id: bytes | None = None, **inputs: str) -> api.SubmitRequest:
    """A submit of the plan with these bytes; inputs are JSON."""
    given = {name: value(json) for name, json in inputs.items()}
    return api.SubmitRequest(run_id=run_id or new_id(), plan=plan_hash(plan), caller=CALLER, inputs=given)


def succeeded(run_id: bytes, node: int, attempt: int = 1, grant: int = 0, result: str = "1") -> rp.Report:
    outputs = value_pb2.Values(values=[value(result)])
    done = rp.Succeeded(outputs=outputs, duration_us=1)
    return rp.Report(run_id=run_id, node=node, attempt=attempt, grant=grant or node + 1, worker="w", succeeded=done)


def failed(run_id: bytes, node: int, attempt: int = 1, grant: int = 0, *, final: bool = False) -> rp.Report:
    failure = ev.Failure(type="ValueError", message="no", traceback="...")
    body = rp.Failed(cause=ev.CAUSE_USER, failure=failure, final=final)
    return rp.Report(run_id=run_id, node=node, attempt=attempt, grant=grant or node + 1, worker="w", failed=body)


def started(run_id: bytes, node: int, attempt: int = 1, grant: int = 0) -> rp.Report:
    return rp.Report(run_id=run_id, node=node, attempt=attempt, grant=grant or node + 1, started=rp.Started())


def batches(reports: Iterable[rp.Report], shards: int = SHARDS) -> list[rp.ReportBatch]:
    """Reports by shard, as the Action Service sends them."""
    by_shard: dict[int, list[rp.Report]] = {}
    for report in reports:
        by_shard.setdefault(shard_of(report.run_id, shards), []).append(report)
    return [rp.ReportBatch(shard=shard, reports=of_shard) for shard, of_shard in by_shard.items()]


class Client:
    """The State Tracker's API in the words of a test."""

    def __init__(self, channel: Any) -> None:
        self.stub: Any = cast(Any, service_pb2_grpc).StateTrackerServiceStub(channel)

    async def put(self, plan: bytes) -> bytes:
        return (await self.stub.PutPlan(iter([api.PutPlanRequest(chunk=plan, caller=CALLER)]))).plan

    async def submit(self, plan: bytes, run_id: bytes | None = None, **inputs: str) -> api.RunSummary:
        return (await self.stub.Submit(request(plan, run_id, **inputs))).run

    async def submit_patiently(self, plan: bytes) -> api.RunSummary:
        """Submit as clients do: again while the shard changes hands, as it may where the machine stands still."""
        asked = request(plan)
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    return (await self.stub.Submit(asked)).run
                except grpc.aio.AioRpcError as error:
                    if status(error) != "UNAVAILABLE":
                        raise
                await asyncio.sleep(0.1)

    async def report(self, *reports: rp.Report, shards: int = SHARDS) -> list[int]:
        answer = await self.stub.Report(api.ReportRequest(batches=batches(reports, shards)))
        return list(answer.settled)

    async def get(self, run_id: bytes) -> api.RunSummary:
        return (await self.stub.GetRun(api.GetRunRequest(run_id=run_id))).run

    async def events(self, run_id: bytes, after_seq: int = 0, *, follow: bool = False) -> list[api.RecordedEvent]:
        call = self.stub.Watch(api.WatchRequest(run_id=run_id, after_seq=after_seq, follow=follow))
        return [event async for response in call for event in response.events]

    async def log(self, shard: int, from_seq: int = 0, to_seq: int = 0) -> list[ev.EventBatch]:
        call = self.stub.Read(api.ReadRequest(shard=shard, from_seq=from_seq, to_seq=to_seq))
        return [response.batch async for response in call]


class Running(Client):
    """A State Tracker with its stream, its server, and a client."""

    def __init__(self, tracker: StateTracker, stream: Stream, server: grpc_server.Server, channel: Any) -> None:
        super().__init__(channel)
        self.tracker = tracker
        self.stream = stream
        self.server = server


@asynccontextmanager
async def running(
    urls: str | list[str], owner: str = "one", shards: int = SHARDS, stream: Stream | None = None
) -> AsyncGenerator[Running]:
    """Run a State Tracker until the block ends, over the local stream or one that is not started yet."""
    stream = stream or LocalStream()
    await stream.start()
    tracker = StateTracker([urls] if isinstance(urls, str) else urls, stream, owner, "127.0.0.1:0", shards)
    await tracker.start()
    server = grpc_server.server()
    tracker.register(server)
    await server.start()
    tracker.address = server.address
    await server.set_serving()
    channel = channels.open_channel(server.address)
    try:
        yield Running(tracker, stream, server, channel)
    finally:
        await channel.close()
        await server.stop(0)
        await tracker.stop()
        await stream.stop()


def kinds(events: Iterable[api.RecordedEvent]) -> list[str]:
    return [recorded.event.WhichOneof("kind") or "" for recorded in events]


def status(error: grpc.aio.AioRpcError) -> str:
    return error.code().name

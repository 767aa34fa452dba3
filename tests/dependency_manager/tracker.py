"""A State Tracker in memory for tests of those who follow it: the real core, its log in a list, over real gRPC."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import grpc
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2, service_pb2, service_pb2_grpc
from penstock_service import grpc_server
from penstock_state_tracker.core.shard import Shard
from penstock_stream.source import Published
from penstock_stream.stream import EVENTS, Stream

from tests.dags import graph_of

CALLER = ev.Caller(user="ann", team="red")


class Tracker(service_pb2_grpc.StateTrackerServiceServicer):
    """Accepts commands by method calls and publishes what they cause, unless `silent`."""

    def __init__(self, stream: Stream, shards: int) -> None:
        self.stream = stream
        self.data: dict[bytes, bytes] = {}
        self.graphs: dict[bytes, PlanGraph] = {}
        self.shards = [Shard(shard, self.graphs) for shard in range(shards)]
        self.logs: list[list[ev.Event]] = [[] for _ in range(shards)]
        self.silent = False
        self.hide_plans = False
        self.server = grpc_server.server()
        stream.attach_source(self)

    async def start(self) -> str:
        service_pb2_grpc.add_StateTrackerServiceServicer_to_server(self, self.server.grpc)
        await self.server.start()
        return self.server.address

    def put(self, plan: plan_pb2.Plan) -> bytes:
        graph = graph_of(plan)
        self.graphs[graph.hash] = graph
        self.data[graph.hash] = plan.SerializeToString(deterministic=True)
        return graph.hash

    def submit(self, shard: int, run_id: bytes, plan: bytes) -> None:
        event = ev.RunSubmitted(plan=plan, caller=CALLER, nodes=self.graphs[plan].size)
        self.record(shard, self.shards[shard].submit(event, run_id, 0.0))

    def report(self, shard: int, report: reports_pb2.Report) -> None:
        self.record(shard, self.shards[shard].report(report, 0.0))

    def record(self, shard: int, events: list[ev.Event]) -> None:
        if not events:
            return
        log = self.logs[shard]
        batch = ev.EventBatch(shard=shard, epoch=1, from_seq=len(log) + 1, events=events)
        log += events
        if not self.silent:
            self.stream.publish(EVENTS, [batch])

    # Where a Kafka reads what its topic lacks

    def heads(self) -> Mapping[int, int]:
        return {shard: len(log) for shard, log in enumerate(self.logs)}

    async def published(self, shards: Collection[int]) -> Mapping[int, Published]:
        return {}

    async def save_published(self, positions: Mapping[int, Published]) -> None:
        pass

    async def oldest(self, shards: Collection[int]) -> Mapping[int, int]:
        return {}

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[ev.EventBatch]:
        yield ev.EventBatch(shard=shard, epoch=1, from_seq=after_seq + 1, events=self.logs[shard][after_seq:])

    # What followers call

    async def Heads(self, request: Any, context: Any) -> Any:
        heads = [service_pb2.Head(shard=shard.shard, epoch=1, seq=shard.seq) for shard in self.shards]
        return service_pb2.HeadsResponse(heads=heads)

    async def Read(self, request: Any, context: Any) -> AsyncIterator[Any]:
        log = self.logs[request.shard]
        for at in range(request.from_seq - 1, len(log), 3):
            events = log[at : at + 3]
            yield service_pb2.ReadResponse(
                batch=ev.EventBatch(shard=request.shard, epoch=1, from_seq=at + 1, events=events)
            )

    async def Snapshot(self, request: Any, context: Any) -> AsyncIterator[Any]:
        shard = self.shards[request.shard]
        runs = list(shard.snapshot(0.0))
        yield service_pb2.SnapshotResponse(shard=shard.shard, epoch=1, seq=shard.seq)
        for run in runs:
            yield service_pb2.SnapshotResponse(runs=[run])

    async def GetPlan(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if self.hide_plans or request.plan not in self.data:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such plan")
        data = self.data[request.plan]
        for at in range(0, len(data), 100):
            yield service_pb2.GetPlanResponse(chunk=data[at : at + 100])

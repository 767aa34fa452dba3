"""The API: decode, hand over, answer. Errors are answered as they say by the server's interceptor."""
# The generated base class has no types.
# pyright: reportUntypedBaseClass=false, reportUnknownVariableType=false, reportIncompatibleMethodOverride=false

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

import grpc.aio
from penstock_plan.limits import PLAN_BYTES_MAX
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1.diagnosis_pb2 import DiagnoseRequest, DiagnoseResponse
from penstock_proto.state_tracker.v1.service_pb2_grpc import StateTrackerServiceServicer
from penstock_proto.wire import MESSAGE_BYTES_MAX, RUN_ID_BYTES
from penstock_service.answers import Answer
from penstock_service.database import Database

from ..core.shard import Shard
from ..deployment import Deployment
from ..errors import BadRequest, RunEnded, RunNotFound, RunRemoved, TooMuch, run_text
from ..log import snapshot_chunks
from ..ownership.routing import Routing
from ..plans import Plans
from . import runs, teams
from .diagnosis import Diagnosis
from .forks import Forks
from .inquiry import Inquiry
from .instances import outcome
from .lookup import Lookup
from .reader import Reader
from .removals import Removals
from .reopenings import Reopenings
from .reports import Consumer
from .results import Results
from .submissions import Submissions, check_caller, check_service
from .values import POSITIONS_MAX, VALUES_AT_ONCE, Values, carried

# Below what a gRPC message may have.
VALUES_BYTES_MAX: Final = 3 * 2**20
REASON_CHARS_MAX: Final = 2_000

Context = grpc.aio.ServicerContext[Any, Any]


class StateTrackerService(StateTrackerServiceServicer):
    def __init__(
        self,
        deployment: Deployment,
        routing: Routing,
        histories: Sequence[Database],
        plans: Plans,
        submissions: Submissions,
        consumer: Consumer,
        reader: Reader,
        values: Values,
        lookups: dict[int, Lookup],
        forks: Forks,
        diagnosis: Diagnosis,
        removals: Removals,
        reopenings: Reopenings,
        results: Results,
        artifact_folder: str,
        artifact_address: str,
        action_services: Sequence[str],
        registry_address: str,
        history_address: str,
        notifications_address: str,
    ) -> None:
        self._info = api.InfoResponse(
            version=version("penstock-state-tracker"),
            shards=deployment.shards,
            deployment_id=run_text(deployment.id),
            artifact_folder=artifact_folder,
            artifact_address=artifact_address,
            action_services=action_services,
            registry_address=registry_address,
            history_address=history_address,
            notifications_address=notifications_address,
        )
        self._routing = routing
        self._histories = histories
        self._plans = plans
        self._submissions = submissions
        self._consumer = consumer
        self._reader = reader
        self._values = values
        self._lookups = lookups
        self._forks = forks
        self._diagnosis = diagnosis
        self._removals = removals
        self._reopenings = reopenings
        self._results = results

    async def Info(self, request: api.InfoRequest, context: Context) -> api.InfoResponse:
        return self._info

    # Plans

    async def PutPlan(
        self, request_iterator: AsyncIterator[api.PutPlanRequest], context: Context
    ) -> api.PutPlanResponse:
        data = bytearray()
        caller: ev.Caller | None = None
        async for request in request_iterator:
            caller = request.caller if caller is None else caller
            check_caller(caller)
            data += request.chunk
            if len(data) > PLAN_BYTES_MAX:
                raise BadRequest(f"the plan is too large; the limit is {PLAN_BYTES_MAX:,} bytes")
        return api.PutPlanResponse(plan=await self._plans.put(bytes(data), caller or ev.Caller()))

    async def GetPlan(self, request: api.GetPlanRequest, context: Context) -> AsyncIterator[api.GetPlanResponse]:
        data = await self._plans.data(request.plan)
        for at in range(0, len(data), MESSAGE_BYTES_MAX):
            yield api.GetPlanResponse(chunk=data[at : at + MESSAGE_BYTES_MAX])

    # Runs

    async def Submit(self, request: api.SubmitRequest, context: Context) -> api.SubmitResponse:
        return api.SubmitResponse(run=await self._submissions.submit(request))

    async def Validate(self, request: api.ValidateRequest, context: Context) -> api.ValidateResponse:
        return api.ValidateResponse(problems=await self._submissions.problems(request))

    async def SubmitMany(self, request: api.SubmitManyRequest, context: Context) -> api.SubmitManyResponse:
        outcomes = await self._submissions.submit_many(request.requests)
        return api.SubmitManyResponse(outcomes=map(outcome, outcomes))

    async def Results(
        self, request_iterator: AsyncIterator[api.ResultsRequest], context: Context
    ) -> AsyncIterator[api.ResultsResponse]:
        inquiry = Inquiry(self._routing, self._lookups.__getitem__)
        asking = asyncio.create_task(_ask(inquiry, request_iterator))
        try:
            async for response in inquiry.answers(self._results):
                yield response
            await asking
        finally:
            asking.cancel()
            inquiry.close()

    async def GetRun(self, request: api.GetRunRequest, context: Context) -> api.GetRunResponse:
        return api.GetRunResponse(run=await self._summary(request.run_id))

    async def ListRuns(self, request: api.ListRunsRequest, context: Context) -> api.ListRunsResponse:
        response = await runs.page(self._histories, request)
        for summary in response.runs:
            await self._count(summary)
        return response

    async def FindRuns(self, request: api.FindRunsRequest, context: Context) -> api.FindRunsResponse:
        return api.FindRunsResponse(run_ids=await runs.find(self._histories, request.part))

    async def Cancel(self, request: api.CancelRequest, context: Context) -> api.CancelResponse:
        run_id, caller, reason = request.run_id, request.caller, request.reason
        check_caller(caller)
        owned = self._routing.mine(self._routing.shard(run_id))
        with self._routing.guard_decision(owned):
            events = owned.core.cancel(run_id, caller, reason[:REASON_CHARS_MAX], time.monotonic())
        if events:
            self._routing.committers[owned.shard].add(owned, events)
        open_run = owned.core.runs.get(run_id)
        await owned.wait_committed()
        if open_run is not None and owned.core.runs.get(run_id) is open_run:
            return api.CancelResponse(state=ev.RUN_STATE_CANCELLING)
        return api.CancelResponse(state=(await self._summary(run_id)).state)

    async def Signal(self, request: api.SignalRequest, context: Context) -> api.SignalResponse:
        run_id = request.run_id
        check_caller(request.caller)
        owned = self._routing.mine(self._routing.shard(run_id))
        if run_id not in owned.core.runs:
            await self._summary(run_id)  # or RunNotFound
            raise RunEnded(run_id)
        received = ev.SignalReceived(
            name=request.name,
            value=request.value,
            caller=request.caller,
            comment=request.comment[:REASON_CHARS_MAX],
            id=request.id[:RUN_ID_BYTES],
        )
        with self._routing.guard_decision(owned):
            events = owned.core.signal(run_id, received, time.monotonic())
        if events:
            self._routing.committers[owned.shard].add(owned, events)
        await owned.wait_committed()
        return api.SignalResponse()

    async def Retry(self, request: api.RetryRequest, context: Context) -> api.RetryResponse:
        check_caller(request.caller)
        if request.parent_run_id:
            check_service("parent_run_id")
        return await self._reopenings.reopen(request.run_id, request.caller, request.parent_run_id)

    async def Pause(self, request: api.PauseRequest, context: Context) -> api.PauseResponse:
        run_id, caller, reason = request.run_id, request.caller, request.reason[:REASON_CHARS_MAX]
        await self._change(run_id, caller, lambda core: core.pause(run_id, caller, reason, time.monotonic()))
        return api.PauseResponse()

    async def Resume(self, request: api.ResumeRequest, context: Context) -> api.ResumeResponse:
        run_id, caller = request.run_id, request.caller
        await self._change(run_id, caller, lambda core: core.resume(run_id, caller, time.monotonic()))
        return api.ResumeResponse()

    async def _change(self, run_id: bytes, caller: ev.Caller, decide: Callable[[Shard], list[ev.Event]]) -> None:
        """Let the core decide about an open run, and wait until that is in the log."""
        check_caller(caller)
        owned = self._routing.mine(self._routing.shard(run_id))
        if run_id not in owned.core.runs:
            await self._summary(run_id)
            raise RunEnded(run_id)
        with self._routing.guard_decision(owned):
            events = decide(owned.core)
        if events:
            self._routing.committers[owned.shard].add(owned, events)
        await owned.wait_committed()

    async def RemoveRun(self, request: api.RemoveRunRequest, context: Context) -> api.RemoveRunResponse:
        return api.RemoveRunResponse(removed_at_us=await self._removals.remove(request.run_id))

    async def ListRemoved(self, request: api.ListRemovedRequest, context: Context) -> api.ListRemovedResponse:
        return await self._removals.since(self._histories, request)

    async def References(
        self, request: api.ReferencesRequest, context: Context
    ) -> AsyncIterator[api.ReferencesResponse]:
        async for artifacts in self._removals.references():
            yield api.ReferencesResponse(artifacts=artifacts)

    async def Watch(self, request: api.WatchRequest, context: Context) -> AsyncIterator[api.WatchResponse]:
        run_id, after_seq, follow = request.run_id, request.after_seq, request.follow
        if follow:
            self._routing.mine(self._routing.shard(run_id))
        run = await self._summary(run_id)
        async for response in self._reader.watch(
            run_id, run.first_seq, run.last_seq, after_seq, follow, run.submitted_at_us
        ):
            yield response

    # Followers

    async def Read(self, request: api.ReadRequest, context: Context) -> AsyncIterator[api.ReadResponse]:
        self._routing.check_shard(request.shard)
        async for batch in self._reader.read(request.shard, request.from_seq, request.to_seq):
            yield api.ReadResponse(batch=batch)

    async def Snapshot(self, request: api.SnapshotRequest, context: Context) -> AsyncIterator[api.SnapshotResponse]:
        self._routing.check_shard(request.shard)
        for message in await snapshot_chunks.describe_committed(self._routing.mine(request.shard)):
            yield message

    async def Heads(self, request: api.HeadsRequest, context: Context) -> api.HeadsResponse:
        owned = self._routing.all_current()
        return api.HeadsResponse(heads=[api.Head(shard=o.shard, epoch=o.epoch, seq=o.committed) for o in owned])

    async def ReadValues(self, request: api.ReadValuesRequest, context: Context) -> api.ReadValuesResponse:
        positions = [(of_shard.shard, seq) for of_shard in request.positions for seq in of_shard.seqs]
        if len(positions) > POSITIONS_MAX:
            raise BadRequest(f"{len(positions):,} positions at once; at most {POSITIONS_MAX:,} are read")
        response = api.ReadValuesResponse()
        away = set[int]() if request.partial else None
        size = 0
        for at in range(0, len(positions), VALUES_AT_ONCE):
            now = [each for each in positions[at : at + VALUES_AT_ONCE] if not away or each[0] not in away]
            found = await self._values.events(now, away)
            run_ids = {event.run_id for event in found.values()}
            hidden = await teams.hidden(self._routing, self._lookups.__getitem__, run_ids)
            for (shard, seq), event in found.items():
                if event.run_id in hidden:
                    continue
                added = response.values.add(shard=shard, seq=seq, values=carried(event))
                size += added.ByteSize()
            if size > VALUES_BYTES_MAX:
                raise TooMuch(f"the values have more than {VALUES_BYTES_MAX:,} bytes; ask for fewer at once")
        response.shards_away.extend(sorted(away or ()))
        return response

    async def ReadReused(
        self, request: api.ReadReusedRequest, context: Context
    ) -> AsyncIterator[api.ReadReusedResponse]:
        async for response in self._forks.values(request, (await self._summary(request.run_id)).first_seq):
            yield response

    async def Report(self, request: api.ReportRequest, context: Context) -> api.ReportResponse:
        return await self._consumer.report(request.batches)

    async def Diagnose(self, request: DiagnoseRequest, context: Context) -> DiagnoseResponse:
        return await self._diagnosis.make()

    async def _summary(self, run_id: bytes) -> api.RunSummary:
        """Describe a run as memory or the table knows it, once that is committed."""
        shard = self._routing.shard(run_id)
        owned = self._routing.current(shard)
        run = owned.core.runs.get(run_id) if owned is not None else None
        if owned is not None and run is not None:
            summary = runs.open_summary(run, shard)
            summary.counts.CopyFrom(owned.core.counts(run_id))
            await owned.wait_committed()
            summary.submitted_at_us = run.submitted_at_us or owned.recorded_at_us
            return summary
        if owned is not None and owned.core.seq > owned.committed:
            await owned.wait_committed()  # its end may be on the way
        row = (await self._lookups[shard].find([run_id])).get(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if row["removed_at_us"]:
            raise RunRemoved(run_id, row["removed_at_us"])
        return runs.summary(row)

    async def _count(self, summary: api.RunSummary) -> None:
        """Add what memory knows of an open run, once that is committed."""
        owned = self._routing.current(summary.shard)
        if owned is not None and summary.run_id in owned.core.runs:
            counts = owned.core.counts(summary.run_id)
            with suppress(Answer):
                await owned.wait_committed()
                summary.counts.CopyFrom(counts)


async def _ask(inquiry: Inquiry, requests: AsyncIterator[api.ResultsRequest]) -> None:
    try:
        async for request in requests:
            await inquiry.ask(request.run_ids)
    finally:
        inquiry.complete()

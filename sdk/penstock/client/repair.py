"""What is done about runs that are not as they should be: fork, retry, pause."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.value.v1 import value_pb2

from . import forks, submission
from .connection import Connection
from .errors import Refused, not_found
from .forks import ForkPlan, Origin
from .outputs import read_reused
from .runs import AnyRun, Run, RunInfo, id_of
from .values import Artifacts
from .view import RunView

T = TypeVar("T")


class Runs(Protocol):
    """What a client knows of runs."""

    async def get(self, run: AnyRun, /) -> RunInfo: ...

    async def plan(self, plan_hash: bytes, /) -> plan_pb2.Plan: ...

    def events(
        self, run: AnyRun, *, after_seq: int = 0, follow: bool = True
    ) -> AsyncGenerator[Sequence[service_pb2.RecordedEvent]]: ...

    async def submit_request(self, prepared: submission.Prepared, request: service_pb2.SubmitRequest, /) -> Run: ...


class AsyncRepair:
    """What `AsyncClient.repair` is."""

    def __init__(self, runs: Runs, connection: Connection, artifacts: Artifacts, caller: events_pb2.Caller) -> None:
        self._client, self._connection, self._artifacts, self._caller = runs, connection, artifacts, caller

    def acting_for(self, caller: events_pb2.Caller) -> AsyncRepair:
        """Return the same on behalf of somebody else, for services that others call."""
        return AsyncRepair(self._client, self._connection, self._artifacts, caller)

    async def plan(
        self,
        run: AnyRun,
        workflow: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        again: Sequence[str] = (),
        failed_again: bool = False,
        keep: Sequence[str] = (),
    ) -> ForkPlan:
        """Return what a fork would reuse and run, and why; nothing starts.

        A node is reused if it has succeeded and its operator's code, its inputs, and the nodes that it comes after are
        the same, whatever its resources, retries and timeout are.

        Args:
            workflow: A workflow of today's code, or the result of `penstock.compile`; a plan that is stored, prepared
                without inputs; by default the plan of the run.
            inputs: Those that differ from the run's.
            again: Names of nodes, or of a map's items (`load[3]`), that run whatever is known of them, and what depends
                on them.
            failed_again: Items of maps that failed, and were left out of a list, run again, and what depends on it.
            keep: Names of nodes whose operators' results are good although the code has changed.

        Raises:
            ForkRefused, BadInputs, CompileErrors, NoSuchRun, Unreachable.
        """
        origin = await self._origin(run)
        view = origin.view
        if workflow is None:
            prepared = submission.Prepared(view.compiled_plan, view.plan_hash, b"", {}, {})
        elif isinstance(workflow, submission.Prepared):
            prepared = workflow
        else:
            prepared = submission.prepare_as(workflow, view.compiled_plan, inputs or {})
        return await forks.plan_fork(
            self._connection,
            self._artifacts,
            origin,
            prepared,
            inputs or {},
            forks.Wanted(again, keep, failed_again=failed_again),
            self._caller,
        )

    async def start(self, plan: ForkPlan) -> Run:
        """Start a fork as it was planned. Starting the same plan again is the same run."""
        return await self._client.submit_request(plan.prepared, plan.request)

    async def fork(
        self,
        run: AnyRun,
        workflow: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        **wanted: Any,
    ) -> Run:
        """Start a run that takes over what an ended one has computed; see `plan`."""
        return await self.start(await self.plan(run, workflow, inputs=inputs, **wanted))

    async def retry(self, run: AnyRun) -> int:
        """Continue a run that failed or was cancelled; return the number of nodes that wait again, 0 if it is open.

        What has succeeded stays; attempts go on counting. Raises Refused if the run has succeeded.
        """
        request = service_pb2.RetryRequest(run_id=id_of(run).bytes, caller=self._caller)
        answer: service_pb2.RetryResponse = await self._command(run, "Retry", request)
        return answer.reopened

    async def pause(self, run: AnyRun, reason: str = "") -> None:
        """Let nothing new of a run start; what runs goes on."""
        await self._command(
            run, "Pause", service_pb2.PauseRequest(run_id=id_of(run).bytes, caller=self._caller, reason=reason)
        )

    async def resume(self, run: AnyRun) -> None:
        """Let a paused run go on."""
        await self._command(run, "Resume", service_pb2.ResumeRequest(run_id=id_of(run).bytes, caller=self._caller))

    async def _command(self, run: AnyRun, method: str, request: Any) -> Any:
        try:
            return await self._connection.call("state_tracker", method, request)
        except Refused as error:
            raise not_found(error, str(id_of(run))) from None

    async def _origin(self, run: AnyRun) -> Origin:
        """Read a run's events: its state, its inputs, and the artifacts of its outputs."""
        info = await self._client.get(run)
        view = RunView(await self._client.plan(info.plan_hash), info.id.bytes)
        inputs: list[Any] = []
        sides: dict[int, int] = {}
        artifacts: dict[int, list[bytes]] = {}

        def note(node: int, values: Sequence[value_pb2.Value]) -> None:
            artifacts[node] = [each.artifact for each in values if each.artifact]
            if view.nodes[node].kind == "branch":
                sides[node] = int(values[0].inline)

        async with aclosing(self._client.events(info, follow=False)) as batches:
            async for batch in batches:
                view.apply_all(batch)
                for event in batch:
                    if event.event.HasField("run_submitted"):
                        inputs = list(event.event.run_submitted.inputs.values)
                    elif event.event.HasField("action_succeeded"):
                        done = event.event.action_succeeded
                        note(done.node, done.outputs.values)
        reused = {node.output_seq: node.index for node in view.nodes if node.is_taken_over}
        for seq, values in (await read_reused(self._connection, view.run_id, list(reused))).items():
            note(reused[seq], values)
        return Origin(view, inputs, artifacts, sides)


class Repair:
    """What `Client.repair` is: AsyncRepair for code without an event loop."""

    def __init__(self, repair: AsyncRepair, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._repair, self._wait = repair, wait

    def plan(self, run: AnyRun, workflow: Any = None, **wanted: Any) -> ForkPlan:
        """Return what a fork would reuse and run, and why; see AsyncRepair.plan."""
        return self._call(self._repair.plan(run, workflow, **wanted))

    def start(self, plan: ForkPlan) -> Run:
        """Start a fork as it was planned."""
        return self._call(self._repair.start(plan))

    def fork(self, run: AnyRun, workflow: Any = None, **wanted: Any) -> Run:
        """Start a run that takes over what an ended one has computed; see AsyncRepair.plan."""
        return self._call(self._repair.fork(run, workflow, **wanted))

    def retry(self, run: AnyRun) -> int:
        """Continue a run that failed or was cancelled; see AsyncRepair.retry."""
        return self._call(self._repair.retry(run))

    def pause(self, run: AnyRun, reason: str = "") -> None:
        """Let nothing new of a run start; what runs goes on."""
        self._call(self._repair.pause(run, reason))

    def resume(self, run: AnyRun) -> None:
        """Let a paused run go on."""
        self._call(self._repair.resume(run))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return cast(T, self._wait(work))

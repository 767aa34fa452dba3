"""The client: submits runs, waits for them and watches them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from penstock_plan.show.growing_plan import may_grow
from penstock_proto.action_service.v1 import service_pb2 as action_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.wire import DEFAULT_POOL, INPUTS_NODE

from ..declare import user_code
from . import capacity, children, expressions, outputs, printed, removal, saving, submission, uploads, waiting
from .access import AsyncAccess
from .cache import AsyncCache
from .connection import PATIENCE_S, Connection
from .discovery import choose_address
from .errors import Refused, ResultTimeout, RunCancelled, named, not_found
from .history import AsyncHistory
from .identity import user_name
from .node_progress import NodeProgress, read_progress
from .notifications import AsyncNotifications
from .outputs import Output
from .plans import Plans
from .previews import ALL_JSON_BYTES, shown_with_previews
from .progress import Progress, progress
from .registry import AsyncRegistry
from .removal import Collected
from .repair import AsyncRepair
from .results import Results, failure_of
from .run_search import run_with
from .runs import AnyRun, LogLine, Run, RunInfo, RunList, id_of, list_runs, run_info
from .saving import Saved
from .submit_queue import Submitting
from .tokens import credential_of
from .values import Artifacts, decode_outputs
from .view import RunState, RunView, run_state

# Runs that `collect` looks at; those beyond stay until the next time.
RUNS_MAX = 1_000_000


class AsyncClient:
    """Use it as `async with AsyncClient() as client`; it belongs to the event loop in which it is first used.

    Args:
        address: HOST:PORT; by default $PENSTOCK_ADDRESS, then the stack on this machine, then 127.0.0.1:7733.
        data: Data folder by which the stack on this machine is found.
        team: Team of runs that are submitted without one.
        program: Name and version of the calling program, recorded with its runs.
        patience_s: How long an unavailable service is retried before `Unreachable` is raised.
        token: API token or access token; by default $PENSTOCK_TOKEN, then the file that docs/access.md names.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        data: Path | None = None,
        team: str = "",
        program: str = "",
        patience_s: float = PATIENCE_S,
        token: str | None = None,
    ) -> None:
        user_code.refuse_clients()
        self._connection = Connection(chosen := choose_address(address, data), patience_s, credential_of(token, chosen))
        self._submitting = Submitting(self._connection)
        self._capacity = capacity.Capacity(self._connection)
        self._results = Results(self._connection)
        self._uploads = uploads.Uploads()
        self._artifacts = Artifacts(self._connection)
        self._plans = Plans(self._connection)
        self._caller = events_pb2.Caller(
            user=user_name(), team=team, client=program or f"penstock-python/{version('penstock')}"
        )
        self.registry = AsyncRegistry(self._connection, self._caller, self.plan)
        self.access = AsyncAccess(self._connection)
        self.cache = AsyncCache(self._connection, self._caller, self.get, self._plan_of)
        # Of all runs: search, comparisons, statistics.
        self.history = AsyncHistory(self._connection, self.plan)
        # Fork, retry, pause.
        self.repair = AsyncRepair(self, self._connection, self._artifacts, self._caller)
        # Who is told when runs end: channels, rules, deliveries.
        self.notifications = AsyncNotifications(self._connection, self._caller)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def address(self) -> str:
        return self._connection.address

    @property
    def connection(self) -> Connection:
        """For programs that send the services' own messages."""
        return self._connection

    async def close(self) -> None:
        self._artifacts.close()
        await self._results.close()
        await self._capacity.close()
        await self._connection.close()

    async def info(self) -> service_pb2.InfoResponse:
        """Return the facts of the deployment: version, number of shards, address of the artifacts."""
        return await self._connection.call("state_tracker", "Info", service_pb2.InfoRequest())

    async def submit(
        self,
        workflow: Any,
        /,
        *,
        inputs: Mapping[str, Any] | None = None,
        run_id: uuid.UUID | str | None = None,
        team: str | None = None,
        pool: str | None = None,
        priority: int | None = None,
        fail_fast: bool | None = None,
        labels: Mapping[str, str] | None = None,
        notify: Sequence[str] | None = None,
        deadline_s: float | None = None,
        no_cache: bool | None = None,
        **named: Any,
    ) -> Run:
        """Start a run of a workflow; `named` are the workflow's arguments.

        Args:
            workflow: A workflow, the result of `penstock.compile`, or the name of one in the registry: "digits",
                "digits@3", "digits@production".
            inputs: All arguments, for a workflow with one that has the name of an option; keywords are options then.
            run_id: Makes the call idempotent: the same id with the same inputs is the same run.
            notify: Names of channels that are told when the run ends; see `Client.notifications`.
            deadline_s: Seconds after which it is cancelled if it has not ended.
            no_cache: Call every operator, also those whose results are reused.

        Raises:
            CompileErrors, BadInputs, UnknownPool, PlanRefused, NotRegistered, IdTaken, Overloaded, Unreachable.
        """
        given = submission.options_given(run_id, team, pool, priority, fail_fast, labels, notify, deadline_s, no_cache)
        options = submission.run_options(given)
        if isinstance(workflow, str):
            form = await self.registry.form(workflow)
            values = submission.separated(form.name, form.schema["properties"], inputs, named, given)
            prepared = await self.registry.prepare(form, values, options)
        else:
            prepared = submission.prepare_separated(workflow, inputs, named, given)
        return await self.submit_prepared(prepared, run_id=run_id, options=options)

    async def submit_prepared(
        self,
        prepared: submission.Prepared,
        *,
        run_id: uuid.UUID | str | None = None,
        options: events_pb2.RunOptions | None = None,
    ) -> Run:
        """Submit the result of `submission.prepare`; for inputs whose names are also options of `submit`."""
        user_code.refuse_clients()
        request = submission.request(prepared, run_id, self._caller, options or events_pb2.RunOptions())
        await self.notifications.refuse_unknown(request.options.notify, request.options.team or self._caller.team)
        return await self.submit_request(prepared, request)

    async def submit_request(self, prepared: submission.Prepared, request: service_pb2.SubmitRequest) -> Run:
        """Send a request, with what its plan needs."""
        _, warnings = await self._launch(prepared, request)
        run_uuid = uuid.UUID(bytes=request.run_id)
        return Run(run_uuid, prepared.plan.name, prepared.plan_hash, prepared.returned, warnings)

    async def result(self, run: AnyRun, timeout_s: float | None = None) -> Any:
        """Wait for the end of a run and return the result of its workflow.

        For a run that this client submitted, the result has the return type of the workflow; otherwise it is a dict.

        Raises:
            RunFailed, RunCancelled, ResultTimeout, NoSuchRun, Unreachable.
        """
        ended = await self.wait_ended(run, timeout_s)
        plan = await self.plan(ended.plan)
        await self._raise_unless_succeeded(run, ended, plan)
        returned = run.returned if isinstance(run, Run) else None
        values = expressions.recorded(ended.outputs)
        return await decode_outputs(self._artifacts, plan, values, returned)

    async def outputs_json(
        self, run: AnyRun, *, previews: bool = False, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, Any] | None:
        """Wait for the run's end and return its outputs as JSON values; None unless it succeeded.

        A value that is not JSON, or JSON of more than `json_bytes_max`, is shown by its type, its size and the artifact
        that holds it; with `previews` also by its shape and its beginning.
        """
        ended = await self.wait_ended(run)
        if run_state(ended.state) is not RunState.SUCCEEDED:
            return None
        plan, values = await self.plan(ended.plan), expressions.recorded(ended.outputs)
        used = expressions.values_used(plan, values)
        shown = await shown_with_previews(self._artifacts, used, json_bytes_max, previews=previews)
        return expressions.as_json(plan, values, shown)

    async def node_outputs_json(
        self, run: AnyRun, node: str, *, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, Any] | None:
        """Return the outputs that a node has recorded, as JSON values with previews; None unless it has succeeded."""
        plan = await self._plan_of(run)
        index = submission.node_index(plan, node)
        recorded = await outputs.recorded(self._log(run), {index})
        if index not in recorded:
            return None
        shown = await shown_with_previews(self._artifacts, recorded[index], json_bytes_max)
        names = outputs.names_of(plan, index) if recorded[index] else []
        return {name: shown(value) for name, value in zip(names, recorded[index], strict=False)}

    async def inputs_json(self, run: AnyRun, *, json_bytes_max: int = ALL_JSON_BYTES) -> dict[str, Any]:
        """Return the inputs of the run, defaults included, as JSON values with previews."""
        plan = await self._plan_of(run, grown=False)
        values = (await outputs.recorded(self._log(run), set())).get(INPUTS_NODE, [])
        shown = await shown_with_previews(self._artifacts, values, json_bytes_max)
        return {declared.name: shown(value) for declared, value in zip(plan.inputs, values, strict=False)}

    async def arguments_json(
        self, run: AnyRun, node: str, *, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, dict[str, Any]]:
        """Return the arguments of a node by name: `from`, such as "split.train", and `value`, with a preview.

        The value is null until all that it is made of is recorded.
        """
        plan = await self._plan_of(run)
        index = submission.node_index(plan, node)
        return await outputs.arguments(plan, self._log(run), self._artifacts, index, json_bytes_max)

    async def outputs(self, run: AnyRun, node: str | None = None) -> list[Output]:
        """Return what the run, or one of its nodes, has put out so far: names, types and sizes, no values."""
        plan = await self._plan_of(run)
        return await outputs.listed(plan, self._log(run), node)

    async def output(self, run: AnyRun, path: str = "", annotation: Any = Any) -> Any:
        """Return one value of a run, decoded: of "OUTPUT", of "NODE.OUTPUT", or a part of it, "train.model.payload".

        It does not wait: a node's outputs are there once it has succeeded, also if the run goes on or has failed. A
        file is a path to a copy of it, which is removed when this process ends.

        Args:
            annotation: The type to decode to; by default plain Python, in which a dataclass is a dict.

        Raises:
            NoSuchOutput: No output has this name, or it is not there yet.
        """
        found = await self._found_output(run, path)
        return await asyncio.to_thread(found.value, annotation)

    async def save(self, run: AnyRun, path: str, file: saving.Place = None, *, force: bool = False) -> Saved:
        """Save one value of a run, named as for `output`, as a file of the format that the name's suffix says.

        Args:
            file: By default a name and a suffix that fit the value, in the current folder; or a folder for that, or a
                file that is open for writing bytes.
            force: Replace the file if there is one.

        Raises:
            NoSuchOutput, BadFormat, SaveFailed.
        """
        found = await self._found_output(run, path)
        return await asyncio.to_thread(saving.save, found.tree(), found.default_name, file, force=force)

    async def wait_ended(self, run: AnyRun, timeout_s: float | None = None) -> service_pb2.RunResult:
        """Wait for the end of a run and return the recorded end, also of a failed or cancelled run."""
        run_id = id_of(run)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._results.wait(run_id.bytes)
        except TimeoutError:
            raise ResultTimeout(str(run_id), timeout_s or 0.0) from None

    async def watch(self, run: AnyRun) -> AsyncGenerator[Progress]:
        """Yield the past events of the run, then new ones, until it has ended."""
        view = RunView(await self._plan_of(run, grown=False), id_of(run).bytes)
        async with aclosing(self.events(run)) as batches:
            async for batch in batches:
                for event in batch:
                    view.apply(event)
                    yield progress(view.plan, event)

    async def events(
        self, run: AnyRun, *, after_seq: int = 0, follow: bool = True
    ) -> AsyncGenerator[Sequence[service_pb2.RecordedEvent]]:
        """Yield the run's events as they are recorded, in batches; a broken connection is resumed at its position."""
        run_id = id_of(run)
        retry = self._connection.retry_at(self.address)
        while not retry.is_finished:
            request = service_pb2.WatchRequest(run_id=run_id.bytes, after_seq=after_seq, follow=follow)
            async with aclosing(self._connection.stream("state_tracker", "Watch", request, retry)) as stream:
                async for response in named(stream, run_id):
                    if response.events:
                        after_seq = response.events[-1].seq
                        yield response.events

    async def view(self, run: AnyRun) -> RunView:
        """Return the current state of the run with all nodes and attempts."""
        view = RunView(await self._plan_of(run, grown=False), id_of(run).bytes)
        async with aclosing(self.events(run, follow=False)) as batches:
            async for batch in batches:
                view.apply_all(batch)
        return view

    async def get(self, run: AnyRun) -> RunInfo:
        """Return the run's state; raise NoSuchRun."""
        return run_info(await self._summary(run))

    async def list(
        self, *, team: str = "", workflow: str = "", states: Sequence[RunState] = (), limit: int = 50
    ) -> RunList:
        """Return runs, newest first."""
        return await list_runs(self._connection, team, workflow, states, limit)

    async def find(self, part: str) -> uuid.UUID:
        """Return the run with this id, or the only one whose id starts or ends with it.

        Raises:
            NoSuchRun, AmbiguousRun.
        """
        return await run_with(self._connection, part)

    async def cancel(self, run: AnyRun, reason: str = "") -> RunState:
        """Cancel a run and return its state; after this returns, no further actions of it start."""
        return await self._cancel(id_of(run), reason, self._caller)

    async def _cancel(self, run_id: uuid.UUID, reason: str, caller: events_pb2.Caller) -> RunState:
        request = service_pb2.CancelRequest(run_id=run_id.bytes, caller=caller, reason=reason)
        try:
            answer: Any = await self._connection.call("state_tracker", "Cancel", request)
        except Refused as error:
            raise not_found(error, str(run_id)) from None
        return run_state(answer.state)

    async def remove(self, runs: Sequence[AnyRun]) -> int:
        """Remove ended runs: their events and the logs of their operators; return the bytes of the logs.

        Their artifacts stay until `collect`, since other runs may refer to the same. Safe to repeat.

        Raises:
            NoSuchRun, RunRemoved; Refused if one has not ended.
        """
        return await removal.remove(self._connection, [id_of(run) for run in runs])

    async def collect(
        self,
        older_than_s: float | None = None,
        keep: int | None = None,
        *,
        grace_s: float | None = None,
        dry_run: bool = False,
    ) -> Collected:
        """Remove ended runs that are older, beyond so many of the newest, and all artifacts that no run refers to.

        Args:
            older_than_s: Seconds since the end of a run; None: of any age, if `keep` is given.
            keep: Ended runs that stay, whatever their age.
            grace_s: Artifacts that were stored within this time stay; by default an hour, and a day if runs are open.
            dry_run: Remove nothing, only say what would be removed.
        """
        known = await self.list(limit=RUNS_MAX)
        chosen = removal.expired(known, removal.now_us(), older_than_s, keep)
        return await removal.collect(self._connection, known, chosen, grace_s, dry_run=dry_run)

    async def logs(
        self, run: AnyRun, node: str | None = None, *, follow: bool = False, window: printed.Window = printed.ALL
    ) -> AsyncGenerator[LogLine]:
        """Yield the lines that the operators, or one node, printed; with `follow` until the run has ended."""
        plan = await self._plan_of(run)
        index = submission.node_index(plan, node) if node is not None else -1
        ending = asyncio.create_task(printed.wait_last_lines(self.wait_ended(run))) if follow else None
        reader = printed.Reader(self._connection, plan, id_of(run).bytes, index, lambda: self._plan_of(run), window)
        try:
            async with aclosing(reader.lines(ending)) as lines:
                async for line in lines:
                    yield line
        finally:
            if ending is not None:
                ending.cancel()

    async def progress(self, run: AnyRun, nodes: Sequence[str] = ()) -> list[NodeProgress]:
        """Return how far nodes are, of those whose operators have said it; `nodes` has names, at most 1,000."""
        return await read_progress(self._connection, await self._plan_of(run), id_of(run).bytes, nodes)

    async def plan(self, plan_hash: bytes) -> plan_pb2.Plan:
        """Return a plan by its hash."""
        return await self._plans.get(plan_hash)

    async def workers(self, pool: str = "") -> Sequence[action_pb2.Worker]:
        """Return the workers that are connected."""
        return await capacity.workers(self._connection, pool)

    async def pools(self) -> Sequence[action_pb2.Pool]:
        """Return the capacity, usage and queue of each pool."""
        return await capacity.pools(self._connection)

    async def why(self, run: AnyRun) -> list[tuple[str, str]]:
        """Return, for each node that waits or runs, its name and the reason."""
        summary = await self._summary(run)
        plan = await self._plan_of(run)
        lines = await capacity.reasons(self._connection, plan, id_of(run).bytes)
        if run_state(summary.state).ended or not (waiting.has_waits(plan) or not lines):
            return lines
        view = await self.view(run)
        lines += [(wait.node, wait.reason(id_of(run))) for wait in waiting.waits_of(view)]
        return lines or capacity.reasons_unknown(view, summary.options.pool or DEFAULT_POOL, await self.pools())

    async def waits(self, run: AnyRun) -> list[waiting.Waiting]:
        """Return what the run waits for that no worker does: times, signals and people."""
        return waiting.waits_of(await self.view(run))

    async def children(self, run: AnyRun) -> list[children.ChildRun]:
        """Return the child runs that a run has started so far, in the order of its nodes."""
        plan = await self._plan_of(run, grown=False)
        return await children.children_of(self.get, await self.view(run)) if children.has_any(plan) else []

    async def signal(self, run: AnyRun, name: str, value: Any, *, comment: str = "") -> None:
        """Send a value to the node of that name, which waits for it or will; see docs/sdk.md. Raises Refused."""
        await waiting.send_signal(self._connection, self._caller, id_of(run), name, value, comment)

    async def approve(self, run: AnyRun, name: str | None = None, *, denied: bool = False, comment: str = "") -> str:
        """Answer a question, the only one that waits if none is named; return its name. Raises NothingToAnswer."""
        found = waiting.approval_of(await self.view(run)) if name is None else name
        await self.signal(run, found, not denied, comment=comment)
        return found

    async def _found_output(self, run: AnyRun, path: str) -> outputs.Found:
        return await outputs.found(await self._plan_of(run), self._log(run), self._artifacts, path)

    def _log(self, run: AnyRun) -> outputs.Log:
        return outputs.Log(self._connection, self.events(run, follow=False))

    async def _launch(
        self, prepared: submission.Prepared, request: service_pb2.SubmitRequest
    ) -> tuple[service_pb2.RunSummary, tuple[str, ...]]:
        """Return the run, and what can never execute of it; raise UnknownPool before anything is sent."""
        warnings = await self._capacity.warnings(prepared.plan_hash, prepared.plan, request.options.pool)
        await uploads.send_artifacts(self._connection, prepared.input_artifacts)
        summary = await self._send(prepared, request)
        self._plans.keep(prepared.plan_hash, prepared.plan)
        return summary, warnings

    async def _send(self, prepared: submission.Prepared, request: service_pb2.SubmitRequest) -> service_pb2.RunSummary:
        if not prepared.plan_data:
            return await self._submitting.submit(request)
        if self._uploads.is_known(request.plan):
            try:
                return await self._submitting.submit(request)
            except Refused as error:
                if error.code != "NOT_FOUND":
                    raise
                self._uploads.forget(request.plan)
        async with self._uploads.lock(request.plan):
            if not self._uploads.is_known(request.plan):
                return await self._send_first(prepared, request)
        return await self._submitting.submit(request)

    async def _send_first(
        self, prepared: submission.Prepared, request: service_pb2.SubmitRequest
    ) -> service_pb2.RunSummary:
        """Submit a plan that the server may lack. A plan is stored after its bundle: having one, it has the other."""
        try:
            summary = await self._submitting.submit(request)
        except Refused as error:
            if error.code != "NOT_FOUND":
                raise
            await uploads.send_code(self._connection, prepared.plan_artifacts, prepared.plans, self._caller)
            summary = await self._submitting.submit(request)
        self._uploads.remember(request.plan)
        return summary

    async def _raise_unless_succeeded(self, run: AnyRun, ended: service_pb2.RunResult, plan: plan_pb2.Plan) -> None:
        if run_state(ended.state) is RunState.CANCELLED:
            raise RunCancelled(str(id_of(run)), (view := await self.view(run)).cancel_reason, view.cancelled_by)
        if run_state(ended.state) is not RunState.SUCCEEDED:
            raise failure_of(str(id_of(run)), ended, await self._plan_of(run) if may_grow(plan) else plan)

    async def _summary(self, run: AnyRun) -> service_pb2.RunSummary:
        """Return the run's state as the State Tracker describes it; raise NoSuchRun."""
        request = service_pb2.GetRunRequest(run_id=id_of(run).bytes)
        try:
            answer: Any = await self._connection.call("state_tracker", "GetRun", request)
        except Refused as error:
            raise not_found(error, str(id_of(run))) from None
        return answer.run

    async def _plan_of(self, run: AnyRun, *, grown: bool = True) -> plan_pb2.Plan:
        """Return the plan of a run, with the nodes that maps have added so far unless they are not wanted."""
        known = run.plan_hash if isinstance(run, Run | RunInfo) else (await self._summary(run)).plan
        plan = await self.plan(known)
        return (await self.view(run)).plan if grown and may_grow(plan) else plan

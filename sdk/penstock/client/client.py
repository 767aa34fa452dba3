"""The same client for ordinary code: it runs the asyncio one on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from penstock_proto.action_service.v1 import service_pb2 as action_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

from ..declare import user_code
from . import saving, submission
from .access import Access
from .async_client import AsyncClient
from .cache import Cache
from .children import ChildRun
from .connection import PATIENCE_S
from .history import History
from .node_progress import NodeProgress
from .notifications import Notifications
from .outputs import Output
from .previews import ALL_JSON_BYTES
from .printed import ALL, Window
from .progress import Progress
from .registry import Registry
from .removal import Collected
from .repair import Repair
from .runs import AnyRun, LogLine, Run, RunInfo, RunList
from .saving import Saved
from .view import RunState, RunView
from .waiting import Waiting

T = TypeVar("T")
CLOSE_MAX_S = 10.0


class Client:
    """Use it as `with Client() as client`, from any thread. Arguments and methods are those of AsyncClient."""

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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="penstock-client", daemon=True)
        self._thread.start()
        self._client = AsyncClient(address, data=data, team=team, program=program, patience_s=patience_s, token=token)
        # Workflows by name: deploy, find, point aliases at versions.
        self.registry = Registry(self._client.registry, self._call)
        # Tokens, members of teams, the audit; where access control is on.
        self.access = Access(self._client.access, self._call)
        # Results that later runs reuse: why they were, and how they are forgotten.
        self.cache = Cache(self._client.cache, self._call)
        # Of all runs: search, comparisons, statistics.
        self.history = History(self._client.history, self._call)
        # Fork, retry, pause.
        self.repair = Repair(self._client.repair, self._call)
        # Who is told when runs end: channels, rules, deliveries.
        self.notifications = Notifications(self._client.notifications, self._call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        return self._client.address

    def close(self) -> None:
        """Close the connections; harmless if that was done."""
        if self._loop.is_closed():
            return
        try:
            self._call(self._client.close())
            self._call(self._loop.shutdown_asyncgens())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_MAX_S)
            if not self._thread.is_alive():
                self._loop.close()

    def info(self) -> service_pb2.InfoResponse:
        """Return the facts of the deployment: version, number of shards, address of the artifacts."""
        return self._call(self._client.info())

    def submit(
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
        """Start a run of a workflow, by itself or by its name in the registry; see AsyncClient.submit."""
        user_code.refuse_clients()
        return self._call(
            self._client.submit(
                workflow,
                inputs=inputs,
                run_id=run_id,
                team=team,
                pool=pool,
                priority=priority,
                fail_fast=fail_fast,
                labels=labels,
                notify=notify,
                deadline_s=deadline_s,
                no_cache=no_cache,
                **named,
            )
        )

    def submit_prepared(
        self,
        prepared: submission.Prepared,
        *,
        run_id: uuid.UUID | str | None = None,
        options: events_pb2.RunOptions | None = None,
    ) -> Run:
        """Submit what `submission.prepare` made; for callers whose inputs have names that `submit` takes itself."""
        return self._call(self._client.submit_prepared(prepared, run_id=run_id, options=options))

    def submit_request(self, prepared: submission.Prepared, request: service_pb2.SubmitRequest) -> Run:
        """Send a request, with what its plan needs."""
        return self._call(self._client.submit_request(prepared, request))

    def result(self, run: AnyRun, timeout_s: float | None = None) -> Any:
        """Wait for the run's end and return what its workflow returned; see AsyncClient.result for what it raises."""
        return self._call(self._client.result(run, timeout_s))

    def outputs_json(
        self, run: AnyRun, *, previews: bool = False, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, Any] | None:
        """Wait for the run's end and return its outputs as JSON values; None unless it succeeded."""
        return self._call(self._client.outputs_json(run, previews=previews, json_bytes_max=json_bytes_max))

    def node_outputs_json(
        self, run: AnyRun, node: str, *, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, Any] | None:
        """Return the outputs that a node has recorded, as JSON values with previews; None unless it has succeeded."""
        return self._call(self._client.node_outputs_json(run, node, json_bytes_max=json_bytes_max))

    def inputs_json(self, run: AnyRun, *, json_bytes_max: int = ALL_JSON_BYTES) -> dict[str, Any]:
        """Return the inputs of the run, defaults included, as JSON values with previews."""
        return self._call(self._client.inputs_json(run, json_bytes_max=json_bytes_max))

    def arguments_json(
        self, run: AnyRun, node: str, *, json_bytes_max: int = ALL_JSON_BYTES
    ) -> dict[str, dict[str, Any]]:
        """Return the arguments of a node by name: `from`, such as "split.train", and `value`, with a preview."""
        return self._call(self._client.arguments_json(run, node, json_bytes_max=json_bytes_max))

    def outputs(self, run: AnyRun, node: str | None = None) -> Sequence[Output]:
        """Return what the run, or one of its nodes, has put out so far: names, types and sizes, no values."""
        return self._call(self._client.outputs(run, node))

    def output(self, run: AnyRun, path: str = "", annotation: Any = Any) -> Any:
        """Return one value of a run, decoded: of "OUTPUT", of "NODE.OUTPUT", or a part of it."""
        return self._call(self._client.output(run, path, annotation))

    def save(self, run: AnyRun, path: str, file: saving.Place = None, *, force: bool = False) -> Saved:
        """Save one value of a run as a file of the format that the name's suffix says; see AsyncClient.save."""
        return self._call(self._client.save(run, path, file, force=force))

    def wait_ended(self, run: AnyRun, timeout_s: float | None = None) -> service_pb2.RunResult:
        """Wait for the run's end and return it as recorded, whatever it was."""
        return self._call(self._client.wait_ended(run, timeout_s))

    def watch(self, run: AnyRun) -> Iterator[Progress]:
        """Yield what has happened to the run, then what happens, until it has ended."""
        return self._walk(self._client.watch(run))

    def events(
        self, run: AnyRun, *, after_seq: int = 0, follow: bool = True
    ) -> Iterator[Sequence[service_pb2.RecordedEvent]]:
        """Yield the run's events as they are recorded, in batches."""
        return self._walk(self._client.events(run, after_seq=after_seq, follow=follow))

    def view(self, run: AnyRun) -> RunView:
        """Return everything that is known of the run now."""
        return self._call(self._client.view(run))

    def get(self, run: AnyRun) -> RunInfo:
        """Return the run's state; raise NoSuchRun."""
        return self._call(self._client.get(run))

    def find(self, part: str) -> uuid.UUID:
        """Return the run whose id is, begins or ends so."""
        return self._call(self._client.find(part))

    def cancel(self, run: AnyRun, reason: str = "") -> RunState:
        """Cancel a run and return its state; after this returns, no further actions of it start."""
        return self._call(self._client.cancel(run, reason))

    def waits(self, run: AnyRun) -> list[Waiting]:
        """Return what the run waits for that no worker does: times, signals and people."""
        return self._call(self._client.waits(run))

    def children(self, run: AnyRun) -> list[ChildRun]:
        """Return the child runs that a run has started so far, in the order of its nodes."""
        return self._call(self._client.children(run))

    def signal(self, run: AnyRun, name: str, value: Any, *, comment: str = "") -> None:
        """Send a value to the node of that name; see AsyncClient.signal."""
        self._call(self._client.signal(run, name, value, comment=comment))

    def approve(self, run: AnyRun, name: str | None = None, *, denied: bool = False, comment: str = "") -> str:
        """Answer a question of the run; see AsyncClient.approve."""
        return self._call(self._client.approve(run, name, denied=denied, comment=comment))

    def remove(self, runs: Sequence[AnyRun]) -> int:
        """Remove ended runs: their events and the logs of their operators; see AsyncClient.remove."""
        return self._call(self._client.remove(runs))

    def collect(
        self,
        older_than_s: float | None = None,
        keep: int | None = None,
        *,
        grace_s: float | None = None,
        dry_run: bool = False,
    ) -> Collected:
        """Remove ended runs by age and number, and artifacts that no run refers to; see AsyncClient.collect."""
        return self._call(self._client.collect(older_than_s, keep, grace_s=grace_s, dry_run=dry_run))

    def logs(
        self, run: AnyRun, node: str | None = None, *, follow: bool = False, window: Window = ALL
    ) -> Iterator[LogLine]:
        """Yield the lines that the run's operators printed, or those of one node."""
        return self._walk(self._client.logs(run, node, follow=follow, window=window))

    def progress(self, run: AnyRun, nodes: Sequence[str] = ()) -> list[NodeProgress]:
        """Return how far nodes are, of those whose operators have said it; without `nodes`, of all of the run."""
        return self._call(self._client.progress(run, nodes))

    def plan(self, plan_hash: bytes) -> plan_pb2.Plan:
        """Return a plan by its hash."""
        return self._call(self._client.plan(plan_hash))

    def workers(self, pool: str = "") -> Sequence[action_pb2.Worker]:
        """Return the workers that are connected."""
        return self._call(self._client.workers(pool))

    def pools(self) -> Sequence[action_pb2.Pool]:
        """Return what each pool has, uses and waits for."""
        return self._call(self._client.pools())

    def why(self, run: AnyRun) -> Sequence[tuple[str, str]]:
        """Return, for each node that waits or runs, its name and the reason."""
        return self._call(self._client.why(run))

    def list(self, *, team: str = "", workflow: str = "", states: Sequence[RunState] = (), limit: int = 50) -> RunList:
        """Return runs, newest first."""
        return self._call(self._client.list(team=team, workflow=workflow, states=states, limit=limit))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the caller's thread
            raise

    def _walk(self, items: AsyncGenerator[T]) -> Iterator[T]:
        async def next_or_none() -> tuple[T] | None:
            try:
                return (await anext(items),)
            except StopAsyncIteration:
                return None

        try:
            while (item := self._call(next_or_none())) is not None:
                yield item[0]
        finally:
            if not self._loop.is_closed():
                self._call(items.aclose())

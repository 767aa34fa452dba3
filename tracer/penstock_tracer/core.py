"""Events in, finished spans out: one trace a run, one span an attempt. No I/O, no clock."""

from collections.abc import Mapping
from typing import Final

from penstock_observability import trace_ids
from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import as_submitted
from penstock_proto.wire import RUN_ID_BYTES, name_of

from .open_run import Key, OpenRun
from .spans import Attribute, Place, Span

# Of all open runs: nodes whose times are kept. Beyond it the oldest run's are given up.
KEPT_NODES_MAX: Final = 2_000_000
LINKS_MAX: Final = 128
MESSAGE_CHARS_MAX: Final = 1_000
TRACEBACK_CHARS_MAX: Final = 4_000

Ended = ev.ActionSucceeded | ev.ActionFailed


class Traces:
    """The open runs of all shards that are followed."""

    def __init__(self, plans: Mapping[bytes, PlanGraph], kept_nodes_max: int = KEPT_NODES_MAX) -> None:
        self._plans = plans
        self._kept_max = kept_nodes_max
        self._kept = 0
        # By shard, the oldest first.
        self._runs: dict[int, dict[bytes, OpenRun]] = {}

    def __len__(self) -> int:
        return sum(len(runs) for runs in self._runs.values())

    def needed_from(self, shard: int, seq: int) -> int:
        """Return the position from which the log has to be read again to know what is known after `seq`."""
        runs = self._runs.get(shard)
        return next(iter(runs.values())).first_seq if runs else seq + 1

    def take(self, shard: int, seq: int, at_us: int, event: ev.Event) -> Span | None:
        """Take a shard's next event; return the span that it ends."""
        runs = self._runs.setdefault(shard, {})
        kind = event.WhichOneof("kind")
        if kind == "run_submitted" and len(event.run_id) == RUN_ID_BYTES:
            submitted = event.run_submitted
            if (known := runs.pop(event.run_id, None)) is not None:  # the log is read again
                self._kept -= known.kept
            runs[event.run_id] = OpenRun(event.run_id, submitted, seq, at_us, self._plans.get(submitted.plan))
            return None
        if kind == "run_reopened" and event.run_id not in runs and len(event.run_id) == RUN_ID_BYTES:
            submitted = as_submitted(event.run_reopened)
            run = OpenRun(event.run_id, submitted, seq, at_us, self._plans.get(submitted.plan))
            run.submitted_us = event.run_reopened.submitted_at_us
            runs[event.run_id] = run
            return None
        if (run := runs.get(event.run_id)) is None:  # its submission is not in the log any more
            return None
        before = run.kept
        span = self._of_run(run, kind or "", event, at_us)
        if kind == "run_ended":
            del runs[event.run_id]
            self._kept -= before
        else:
            self._kept += run.kept - before
            self._make_room()
        return span

    def _of_run(self, run: OpenRun, kind: str, event: ev.Event, at_us: int) -> Span | None:
        match kind:
            case "action_started":
                run.started[_key(event.action_started)] = at_us
            case "action_succeeded":
                return self._end_succeeded(run, event.action_succeeded, at_us)
            case "action_failed":
                return self._end_failed(run, event.action_failed, at_us)
            case "nodes_skipped":
                run.skipped += len(event.nodes_skipped.nodes)
            case "run_ended":
                return _whole(run, event.run_ended, at_us)
            case _:
                pass
        return None

    def _end_succeeded(self, run: OpenRun, event: ev.ActionSucceeded, at_us: int) -> Span | None:
        span = _attempt(run, event, at_us)
        run.ready_us.pop(event.node, None)
        if run.graph is not None and event.node < run.graph.size:
            if event.added and isinstance(run.graph, GrownGraph):
                run.grow(event.node, run.graph.items_of(event.node, event.added))
            run.ended[event.node] = (at_us, event.attempt)
            if run.graph.kinds[event.node] == plan_pb2.NODE_KIND_PASS:  # nothing was executed
                return None
        return span

    def _end_failed(self, run: OpenRun, event: ev.ActionFailed, at_us: int) -> Span:
        failure = event.failure
        text = f"{failure.type}: {failure.message}" if failure.type else failure.message
        cause = name_of(ev.Cause, event.cause)
        said: dict[str, Attribute] = {"penstock.cause": cause}
        if failure.type:
            said["exception.type"] = failure.type
        if failure.traceback:
            said["exception.stacktrace"] = failure.traceback[:TRACEBACK_CHARS_MAX]
        if event.HasField("retry_delay_s"):
            said["penstock.retry_delay_s"] = event.retry_delay_s
        span = _attempt(run, event, at_us, said, (text or cause)[:MESSAGE_CHARS_MAX])
        if event.HasField("retry_delay_s"):
            run.ready_us[event.node] = at_us + round(event.retry_delay_s * 1e6)
        else:
            run.ready_us.pop(event.node, None)
            run.failure = run.failure or f"{span.name}: {span.failure}"
        return span

    def _make_room(self) -> None:
        if self._kept <= self._kept_max:
            return
        while self._kept > self._kept_max * 9 // 10:  # to find the oldest costs a look at all of them
            oldest = min(
                (run for runs in self._runs.values() for run in runs.values() if run.kept),
                key=lambda run: run.begun_us,
            )
            self._kept -= oldest.kept
            oldest.forget()


def _key(event: ev.ActionStarted | Ended) -> Key:
    return event.node, tuple(event.item), event.attempt


def _attempt(
    run: OpenRun, event: Ended, at_us: int, said: dict[str, Attribute] | None = None, failure: str | None = None
) -> Span:
    """Return the span of an attempt: from when its operator was called until its end was recorded."""
    node, run_id = event.node, run.run_id
    trace_id = trace_ids.trace_id(run_id)
    began_us = at_us - event.duration_us if event.duration_us else run.started.get(_key(event), at_us)
    run.started.pop(_key(event), None)
    ready_us = run.ready_since_us(node)
    # The worker's own start, but not before what it waited for was recorded: those are two clocks.
    start_us = began_us if ready_us is None else min(max(began_us, ready_us), at_us)
    attributes = run.attributes | {
        "penstock.node": run.name_of(node),
        "penstock.operator": run.operator_of(node),
        "penstock.attempt": event.attempt,
        "penstock.worker": event.worker,
        "penstock.duration_s": event.duration_us / 1e6,
    }
    if ready_us is not None:
        attributes["penstock.queued_s"] = max(0, start_us - ready_us) / 1e6
    if event.item:
        attributes["penstock.item"] = ",".join(map(str, event.item))
    return Span(
        place=Place(trace_id, trace_ids.attempt_span(run_id, node, event.item, event.attempt)),
        parent=Place(trace_id, trace_ids.run_span(run_id)),
        name=run.name_of(node),
        start_us=start_us,
        end_us=at_us,
        attributes=attributes | (said or {}),
        failure=failure,
        links=[
            Place(trace_id, trace_ids.attempt_span(run_id, parent, (), run.ended[parent][1]))
            for parent in run.parents_of(node)[:LINKS_MAX]
            if parent in run.ended
        ],
    )


def _whole(run: OpenRun, event: ev.RunEnded, at_us: int) -> Span:
    attributes = run.attributes | {"penstock.state": name_of(ev.RunState, event.state)}
    if run.skipped:
        attributes["penstock.skipped_nodes"] = run.skipped
    return Span(
        place=Place(trace_ids.trace_id(run.run_id), trace_ids.run_span(run.run_id)),
        parent=None,
        name=run.name,
        start_us=run.submitted_us,
        end_us=at_us,
        attributes=attributes,
        failure=(run.failure or "failed") if event.state == ev.RUN_STATE_FAILED else None,
        links=run.links,
    )

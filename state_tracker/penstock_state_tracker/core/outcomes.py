"""How failures spread and how runs end."""

from operator import le
from typing import Final, cast

from penstock_plan.graph import DECIDING_KINDS
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import HASH_BYTES, INLINE_BYTES_MAX

from .run import CONTINUE, Run
from .transitions import FAILED, NOT_TAKEN, SUCCEEDED, WAITING

# The serialised outputs of one action: inline values and references.
OUTPUTS_BYTES_MAX: Final = 80 * 1024
# Nodes in one event, so that it fits a message.
SKIPPED_MAX: Final = 20_000
TYPE_CHARS_MAX: Final = 255
MESSAGE_CHARS_MAX: Final = 8 * 1024
TRACEBACK_CHARS_MAX: Final = 32 * 1024
# Of all that, in letters of any kind, and what later versions say.
FAILURE_BYTES_MAX: Final = 192 * 1024


def outputs_problem(outputs: value_pb2.Values) -> str | None:
    """Return what is wrong with the outputs in a report, which a worker in any language may have written."""
    if (size := outputs.ByteSize()) > OUTPUTS_BYTES_MAX:
        return f"the outputs in a report have {size:,} bytes; the limit is {OUTPUTS_BYTES_MAX:,}"
    for number, value in enumerate(outputs.values, 1):
        if size := len(value.inline):
            if size > INLINE_BYTES_MAX:
                return (
                    f"output {number} has {size:,} bytes inline; beyond {INLINE_BYTES_MAX:,}, upload it as an artifact"
                )
        elif (body := value.WhichOneof("body")) == "inline":
            continue  # of no bytes
        elif body is None:
            return f"output {number} has no value: neither inline nor an artifact"
        elif len(value.artifact) != HASH_BYTES:
            return f"output {number} names an artifact by {len(value.artifact)} bytes, not by a SHA-256 of {HASH_BYTES}"
    return None


def downstream(run: Run, failed: int) -> tuple[list[int], ev.SkipReason]:
    """Return the nodes that can never run once `failed` has failed, ascending, and why."""
    policy = run.graph.on_failure[failed]
    is_forgiven = policy == CONTINUE
    children, status = run.graph.children, run.status
    reached: set[int] = set()
    finals = () if run.ending else run.graph.finals  # they are looked at once the run ends
    goes_on = is_forgiven and run.graph.kinds[failed] not in DECIDING_KINDS
    edge = [(child, failed) for child in children[failed] if not goes_on or failed in run.graph.value_parents[child]]
    while edge:
        node, parent = edge.pop()
        if node in reached or node in finals or status[node] != WAITING:
            continue
        if not (is_forgiven and run.survives(node, parent)):
            reached.add(node)
            edge.extend((child, node) for child in children[node])
    cancels = policy == plan_pb2.FAILURE_POLICY_CANCEL_DEPENDENTS
    return sorted(reached), ev.SKIP_REASON_UPSTREAM_CANCELLED if cancels else ev.SKIP_REASON_UPSTREAM_FAILED


def skipped(run_id: bytes, nodes: list[int], reason: ev.SkipReason, because_of: int) -> list[ev.Event]:
    """Return the events that say so, as few as fit."""
    return [
        ev.Event(
            run_id=run_id,
            nodes_skipped=ev.NodesSkipped(nodes=nodes[at : at + SKIPPED_MAX], reason=reason, because_of=because_of),
        )
        for at in range(0, len(nodes), SKIPPED_MAX)
    ]


def without(run: Run, state: int) -> tuple[list[int], list[int]]:
    """Return the nodes of a run's end that are left out: those of a failure, if it is none, and those without hope."""
    not_taken: list[int] = []
    hopeless: list[int] = []
    finals = run.graph.finals
    for node, kind in finals.items():
        if kind == plan_pb2.AT_END_FAILURE and state != ev.RUN_STATE_FAILED:
            not_taken.append(node)
        elif any(
            parent in hopeless
            or (parent not in finals and run.status[parent] != SUCCEEDED and not run.lets_go_on(node, parent))
            for parent in run.graph.parents[node]
        ):
            hopeless.append(node)
    return not_taken, hopeless


def ended(run: Run) -> ev.Event:
    """Return how a run without open nodes has ended, and where its results are."""
    event = ev.Event(run_id=run.run_id)
    result = event.run_ended
    result.state = state_of(run)
    result.failed_at_end = run.failed_at_end + 1
    result.failed_node = _failed_node(run) if result.state == ev.RUN_STATE_FAILED else -1
    if result.failed_node >= 0 and result.failed_node == run.failed_node:
        result.failure_seq = run.failure_seq
    if result.state == ev.RUN_STATE_SUCCEEDED:
        for node in run.graph.output_nodes:
            if node >= 0 and run.status[node] == NOT_TAKEN:
                continue
            result.outputs.append(value_pb2.ValueRef(node=node, seq=run.first_seq if node < 0 else run.outputs[node]))
    return event


def state_of(run: Run) -> ev.RunState:
    """Return how a run ends whose nodes have ended, or all but those of its end."""
    if run.ending:
        return cast("ev.RunState", run.ending)
    if run.is_cancelling:
        return ev.RUN_STATE_CANCELLED
    if run.failed_node >= 0:
        return ev.RUN_STATE_FAILED
    # Failures under `continue` are forgiven, unless a result of the run itself is missing for it.
    whole = all(node < 0 or run.status[node] in (SUCCEEDED, NOT_TAKEN) for node in run.graph.output_nodes)
    return ev.RUN_STATE_SUCCEEDED if whole else ev.RUN_STATE_FAILED


def _failed_node(run: Run) -> int:
    return run.failed_node if run.failed_node >= 0 else run.status.find(FAILED)


def clipped(failure: ev.Failure) -> ev.Failure:
    """Return the failure within the sizes that the log promises."""
    lengths = len(failure.type), len(failure.message), len(failure.traceback)
    limits = TYPE_CHARS_MAX, MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX
    if all(map(le, lengths, limits)) and failure.ByteSize() <= FAILURE_BYTES_MAX:
        return failure
    return ev.Failure(
        type=failure.type[:TYPE_CHARS_MAX],
        message=failure.message[:MESSAGE_CHARS_MAX],
        traceback=failure.traceback[:TRACEBACK_CHARS_MAX],
    )

"""What stays in the log of a run that is removed: places without content, and its end.

The log keeps its positions without a gap. Readers pass over events without a kind. The end stays for those who still
have the run open, from a checkpoint or a position before the removal: nothing more comes of it.
"""

from collections.abc import Iterable, Iterator

from penstock_plan.refs import add_artifacts
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1 import value_pb2


def emptied(run_id: bytes) -> ev.Event:
    """Return what stays of any event of the run but its end."""
    return ev.Event(run_id=run_id)


def end_of(event: ev.Event) -> ev.Event:
    """Return what stays of the run's end."""
    ended = event.run_ended
    return ev.Event(
        run_id=event.run_id,
        run_ended=ev.RunEnded(state=ended.state, failed_node=ended.failed_node, removed=True),
    )


def artifacts_of_event(event: ev.Event) -> Iterator[bytes]:
    """Yield the artifacts that an event refers to."""
    match event.WhichOneof("kind"):
        case "action_succeeded":
            yield from _artifacts(event.action_succeeded.outputs.values)
        case "run_submitted":
            yield from _artifacts(event.run_submitted.inputs.values)
        case _:
            pass


def artifacts_of_plan(plan: plan_pb2.Plan) -> Iterator[bytes]:
    """Yield the artifacts that a plan refers to: its bundle, its literals, the defaults of its inputs."""
    if plan.bundle:
        yield plan.bundle
    found: set[bytes] = set()
    for node in plan.nodes:
        for argument in node.arguments:
            add_artifacts(argument.value, found)
    for output in plan.outputs:
        add_artifacts(output.value, found)
    yield from found
    yield from _artifacts(each.default for each in plan.inputs)


def _artifacts(values: Iterable[value_pb2.Value]) -> Iterator[bytes]:
    return (value.artifact for value in values if value.artifact)

"""What a run begins with, or goes on with, as the log has it: nodes that have ended, in columns of differences."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from penstock_proto.state_tracker.v1 import events_pb2


def packed(nodes: Iterable[tuple[int, int]]) -> events_pb2.Successes:
    """Return nodes and positions, given by node ascending, as columns."""
    found = events_pb2.Successes()
    last_node = last_seq = 0
    for node, seq in nodes:
        found.node_steps.append(node - last_node)
        found.seq_steps.append(seq - last_seq)
        last_node, last_seq = node, seq
    return found


def unpacked(columns: events_pb2.Successes) -> Iterator[tuple[int, int]]:
    """Yield each node and the position of its outputs. Raises ValueError if one column is shorter."""
    return zip(accumulate(columns.node_steps), accumulate(columns.seq_steps), strict=True)


def as_submitted(event: events_pb2.RunReopened) -> events_pb2.RunSubmitted:
    """Return how a run that goes on could have been submitted: with all that has succeeded taken over."""
    return events_pb2.RunSubmitted(
        plan=event.plan,
        plan_name=event.plan_name,
        caller=event.submitted_by,
        options=event.options,
        nodes=event.nodes,
        reused=event.succeeded,
    )


def steps(numbers: Iterable[int]) -> Iterator[int]:
    """Yield each number less the one before; the first as it is."""
    last = 0
    for number in numbers:
        yield number - last
        last = number


def numbers(of_steps: Sequence[int]) -> Iterator[int]:
    """Yield the numbers whose differences are given."""
    return accumulate(of_steps)

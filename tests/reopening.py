"""How a run is reopened whose events are at hand."""

from collections.abc import Mapping, Sequence

from penstock_plan.graph import PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_state_tracker.core.past import Past


def reopening_of(run_id: bytes, log: Sequence[ev.Event], plans: Mapping[bytes, PlanGraph]) -> ev.RunReopened:
    """Return the event by which a run of a shard's log goes on."""
    past = Past(run_id, plans)
    for seq, event in enumerate(log, 1):
        if event.run_id == run_id:
            past.apply(seq, event)
    reopened = past.reopened(ev.Caller(user="ann"), 1)
    assert reopened is not None
    return reopened

"""How a run that has ended goes on, as the event says."""

from penstock_plan.graph import PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import numbers

from .run import Run


def reopened(run_id: bytes, event: ev.RunReopened, graph: PlanGraph) -> Run:
    """Return the run."""
    run = Run(run_id, graph, event.first_seq)
    run.describe_submission(event.options, event.submitted_by)
    run.submitted_at_us = event.submitted_at_us
    run.parent = event.parent_run_id
    run.reuse(event.succeeded)
    for node, attempt in zip(numbers(event.tried_steps), event.next_attempts, strict=True):
        run.history(node).attempt = attempt
    return run

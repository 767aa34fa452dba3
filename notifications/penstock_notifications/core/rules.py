"""Which channels are notified of an ended run."""

from collections.abc import Iterable, Sequence
from typing import Final

from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from .runs import Run

KIND_OF_STATE: Final[dict[int, api.Kind]] = {
    ev.RUN_STATE_SUCCEEDED: api.KIND_SUCCEEDED,
    ev.RUN_STATE_FAILED: api.KIND_FAILED,
    ev.RUN_STATE_CANCELLED: api.KIND_CANCELLED,
}


def notified(rules: Sequence[api.Rule], run: Run) -> dict[str, str]:
    """Return the channels that are notified, each with the rule that says so; "" stands for the run itself."""
    kind = KIND_OF_STATE.get(run.state)
    if kind is None:
        return {}
    channels = dict.fromkeys(run.notify, "")
    for rule in rules:
        if _fits(rule, kind, run):
            channels.setdefault(rule.channel, rule.name)
    return channels


def is_anybody_notified(rules: Sequence[api.Rule], runs: Iterable[Run]) -> bool:
    """Whether a channel is notified of any of these runs."""
    return any(notified(rules, run) for run in runs)


def _fits(rule: api.Rule, kind: api.Kind, run: Run) -> bool:
    return (
        kind in rule.kinds
        and (not rule.workflow or rule.workflow in (run.workflow, run.launched_as))
        and (not rule.team or rule.team == run.team)
    )

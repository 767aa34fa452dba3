"""Progress without a terminal: a line for each event, or for large runs a count of the nodes now and then."""

import pytest
from penstock.cli import live
from penstock.cli.live import Display
from penstock.client.view import RunView
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.sdk.client.test_view import SUBMITTED, event, plan, recorded


@pytest.mark.parametrize("named_max", [3, 2])
def test_a_large_run_is_counted_and_what_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named_max: int
) -> None:
    monkeypatch.setattr(live, "NODES_NAMED_MAX", named_max)
    view = RunView(plan("a", "b", "c"))
    failure = ev.Failure(type="ValueError", message="no")
    came = recorded(
        SUBMITTED,
        event(action_succeeded=ev.ActionSucceeded(node=0, attempt=1)),
        event(action_succeeded=ev.ActionSucceeded(node=1, attempt=1)),
        event(action_failed=ev.ActionFailed(node=2, attempt=1, cause=ev.CAUSE_USER, failure=failure)),
        event(run_ended=ev.RunEnded(state=ev.RUN_STATE_FAILED, failed_node=2)),
    )
    display = Display(view, to_stderr=True)
    view.apply_all(came)
    display.show(came)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "submitted"
    middle = ["a  succeeded (0 ms)", "b  succeeded (0 ms)"] if named_max == 3 else ["2 succeeded, 1 failed"]
    assert lines[1:-2] == middle
    assert "c  failed" in lines[-2] and "ValueError" in lines[-2]
    assert "run failed" in lines[-1]

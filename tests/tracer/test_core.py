"""Events in, spans out: plain values."""

from typing import Any

from penstock_observability import trace_ids
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_tracer.core import Traces
from penstock_tracer.spans import Span

from tests.state_tracker.running import plan_of

PLAN = b"p" * 32
SECOND = 1_000_000
RUN, OTHER = b"r" * 16, b"o" * 16


class Log:
    """A shard's log that is taken event by event, a second apart."""

    def __init__(self, kept_nodes_max: int = 1_000, plan: plan_pb2.Plan | None = None) -> None:
        graph = PlanGraph.of(plan or plan_of([(), (0,), (0, 1)]), PLAN)
        self.traces = Traces({PLAN: graph}, kept_nodes_max)
        self.seq = 0

    def take(self, run_id: bytes = RUN, **event: Any) -> Span | None:
        self.seq += 1
        return self.traces.take(0, self.seq, self.seq * SECOND, ev.Event(run_id=run_id, **event))

    def submit(self, run_id: bytes = RUN, **more: Any) -> None:
        assert self.take(run_id, run_submitted=ev.RunSubmitted(plan=PLAN, plan_name="m:w", **more)) is None

    def succeed(self, node: int, run_id: bytes = RUN, duration_us: int = 100_000, attempt: int = 1) -> Span | None:
        done = ev.ActionSucceeded(node=node, attempt=attempt, duration_us=duration_us, worker="w")
        return self.take(run_id, action_succeeded=done)

    def end(self, run_id: bytes = RUN) -> Span | None:
        return self.take(run_id, run_ended=ev.RunEnded(state=ev.RUN_STATE_SUCCEEDED))


def test_an_attempt_begins_after_what_it_waited_for() -> None:
    log = Log()
    log.submit()
    first = log.succeed(0)
    second = log.succeed(1, duration_us=60 * SECOND)  # by another clock than that of the log
    assert first is not None and second is not None
    assert (first.start_us, first.end_us) == (2 * SECOND - 100_000, 2 * SECOND)
    assert first.attributes["penstock.queued_s"] == 0.9
    assert (second.start_us, second.attributes["penstock.queued_s"]) == (2 * SECOND, 0)
    assert second.links == [first.place]


def test_a_lost_attempt_lasts_from_its_recorded_start_and_a_retry_waits_for_its_delay() -> None:
    log = Log()
    log.submit()
    log.take(action_started=ev.ActionStarted(node=0, attempt=1, worker="w"))
    lost = log.take(action_failed=ev.ActionFailed(node=0, attempt=1, cause=ev.CAUSE_LOST, retry_delay_s=0.5))
    again = log.succeed(0, attempt=2)
    assert lost is not None and again is not None
    assert (lost.start_us, lost.end_us, lost.failure) == (2 * SECOND, 3 * SECOND, "lost")
    assert again.attributes["penstock.queued_s"] == 0.4


def test_a_point_of_order_has_no_span_and_is_waited_for() -> None:
    plan = plan_of([(), (0,)])
    plan.nodes[0].kind = plan_pb2.NODE_KIND_PASS
    log = Log(plan=plan)
    log.submit()
    assert log.succeed(0, duration_us=0) is None
    after = log.succeed(1)
    assert after is not None and after.attributes["penstock.queued_s"] == 0.9


def test_a_run_is_linked_to_what_it_came_from() -> None:
    log = Log()
    submitter = f"00-{'ab' * 16}-{'cd' * 8}-01"
    log.submit(parent_run_id=OTHER, options=ev.RunOptions(traceparent=submitter, team="t"))
    whole = log.end()
    assert whole is not None and whole.parent is None
    assert [link.trace_id for link in whole.links] == [trace_ids.trace_id(OTHER), int("ab" * 16, 16)]
    assert whole.links[0].span_id == trace_ids.run_span(OTHER)
    assert whole.attributes["penstock.team"] == "t"


def test_what_was_submitted_before_all_that_is_known_has_no_span() -> None:
    log = Log()
    assert log.succeed(0) is None
    assert log.end() is None


def test_the_log_is_needed_from_the_oldest_open_run() -> None:
    log = Log()
    log.submit()
    log.submit(OTHER)
    assert log.traces.needed_from(0, log.seq) == 1
    log.end()
    assert log.traces.needed_from(0, log.seq) == 2
    log.end(OTHER)
    assert log.traces.needed_from(0, log.seq) == log.seq + 1
    assert len(log.traces) == 0


def test_a_log_that_is_read_again_makes_the_same_spans() -> None:
    log = Log()
    made: list[list[Span | None]] = []
    for _ in range(2):
        log.seq = 0
        log.submit()
        made.append([log.succeed(0), log.succeed(1), log.succeed(2)])
    assert made[0] == made[1]
    assert len(log.traces) == 1


def test_beyond_its_bound_it_gives_up_the_oldest_runs_times_and_no_span() -> None:
    log = Log(kept_nodes_max=3)
    log.submit()
    log.succeed(0)
    log.succeed(1)
    log.submit(OTHER)
    log.succeed(0, OTHER)
    log.succeed(1, OTHER)
    old, new = log.succeed(2), log.succeed(2, OTHER)
    assert old is not None and new is not None
    assert (old.name, old.links, "penstock.queued_s" in old.attributes) == ("node 2", [], False)
    assert (new.name, len(new.links)) == ("n2", 2)
    assert log.end() is not None

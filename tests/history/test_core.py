"""The core: what is packed comes back, percentiles are near, and events make the rows that plain counting makes."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_history.core import summary
from penstock_history.core.artifacts import may_name_any
from penstock_history.core.buckets import bucket_of, middle_us, percentile_us
from penstock_history.core.figures import DAY_US, Key, of_nodes
from penstock_history.core.nodes import CANCELLED, FAILED, NEVER, STATUSES, Nodes, operators_of
from penstock_history.core.runs import Runs
from penstock_history.shell.outline import node_name
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1.value_pb2 import Value, Values
from penstock_stream.messages import EventRange
from penstock_stream.open_runs import Mark

from tests.dynamic.cores import RUN as OF_CORES
from tests.dynamic.cores import CoreRun
from tests.dynamic.test_decisions import strict
from tests.reopening import reopening_of
from tests.state_tracker.running import chain, plan_of

DAY = 20_000
RUN = bytes(range(16))
COLUMNS = st.lists(
    st.tuples(st.sampled_from(sorted(STATUSES)), st.integers(0, 300), st.integers(0, 2**50), st.integers(0, 2**50))
)


@given(COLUMNS)
def test_what_is_packed_comes_back(columns: list[tuple[int, int, int, int]]) -> None:
    nodes = Nodes(len(columns))
    for node, (status, attempt, ended_us, duration_us) in enumerate(columns):
        nodes.end(node, status, attempt, ended_us, duration_us)
    back = Nodes.unpack(nodes.pack())
    assert [getattr(back, name) for name in Nodes.__slots__] == [getattr(nodes, name) for name in Nodes.__slots__]


@pytest.mark.parametrize("data", [b"", b"\x01\x05\x00\x00\x00", b"\x09" * 20, Nodes(3).pack()[:-1]])
def test_damaged_columns_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Nodes.unpack(data)


@given(st.integers(0, 2**60))
def test_a_bucket_is_near_its_durations(duration_us: int) -> None:
    assert abs(middle_us(bucket_of(duration_us)) - duration_us) <= 0.13 * duration_us


@given(st.lists(st.integers(1, 10**9), min_size=1), st.sampled_from([0.5, 0.95]))
def test_percentiles_are_near(durations: list[int], share: float) -> None:
    exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    found = percentile_us(Counter(map(bucket_of, durations)), share)
    assert abs(found - exact) <= 0.13 * exact


def test_buckets_ascend() -> None:
    edges = [bucket_of(duration) for duration in range(5_000)]
    assert edges == sorted(edges)


def submitted(nodes: int, workflow: str = "m:w", team: str = "vision") -> ev.RunSubmitted:
    return ev.RunSubmitted(plan=b"p" * 32, plan_name=workflow, caller=ev.Caller(user="ada", team=team), nodes=nodes)


def event(kind: str, what: object, run_id: bytes = RUN) -> ev.Event:
    made = ev.Event(run_id=run_id)
    getattr(made, kind).CopyFrom(what)
    return made


def ended(state: ev.RunState = ev.RUN_STATE_SUCCEEDED, failed_node: int = -1) -> ev.RunEnded:
    return ev.RunEnded(state=state, failed_node=failed_node)


def batch(seq: int, at_us: int, *events: ev.Event) -> ev.EventBatch:
    return ev.EventBatch(from_seq=seq, recorded_at_us=at_us, events=events)


def history(nodes: int = 2) -> list[ev.Event]:
    """A run in which node 0 is repeated once and node 1 fails."""
    failed = ev.ActionFailed(node=0, attempt=1, cause=ev.CAUSE_USER, duration_us=5, retry_delay_s=0.1)
    failure = ev.Failure(type="ValueError", message="no\0 such file")
    return [
        event("run_submitted", submitted(nodes)),
        event("action_started", ev.ActionStarted(node=0, attempt=1)),
        event("action_failed", failed),
        event("action_succeeded", ev.ActionSucceeded(node=0, attempt=2, duration_us=20)),
        event("action_failed", ev.ActionFailed(node=1, attempt=1, cause=ev.CAUSE_USER, duration_us=7, failure=failure)),
        event("nodes_skipped", ev.NodesSkipped(nodes=range(2, nodes), reason=ev.SKIP_REASON_UPSTREAM_FAILED)),
        event("run_ended", ended(ev.RUN_STATE_FAILED, 1)),
    ]


def test_events_make_a_row() -> None:
    runs = Runs({})
    assert runs.begin(0) == 0
    found = [runs.take(batch(seq, 1_000 * seq, each)) for seq, each in enumerate(history(4), 1)]
    (run,), invalid = found[-1]
    assert found[:-1] == [([], [])] * 6 and not invalid
    runs.count(run, of_nodes(run.nodes, ["f", "f", "g", ""], DAY, run.workflow, run.team))
    changes = runs.take_changes()
    assert changes.ended == [run] and not changes.changed and changes.marks == {0: Mark(8, 7)}
    assert (run.retries, run.busy_us, run.failed_node, run.ended_us) == (1, 32, 1, 7_000)
    assert run.failure == "ValueError: no\N{REPLACEMENT CHARACTER} such file"
    assert [STATUSES[status] for status in run.nodes.status] == ["succeeded", "failed", "skipped", "skipped"]
    assert [run.nodes.started_us(node) for node in range(4)] == [2_980, 3_993, NEVER, NEVER]
    whole = changes.figures[Key(0, "m:w", "vision", "")]
    assert (whole.failed, whole.succeeded, whole.retries, whole.busy_us) == (1, 0, 1, 32)
    of_f = changes.figures[Key(DAY, "m:w", "vision", "f")]
    assert (of_f.succeeded, of_f.failed, of_f.retries, of_f.busy_us) == (1, 1, 1, 27)
    assert Key(DAY, "m:w", "vision", "") not in changes.figures


def test_a_result_from_the_cache_counts_as_no_execution() -> None:
    runs = Runs({})
    runs.begin(0)
    taken = ev.ActionSucceeded(node=0, attempt=1, duration_us=9, reuse=ev.Reuse(run_id=bytes(16), name="f"))
    log = [event("run_submitted", submitted(2)), event("action_succeeded", taken), event("run_ended", ended())]
    (run,), _ = runs.take(batch(1, 5_000, *log))
    assert STATUSES[run.nodes.status[0]] == "succeeded" and run.nodes.is_reused(0)
    assert Key(DAY, run.workflow, run.team, "f") not in of_nodes(run.nodes, ["f", "g"], DAY, run.workflow, run.team)


def test_a_run_that_is_open_is_read_again_after_a_restart_and_counted_once() -> None:
    """Wherever the tables were written, what is in them at the end is the same."""
    log = [*history(2)]
    for run in range(1, 6):
        run_id = bytes([run]) * 16
        log += [
            event("run_submitted", submitted(1), run_id),
            event("action_succeeded", ev.ActionSucceeded(node=0, attempt=1, duration_us=run), run_id),
            event("run_ended", ended(), run_id),
        ]
    random.Random(7).shuffle(log)
    order = {"run_submitted": 0, "run_ended": 2}
    # Runs overlap, and within a run the order is right.
    log.sort(key=lambda each: order.get(each.WhichOneof("kind") or "", 1))
    expected = _written(log, every=len(log))
    assert len(expected[0]) == 6
    for every in range(1, len(log)):
        assert _written(log, every) == expected


def test_an_invalid_event_harms_no_other_and_a_repeated_one_does_not_count() -> None:
    """What goes wrong with one event is returned; ranges may overlap, and begin late."""
    runs = Runs({})
    runs.begin(0)
    log = history(2)
    assert runs.take(batch(1, -(2**62), log[0])) == ([], [])
    ended, invalid = runs.take(batch(2, 2**62, log[3], event("cancel_requested", ev.CancelRequested())))
    assert not ended and [each.seq for each in invalid] == [2] and isinstance(invalid[0].error, OverflowError)
    assert runs.take(batch(2, 2**62, log[3])) == ([], []), "heard of before"
    (run,), invalid = runs.take(batch(3, 0, log[3], log[3], log[4], log[6]))
    assert not invalid and (run.busy_us, run.retries, run.last_seq) == (27, 0, 6)
    assert runs.take(batch(9, 4_000, log[6])) == ([], []) and runs.take_changes().marks == {0: Mark(10, 9)}


def test_artifacts_are_seen_in_the_bytes_of_an_event() -> None:
    for value, expected in ((Value(artifact=b"a" * 32, codec="json"), True), (Value(inline=b"a" * 32), False)):
        succeeded = event("action_succeeded", ev.ActionSucceeded(node=1, outputs=Values(values=[value])))
        assert may_name_any(EventRange(0, 1, 1, 5, [succeeded], [succeeded.SerializeToString()])) is expected
        assert may_name_any(batch(1, 5, succeeded)), "its bytes are not at hand"


def _written(log: list[ev.Event], every: int) -> tuple[list[bytes], dict[Key, tuple[int, ...]]]:
    """The rows and figures if the process is replaced after each write."""
    marks: dict[int, Mark] = {}
    rows: list[bytes] = []
    sums: dict[Key, tuple[int, ...]] = {}
    runs = Runs(marks)
    runs.begin(0)
    taken = 0
    while taken < len(log):
        until = min(len(log), taken + every)
        for seq in range(runs.position(0) + 1, until + 1):
            for run in runs.take(batch(seq, seq * DAY_US // 4, log[seq - 1]))[0]:
                runs.count(run, of_nodes(run.nodes, ["f"] * len(run.nodes), 1, run.workflow, run.team))
        changes = runs.take_changes()
        assert not set(changes.changed) & set(rows), "what has ended is not open again"
        rows += [run.run_id for run in changes.ended]
        for key, f in changes.figures.items():
            figures = (f.succeeded, f.failed, f.cancelled, f.skipped, f.retries, f.busy_us, *f.buckets.values())
            before = sums.get(key, (0,) * len(figures))
            sums[key] = tuple(a + b for a, b in zip(before, figures, strict=False)) if key in sums else figures
        marks |= changes.marks
        runs = Runs(marks)
        runs.begin(0)
        taken = until
    sums = {key: figures[:6] for key, figures in sums.items()}
    return sorted(rows), sums


def graph_of(plan: bytes | plan_pb2.Plan) -> PlanGraph:
    return PlanGraph.of(plan if isinstance(plan, plan_pb2.Plan) else plan_pb2.Plan.FromString(plan), b"h" * 32)


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    graph = graph_of(plan_of([(), (), (0, 1), (), (2, 3)]))
    nodes = Nodes(5)
    for node, ended_us in enumerate([10, 30, 50, 20, 60]):
        nodes.end(node, 3, 1, ended_us, 10)
    assert summary.critical_path(graph, nodes) == [1, 2, 4]
    assert [summary.ready_us(graph, nodes, node) for node in range(5)] == [0, 0, 30, 0, 50]
    figures = summary.by_operator(graph, nodes)[graph.operators[0]]
    assert (figures.nodes, figures.busy_us, figures.waited_us, figures.first_us, figures.last_us) == (
        5,
        50,
        30 + 10,
        0,
        60,
    )


def test_items_of_maps_are_counted_by_operator(tmp_path: Path) -> None:
    of_cores = CoreRun(strict, {"n": 7}, 1, tmp_path)
    of_cores.drive()
    runs = Runs({})
    runs.begin(0)
    batch = ev.EventBatch(from_seq=1, recorded_at_us=DAY_US, events=of_cores.log)
    (run,), invalid = runs.take(batch)
    nodes = Nodes.unpack(run.nodes.pack())
    graph = nodes.graph(next(iter(of_cores.plans.values())))
    assert graph is not None and not invalid
    sums = of_nodes(nodes, operators_of(graph), 1, run.workflow, run.team)
    counted = {key.operator.split(":")[-1]: (f.succeeded, f.failed, f.skipped) for key, f in sums.items()}
    assert (counted["picky"], counted["double"]) == ((5, 2, 0), (5, 0, 2))
    assert node_name(graph, run.failed_node) in ("picky[2]", "picky[5]")
    assert summary.by_operator(graph, nodes)[graph.operators[run.failed_node]].counts[FAILED] == 2
    shown = summary.window(graph, nodes, operator="", statuses=frozenset({FAILED}), order="plan", first=0, size=9)
    assert [graph.name_of(node) for node in shown.nodes] == ["picky[2]", "picky[5]"]


def test_a_run_that_goes_on_has_the_items_that_it_had(tmp_path: Path) -> None:
    of_cores = CoreRun(strict, {"n": 7}, 1, tmp_path)
    of_cores.drive()
    (plan,) = of_cores.plans.values()
    again = ev.Event(run_id=OF_CORES, run_reopened=reopening_of(OF_CORES, of_cores.log, of_cores.plans))
    skipped = ev.NodesSkipped(nodes=[plan.size + 2, plan.size + 12], reason=ev.SKIP_REASON_RUN_CANCELLED)
    ended = ev.Event(run_id=OF_CORES, run_ended=ev.RunEnded(state=ev.RUN_STATE_CANCELLED, failed_node=-1))
    log = [*of_cores.log, again, ev.Event(run_id=OF_CORES, nodes_skipped=skipped), ended]
    runs = Runs({})
    runs.begin(0)
    (_, run), invalid = runs.take(ev.EventBatch(from_seq=1, recorded_at_us=DAY_US, events=log))
    graph = run.nodes.graph(plan)
    assert graph is not None and (graph.size, not invalid) == (plan.size + 14, True)
    assert run.nodes.status[plan.size + 12] == CANCELLED
    of_items = [graph.name_of(node) for node in range(plan.size, graph.size) if run.nodes.is_reused(node)]
    assert of_items == [f"{name}[{item}]" for name in ("picky", "double") for item in (0, 1, 3, 4, 6)]


def test_windows_of_nodes() -> None:
    graph, nodes = graph_of(chain(5)), Nodes(5)
    for node, (status, duration_us) in enumerate([(3, 5), (3, 50), (4, 9), (5, 0)]):
        nodes.end(node, status, int(status < 5), 100 * node, duration_us)

    def shown(**wanted: object) -> tuple[list[int], int]:
        usual: dict[str, object] = {"operator": "", "statuses": frozenset(), "order": "plan", "first": 0, "size": 3}
        return summary.window(graph, nodes, **{**usual, **wanted})  # type: ignore[arg-type]

    assert shown() == ([0, 1, 2], 5)
    assert shown(first=3) == ([3, 4], 5)
    assert shown(order="duration") == ([1, 2, 0], 5)
    assert shown(statuses=frozenset({3})) == ([0, 1], 2)
    assert shown(operator="other") == ([], 0)
    assert shown(order="started", size=5)[0] == [0, 1, 2, 3, 4]

"""The state of one open run: what the log says of each of its nodes, and how each event changes it."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from penstock_plan.graph import DECIDING_KINDS, MAP, TOLERATES_FAILED, TOLERATES_NOT_TAKEN, PlanGraph
from penstock_plan.growth import GrownGraph, RunGraph, graph_of_run
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import numbers, unpacked

from ..errors import CorruptLog
from .transitions import (
    CANCELLED,
    FAILED,
    NODE_TRANSITIONS,
    NOT_TAKEN,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    TEMPLATE,
    WAITING,
    sources,
)

CONTINUE: Final = int(plan_pb2.FAILURE_POLICY_CONTINUE)
MAY_START: Final = sources(NODE_TRANSITIONS, "action_started")
MAY_END: Final = sources(NODE_TRANSITIONS, "action_succeeded")
MAY_BE_SKIPPED: Final = sources(NODE_TRANSITIONS, "nodes_skipped")
ENDED_BADLY: Final = frozenset({FAILED, SKIPPED, CANCELLED})


@dataclass(slots=True)
class History:
    """Of a node that was tried more than once: what the next decision needs to know of the attempts before."""

    attempt: int = 1  # that runs or comes next
    retries: int = 0  # used, of those that count
    lost: int = 0  # attempts lost with their worker since one lived for long
    ready_at: float = 0.0  # monotonic second from which the attempt may start
    looks_since: float | None = None  # monotonic second at which a sensor first found nothing


@dataclass(slots=True)
class Begun:
    """A wait that has begun."""

    due_at_us: int  # by the database's clock; 0: it ends by a signal alone
    due: float  # monotonic second; infinite likewise


@dataclass(slots=True)
class RunWaits:
    """What the log says of the waits of one run, by node."""

    begun: dict[int, Begun] = field(default_factory=dict[int, Begun])
    # Those received; one that was used has no value any more.
    signals: dict[int, ev.SignalReceived] = field(default_factory=dict[int, ev.SignalReceived])


# Of all runs whose plans have none.
NO_WAITS: Final = RunWaits()


class Used(Enum):
    """What an attempt that is tried again uses up."""

    RETRY = "retry"
    NOTHING = "nothing"
    LOSS = "loss"
    FIRST_LOSS = "first loss"  # after a long life: losses before it no longer count


class Run:
    """An open run. Arrays by node keep it at some ten bytes a node, however it was come by: live or by replay."""

    __slots__ = (
        "_history",
        "caller",
        "deadline",
        "ending",
        "fail_fast",
        "failed_at_end",
        "failed_node",
        "failure_seq",
        "first_seq",
        "graph",
        "is_cancelling",
        "is_end_cancelled",
        "is_failing_fast",
        "is_paused",
        "open",
        "options",
        "outputs",
        "parent",
        "plan_name",
        "run_id",
        "running",
        "started_at",
        "status",
        "submitted_at_us",
        "team",
        "touched",
        "waits",
    )

    def __init__(self, run_id: bytes, graph: PlanGraph, first_seq: int) -> None:
        self.run_id = run_id
        self.graph: RunGraph = graph_of_run(graph)
        self.first_seq = first_seq
        self.submitted_at_us = 0
        self.team = ""
        self.plan_name = graph.name
        self.options = b""  # RunOptions, serialised: a few bytes where a message would be hundreds
        self.caller = b""  # Caller, serialised
        self.fail_fast = False
        self.deadline = float("inf")  # monotonic second
        self.status = bytearray((WAITING,)) * graph.size
        self.outputs = array("q", bytes(8 * graph.size))  # seq of each success, and of each forgiven failure
        self.running: dict[int, tuple[int, str]] = {}  # node -> grant, worker
        self.started_at: dict[int, float] = {}  # running node -> monotonic second
        self._history: dict[int, History] | None = None
        self.open = graph.size - len(graph.finals)  # nodes that have not ended; without those of the end, before it
        self.ending = 0  # how the run ends, once that is decided and the nodes of its end may start
        self.is_end_cancelled = False  # those are not to start either
        self.failed_at_end = -1
        if graph.has_control:
            for node, around in enumerate(graph.maps):
                if around:
                    self.status[node] = TEMPLATE
                    self.open -= 1
        self.failed_node = -1
        self.failure_seq = 0  # of the event by which it failed; 0: not known
        self.is_cancelling = False  # somebody asked for it
        self.is_failing_fast = False  # its first failure asked for it
        self.waits = NO_WAITS if not graph.waits else RunWaits()
        self.is_paused = False  # nothing new of it starts
        self.parent = b""  # the run that waits for its end
        self.touched = 0.0  # monotonic second of its last command or event here; not a part of its state

    def describe_submission(self, options: ev.RunOptions, caller: ev.Caller) -> None:
        """Note what its submission said."""
        self.team = options.team or caller.team
        self.fail_fast = options.fail_fast
        self.options = options.SerializeToString()
        self.caller = caller.SerializeToString()

    @property
    def state(self) -> ev.RunState:
        """What callers see of it until it ends."""
        return ev.RUN_STATE_CANCELLING if self.is_cancelling else ev.RUN_STATE_RUNNING

    @property
    def deadline_s(self) -> float:
        """Seconds after its submit in which it must end; 0: no limit."""
        return ev.RunOptions.FromString(self.options).deadline_s

    @property
    def is_stopping(self) -> bool:
        """Whether no further actions of it may start."""
        return self.is_end_cancelled if self.ending else self.is_cancelling or self.is_failing_fast

    def begin_end(self, state: int) -> None:
        """Note how the run ends; the nodes of its end may start, but for those that were skipped."""
        self.ending = state
        self.open += len(self.graph.finals)

    def note_cancelled(self) -> None:
        """Let nothing more of it start; once it ends, which is decided then, nothing of its end."""
        if self.ending:
            self.is_end_cancelled = True
        else:
            self.is_cancelling = True

    def waiting(self) -> list[int]:
        """Return the nodes that wait, ascending; those of the run's end only once it ends."""
        waiting = [node for node, status in enumerate(self.status) if status == WAITING]
        finals = self.graph.finals
        return waiting if self.ending or not finals else [node for node in waiting if node not in finals]

    @property
    def histories(self) -> dict[int, History]:
        """The nodes that were tried before."""
        return self._history or {}

    def attempt(self, node: int) -> int:
        """Return the attempt that runs or comes next."""
        if self._history is None:
            return 1
        history = self._history.get(node)
        return 1 if history is None else history.attempt

    def history(self, node: int) -> History:
        """Return the node's history, to be read or changed."""
        if self._history is None:
            self._history = {}
        return self._history.setdefault(node, History())

    def is_unlocked(self, node: int) -> bool:
        """Whether all that the node waits for has ended in a way that lets it run."""
        status = self.status
        if not self.ending and node in self.graph.finals:
            return False
        for parent in self.graph.parents[node]:  # a loop, since this is asked of every report
            if status[parent] != SUCCEEDED and not self.lets_go_on(node, parent):
                return False
        return True

    def lets_go_on(self, node: int, parent: int) -> bool:
        """Whether a node goes on though one that it waits for has not succeeded."""
        graph, status = self.graph, self.status[parent]
        if status == FAILED and graph.on_failure[parent] == CONTINUE and parent not in graph.value_parents[node]:
            return graph.kinds[parent] not in DECIDING_KINDS
        if not graph.has_control:
            return False
        return (status == NOT_TAKEN and graph.tolerates[node] == TOLERATES_NOT_TAKEN) or (
            status in ENDED_BADLY and self.survives(node, parent)
        )

    def survives(self, node: int, parent: int) -> bool:
        """Whether a node goes on if this parent's failure is forgiven: it leaves out what failed of a map's items."""
        graph = self.graph
        return graph.has_control and graph.tolerates[node] == TOLERATES_FAILED and graph.kinds[parent] != MAP

    def grow(self, node: int, items: int) -> range:
        """Add the nodes of a map's items."""
        if not isinstance(self.graph, GrownGraph) or self.graph.kinds[node] != MAP or self.status[node] == TEMPLATE:
            raise CorruptLog("only a map adds nodes", self.run_id, node)
        nodes = self.graph.grow(node, items)
        self.status.extend(bytes((WAITING,)) * len(nodes))
        self.outputs.frombytes(bytes(8 * len(nodes)))
        self.open += len(nodes)
        return nodes

    def start(self, node: int, attempt: int, grant: int, worker: str, now: float) -> None:
        """WAITING -> RUNNING."""
        if self.status[node] not in MAY_START or attempt != self.attempt(node) or self.is_stopping:
            raise CorruptLog(f"attempt {attempt} cannot start", self.run_id, node)
        self.status[node] = RUNNING
        self.running[node] = (grant, worker)
        self.started_at[node] = now

    def succeed(self, node: int, attempt: int, seq: int) -> None:
        """WAITING or RUNNING -> SUCCEEDED."""
        self._end(node, attempt, SUCCEEDED)
        self.outputs[node] = seq

    def fail(self, node: int, attempt: int, seq: int, *, cancelled: bool) -> None:
        """WAITING or RUNNING -> FAILED, or CANCELLED if that was the cause."""
        self._end(node, attempt, CANCELLED if cancelled else FAILED)
        if cancelled:
            return
        if self.graph.on_failure[node] == CONTINUE:
            self.outputs[node] = seq  # where a list of failures finds it
        if self.ending:
            self.failed_at_end = node if self.failed_at_end < 0 else self.failed_at_end
        elif self.failed_node < 0 and self.graph.on_failure[node] != CONTINUE:
            self.failed_node, self.failure_seq = node, seq

    def retry(self, node: int, attempt: int, ready_at: float, used: Used) -> None:
        """WAITING or RUNNING -> WAITING for the next attempt."""
        self._check_open(node, attempt)
        self.status[node] = WAITING
        if self.running.pop(node, None) is not None:
            del self.started_at[node]
        history = self.history(node)
        history.attempt = attempt + 1
        history.ready_at = ready_at
        match used:
            case Used.RETRY:
                history.retries += 1
            case Used.LOSS:
                history.lost += 1
            case Used.FIRST_LOSS:
                history.lost = 1
            case Used.NOTHING:
                pass

    def reuse(self, known: ev.Successes) -> None:
        """Begin with what was decided and has ended before: with the nodes of maps, and where outputs are."""
        for growth in known.growths:
            self.grow(growth.node, growth.items)
        for node, seq in unpacked(known):
            self._begin_as(node, SUCCEEDED)
            self.outputs[node] = seq
        for steps, status in (
            (known.not_taken_steps, NOT_TAKEN),
            (known.failed_steps, FAILED),
            (known.skipped_steps, SKIPPED),
        ):
            for node in numbers(steps):
                self._begin_as(node, status)

    def _begin_as(self, node: int, status: int) -> None:
        if not 0 <= node < len(self.status) or self.status[node] != WAITING:
            raise CorruptLog("what is reused is not one of its nodes", self.run_id, node)
        self.status[node] = status
        self.open -= 1

    def skip(self, nodes: Iterable[int], status: int) -> None:
        """WAITING -> SKIPPED or CANCELLED."""
        for node in nodes:
            if self.status[node] not in MAY_BE_SKIPPED:
                raise CorruptLog("a node that has started cannot be skipped", self.run_id, node)
            self.status[node] = status
            self.open -= 1

    def _end(self, node: int, attempt: int, status: int) -> None:
        self._check_open(node, attempt)
        if self.status[node] == RUNNING:
            del self.running[node], self.started_at[node]
        self.status[node] = status
        self.open -= 1
        if self._history is not None:
            self._history.pop(node, None)
        if node in self.graph.waits:
            self._end_wait(node)

    def _end_wait(self, node: int) -> None:
        self.waits.begun.pop(node, None)
        if (received := self.waits.signals.get(node)) is not None:
            received.ClearField("value")  # it was used, and is in the log

    def _check_open(self, node: int, attempt: int) -> None:
        if self.status[node] not in MAY_END or attempt != self.attempt(node):
            raise CorruptLog(f"attempt {attempt} cannot end", self.run_id, node)

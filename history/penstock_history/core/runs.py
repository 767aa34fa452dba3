"""The pure core: events of the logs in, rows for the tables out. No I/O, no clock."""

from dataclasses import dataclass, field
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1.value_pb2 import Values
from penstock_proto.wire import INPUTS_NODE, RUN_ID_BYTES
from penstock_stream.messages import Events
from penstock_stream.open_runs import Invalid, Mark, OpenRuns

from . import artifacts
from .artifacts import Recorded
from .figures import DAY_US, Key, Sums
from .nodes import CANCELLED, FAILED, SUCCEEDED
from .open_run import Earlier, OpenRun

STATUS_OF_RUN: Final[dict[int, int]] = {
    ev.RUN_STATE_SUCCEEDED: SUCCEEDED,
    ev.RUN_STATE_FAILED: FAILED,
    ev.RUN_STATE_CANCELLED: CANCELLED,
}


@dataclass(slots=True)
class Changes:
    """What the tables lack."""

    changed: dict[bytes, OpenRun] = field(default_factory=dict[bytes, OpenRun])  # open runs
    ended: list[OpenRun] = field(default_factory=list[OpenRun])
    artifacts: list[Recorded] = field(default_factory=list[Recorded])
    # Runs that go on after an end, whose rows of that end are to be taken back; False: that was done before.
    reopened: list[tuple[OpenRun, bool]] = field(default_factory=list[tuple[OpenRun, bool]])
    removed: dict[bytes, None] = field(default_factory=dict[bytes, None])  # in the order of their removal
    # Up to when removals are known; 0: as before.
    removed_us: int = 0
    figures: Sums = field(default_factory=Sums)
    marks: dict[int, Mark] = field(default_factory=dict[int, Mark])

    def __bool__(self) -> bool:
        return bool(self.changed or self.ended or self.reopened or self.removed or self.marks or self.removed_us)


class Runs(OpenRuns[OpenRun]):
    """The open runs of all shards, and the changes since they were taken last."""

    def __init__(self, marks: dict[int, Mark]) -> None:
        super().__init__(marks)
        self._changes = Changes()

    def begin(self, shard: int) -> int:
        """Start with a shard; return the position after which its log has to be read."""
        self._marks.setdefault(shard, Mark(1, 0))
        return self._begin(shard)

    def take(self, batch: Events) -> tuple[list[OpenRun], list[Invalid]]:
        """Take a shard's next events.

        Returns:
            The runs that they end, to be counted with `count`, and what could not be taken.
        """
        ended: list[OpenRun] = []
        invalid: list[Invalid] = []
        shard, at_us = batch.shard, batch.recorded_at_us
        first_seq, events = self._new_events(batch)
        # What is read again is in the tables.
        runs, changed, taken_seq = self._open[shard], self._changes.changed, self._marks[shard].taken_seq
        may_name = artifacts.may_name_any(batch)
        for seq, event in enumerate(events, first_seq):
            try:
                kind = event.WhichOneof("kind")
                # Most events are of this kind, and the whole suite waits while this is done in one process.
                if kind == "action_succeeded":
                    run = runs.get(event.run_id)
                    if run is not None and run.succeed(event.action_succeeded, at_us) and seq > taken_seq:
                        changed[run.run_id] = run
                        if may_name:
                            succeeded = event.action_succeeded
                            self._record(run, seq, at_us, succeeded.node, succeeded.outputs)
                elif (run := self._take(shard, seq, at_us, kind or "", event)) is not None:
                    ended.append(run)
            except Exception as error:
                invalid.append(Invalid(seq, error))
        return ended, invalid

    def _take(self, shard: int, seq: int, at_us: int, kind: str, event: ev.Event) -> OpenRun | None:
        """Take an event of any kind; return the run that it ends."""
        runs = self._open[shard]
        is_new = seq > self._marks[shard].taken_seq
        if kind == "run_submitted":
            if len(event.run_id) == RUN_ID_BYTES:
                run = runs[event.run_id] = OpenRun(event.run_id, shard, seq, at_us, event.run_submitted)
                if is_new:
                    self._changes.changed[run.run_id] = run
                    self._record(run, seq, at_us, INPUTS_NODE, event.run_submitted.inputs)
            return None
        if kind == "run_reopened":
            run = runs[event.run_id] = OpenRun.reopened(event.run_id, shard, seq, event.run_reopened)
            self._reopen(run, is_new=is_new)
            return None
        run = runs.get(event.run_id)
        if kind == "run_ended" and event.run_ended.removed:
            runs.pop(event.run_id, None)
            self.remove(event.run_id)
            return None
        if run is None:  # its submission is not in the log any more
            return None
        if kind != "run_ended":
            if run.take(kind, event, at_us) and is_new:
                self._changes.changed[run.run_id] = run
            return None
        run.end(event.run_ended, seq, at_us)
        del runs[run.run_id]
        self._changes.changed.pop(run.run_id, None)
        if not is_new:
            return None
        self._changes.ended.append(run)
        return run

    def _reopen(self, run: OpenRun, *, is_new: bool) -> None:
        changes = self._changes
        if is_new:
            changes.changed[run.run_id] = run
        changes.reopened.append((run, is_new))
        for before in [one for one in changes.ended if one.run_id == run.run_id]:  # it is in no table yet
            changes.ended.remove(before)
            run.earlier.append(Earlier(before.retries, before.busy_us, before.inputs, before.nodes))
            run.earlier += before.earlier

    def count(self, run: OpenRun, of_nodes: Sums) -> None:
        """Add a run that ended to the figures, with those of its nodes."""
        assert run.ended_us is not None
        key = Key(run.ended_us // DAY_US, run.workflow, run.team, "")
        duration_us = max(0, run.ended_us - run.submitted_us)
        status = STATUS_OF_RUN.get(run.state, FAILED)
        figures = self._changes.figures.of(key)
        figures.count(status, run.retries, duration_us)
        figures.busy_us += run.busy_us - duration_us  # of operators, not of the run
        self._changes.figures.merge(of_nodes)

    def remove(self, run_id: bytes) -> None:
        """Note that a run was removed from the log: it leaves all lists."""
        changes = self._changes
        changes.changed.pop(run_id, None)
        changes.ended = [run for run in changes.ended if run.run_id != run_id]
        changes.artifacts = [one for one in changes.artifacts if one.run.run_id != run_id]
        changes.removed[run_id] = None

    def note_removals(self, up_to_us: int) -> None:
        """Note up to when removals are known."""
        self._changes.removed_us = up_to_us

    def take_changes(self) -> Changes:
        """Return what the tables lack, and start to gather anew."""
        changes, self._changes = self._changes, Changes()
        changes.marks = self.take_marks()
        return changes

    def _record(self, run: OpenRun, seq: int, at_us: int, node: int, values: Values) -> None:
        self._changes.artifacts.extend(artifacts.of_values(run, seq, at_us, node, values))

"""Events of the logs in, ended runs out, with the positions from where to go on after a restart."""

from dataclasses import dataclass, field
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import as_submitted
from penstock_proto.wire import RUN_ID_BYTES
from penstock_stream.messages import Events
from penstock_stream.open_runs import Invalid, Mark, OpenRuns

FAILURE_CHARS_MAX: Final = 300
# Kinds of events that say something of a run; the rest, nearly all, is not looked at.
NOTED: Final = frozenset({"run_submitted", "action_failed", "cancel_requested", "run_ended", "run_reopened"})


@dataclass(slots=True)
class Run:
    """What a message says of a run, gathered while it is open."""

    run_id: bytes
    first_seq: int
    submitted_us: int
    workflow: str  # its qualified name
    launched_as: str  # its name in the registry; empty if it was launched by its plan
    plan: bytes
    team: str
    user: str
    labels: dict[str, str] = field(default_factory=dict[str, str])
    notify: tuple[str, ...] = ()
    failed_node: int = -1
    failure: str = ""
    reason: str = ""  # of a cancellation
    state: int = ev.RUN_STATE_RUNNING
    ended_us: int = 0
    reopened_seq: int = 0  # where it was reopened last; 0: never

    @classmethod
    def of(cls, run_id: bytes, seq: int, at_us: int, event: ev.RunSubmitted) -> "Run":
        options = event.options
        return cls(
            run_id,
            seq,
            at_us,
            event.plan_name,
            options.workflow,
            event.plan,
            options.team or event.caller.team,
            event.caller.user,
            dict(options.labels),
            tuple(dict.fromkeys(options.notify)),
        )


class Runs(OpenRuns[Run]):
    """The open runs of all shards. Ended ones are gathered until the outbox takes them."""

    def begin(self, shard: int, end_seq: int) -> int:
        """Start with a shard whose log ends at a position; return the position after which it has to be read.

        A shard that is new here, or whose log is shorter than it was, as after the restore of a backup, counts as taken
        up to its end: nobody is told of what was long ago.
        """
        mark = self._marks.get(shard)
        if mark is None or mark.taken_seq > end_seq:
            self._marks[shard] = Mark(1, end_seq)
            self._moved.add(shard)
        return self._begin(shard)

    def take(self, batch: Events) -> tuple[list[Run], list[Invalid]]:
        """Take a shard's next events.

        Returns:
            The runs that they end, unless the outbox has had them, and what could not be taken.
        """
        ended: list[Run] = []
        invalid: list[Invalid] = []
        shard, at_us = batch.shard, batch.recorded_at_us
        first_seq, events = self._new_events(batch)
        for seq, event in enumerate(events, first_seq):
            try:
                kind = event.WhichOneof("kind")
                if kind in NOTED and (run := self._take(shard, seq, at_us, kind, event)) is not None:
                    ended.append(run)
            except Exception as error:
                invalid.append(Invalid(seq, error))
        return ended, invalid

    def _take(self, shard: int, seq: int, at_us: int, kind: str, event: ev.Event) -> Run | None:
        runs = self._open[shard]
        if kind == "run_submitted":
            if len(event.run_id) == RUN_ID_BYTES:
                runs[event.run_id] = Run.of(event.run_id, seq, at_us, event.run_submitted)
            return None
        if kind == "run_reopened":
            reopened = event.run_reopened
            # It is as new: where it was submitted need not be read again.
            run = runs[event.run_id] = Run.of(event.run_id, seq, reopened.submitted_at_us, as_submitted(reopened))
            run.reopened_seq = seq
            return None
        if (run := runs.get(event.run_id)) is None:  # its submission is not in the log any more
            return None
        if kind == "action_failed":
            _note_failure(run, event.action_failed)
        elif kind == "cancel_requested":
            run.reason = _clean(event.cancel_requested.reason)
        elif kind == "run_ended":
            del runs[event.run_id]
            run.state, run.ended_us = event.run_ended.state, at_us
            if event.run_ended.failed_node >= 0:
                run.failed_node = event.run_ended.failed_node
            return run if seq > self._marks[shard].taken_seq and not event.run_ended.removed else None
        return None


def _note_failure(run: Run, event: ev.ActionFailed) -> None:
    final = not event.HasField("retry_delay_s")
    if final and run.failed_node < 0 and event.cause != ev.CAUSE_CANCELLED:
        run.failed_node = event.node
        failure = event.failure
        run.failure = _clean(f"{failure.type}: {failure.message}" if failure.type else failure.message)


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:FAILURE_CHARS_MAX]

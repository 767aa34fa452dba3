"""What is reported of actions whose process is gone, or does not come."""

from typing import Final

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import exits, reports
from .child_process import ChildProcess
from .executor import Stage
from .progress import SAID

# Instead of an exit code.
NEVER_STARTED: Final = 1001
KEEPER_LOST: Final = 1002


def stage(child: ChildProcess | None) -> Stage:
    """How far the first action of a process is."""
    if child is None:
        return Stage(0.0, "no process has it")
    first = child.sent[0] if child.sent else None
    if first is not None:
        reading = child.page.reading()
        phase = reading.phase if reading.grant == first.grant else 0
        return Stage(child.called_s(first), SAID[phase] or "it runs" if phase else "its process does not take it")
    if not child.setup_at:
        return Stage(0.0, "its code is fetched")
    return Stage(0.0, "its plan is fetched" if child.is_ready else SAID[0])


def report(grant: Grant, worker: str, child: ChildProcess, code: int, out_of_memory: bool) -> Report:
    """The action's process is gone without a result."""
    cause, kind, text = Cause.CAUSE_EXITED, "Exited", exits.spelt(code) if code < NEVER_STARTED else ""
    if used := child.over.get(grant.grant):
        cause, kind = Cause.CAUSE_OUT_OF_MEMORY, "OutOfMemory"
        text = (
            f"the operator and its processes used {_size(used)} of memory, but it declares "
            f"{_size(grant.resources.memory_bytes)}; declare more with `memory`, or use less"
        )
    elif out_of_memory:
        cause, kind = Cause.CAUSE_OUT_OF_MEMORY, "OutOfMemory"
        text = "the operator's process was killed: out of memory; declare more with `memory`, or use less"
    elif code == KEEPER_LOST:
        cause, kind = Cause.CAUSE_LOST, "KeeperLost"
        text = "the keeper of this worker's operators was killed, and the operators with it"
    return reports.failed(grant, worker, cause, kind, text, duration_s=child.ran_s(grant))


def was_stopped(report: Report) -> bool:
    """Whether the operator ended since it was told to."""
    return report.failed.failure.type.endswith("child.Stopped")


def no_start(grant: Grant, worker: str, code: int, words: str) -> Report:
    """The process that should have executed the action did not become ready."""
    text = f"a process for operators could not start: {exits.spelt(code)}. Its last output: {words}"
    if code == KEEPER_LOST:
        text = "the keeper of this worker's operators was killed before the action started"
    elif code == NEVER_STARTED:
        text = f"cannot start a process for operators: {words}"
    returned = code in (NEVER_STARTED, KEEPER_LOST)
    return reports.failed(grant, worker, Cause.CAUSE_WORKER, "NoProcess", text, returned=returned)


def last_words(child: ChildProcess) -> str:
    """What the process printed last."""
    try:
        return child.last_words()
    except OSError as error:
        return f"(its output cannot be read: {error})"


def _size(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"

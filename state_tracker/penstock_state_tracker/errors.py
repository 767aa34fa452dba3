"""Everything that can go wrong in the State Tracker."""

from datetime import UTC, datetime
from uuid import UUID

from penstock_proto.wire import OWNER_TRAILER, RETRY_AFTER_TRAILER
from penstock_service.answers import Answer


class StateTrackerError(Exception):
    """Base of the package's errors."""


class CorruptLog(StateTrackerError):
    """The event cannot follow the state: a bug or a damaged log, never a user's mistake."""

    def __init__(self, what: str, run_id: bytes, node: int = -1) -> None:
        where = f"run {run_id.hex()}" + (f", node {node}" if node >= 0 else "")
        super().__init__(f"{where}: {what}")
        self.run_id, self.node = run_id, node


class DamagedCheckpoint(StateTrackerError):
    """What is stored is not what was written; the log has all of it."""

    def __init__(self, shard: int) -> None:
        super().__init__(f"the checkpoint of shard {shard} holds something else than was written")
        self.shard = shard


class Answered(StateTrackerError, Answer):
    """Base of the errors that callers receive as they are."""


# What the caller did


class BadRequest(Answered):
    """The request is invalid in any state; the text names every reason."""

    status = "INVALID_ARGUMENT"


class RunNotFound(Answered):
    """No run has this id."""

    status = "NOT_FOUND"

    def __init__(self, run_id: bytes) -> None:
        super().__init__(f"unknown run {run_text(run_id)}")
        self.run_id = run_id


class RunRemoved(RunNotFound):
    """The run was removed after its end."""

    def __init__(self, run_id: bytes, removed_at_us: int) -> None:
        super().__init__(run_id)
        when = datetime.fromtimestamp(removed_at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        self.args = (f"run {run_text(run_id)} was removed on {when}",)
        self.removed_at_us = removed_at_us


class RunOpen(Answered):
    """The run has not ended."""

    status = "FAILED_PRECONDITION"

    def __init__(self, run_id: bytes) -> None:
        super().__init__(f"run {run_text(run_id)} has not ended; cancel it, or wait for its end, before removing it")
        self.run_id = run_id


class RunReferred(Answered):
    """The run's outputs are in use."""

    status = "FAILED_PRECONDITION"

    def __init__(self, run_id: bytes, fork: bytes) -> None:
        super().__init__(f"run {run_text(fork)} uses outputs of run {run_text(run_id)}: remove that one before")
        self.run_id, self.fork = run_id, fork


class RetryRefused(Answered):
    """Nothing of the run can be tried again."""

    status = "FAILED_PRECONDITION"


class RunEnded(Answered):
    """The run has ended, and takes nothing more."""

    status = "ABORTED"

    def __init__(self, run_id: bytes) -> None:
        super().__init__(f"run {run_text(run_id)} has ended: nothing in it waits any longer")
        self.run_id = run_id


class SignalRefused(Answered):
    """The signal comes a second time, or too late."""

    status = "ABORTED"

    def __init__(self, run_id: bytes, name: str, why: str) -> None:
        super().__init__(f"signal {name!r} of run {run_text(run_id)} {why}")
        self.run_id, self.name = run_id, name


class NotYours(Answered):
    """Others are asked."""

    status = "PERMISSION_DENIED"


class ForkRefused(Answered):
    """Nothing can be taken over from that run, now or ever."""

    status = "FAILED_PRECONDITION"


class RunExists(Answered):
    """The id belongs to another request."""

    status = "ALREADY_EXISTS"

    def __init__(self, run_id: bytes) -> None:
        name = run_text(run_id)
        super().__init__(f"run {name} was submitted with another plan, inputs or options; a new run needs a new id")
        self.run_id = run_id


class PlanNotFound(Answered):
    """The plan was never stored here."""

    status = "NOT_FOUND"

    def __init__(self, plan: bytes) -> None:
        super().__init__(f"unknown plan {plan.hex() or '(empty)'}; store it with PutPlan first")
        self.plan = plan


class PlanUnreadable(Answered):
    """What is stored of a plan cannot be read."""

    status = "DATA_LOSS"

    def __init__(self, plan: bytes, why: str) -> None:
        super().__init__(f"plan {plan.hex()} is damaged in the database: {why}; restore it from a backup")
        self.plan = plan


# What the caller can only wait for, or ask another process


class NotOwner(Answered):
    """Another process owns the shard; `address` is empty if the owner is unknown."""

    status = "FAILED_PRECONDITION"

    def __init__(self, shard: int, address: str) -> None:
        super().__init__(f"shard {shard} is owned by {address}")
        self.shard, self.address = shard, address

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return ((OWNER_TRAILER, self.address),)


class ShardAway(Answered):
    """The shard changes its owner or its state is rebuilt; repeat the request to learn its outcome."""

    status = "UNAVAILABLE"

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} is being taken over; retry")
        self.shard = shard


class Overloaded(Answered):
    """Too many events wait to be committed; nothing of the request was kept."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(f"{what}; retry in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        return ((RETRY_AFTER_TRAILER, f"{self.retry_after_s:g}"),)


class TooMuch(Answered):
    """The answer would be larger than a message may be; asking for less helps."""

    status = "RESOURCE_EXHAUSTED"


# What stops the State Tracker from starting


class WrongDatabase(StateTrackerError):
    """The database does not match the settings of this process; the text says what to change."""


def run_text(run_id: bytes) -> str:
    """Return a run id in the usual form; in hex if it is not a valid id."""
    return str(UUID(bytes=run_id)) if len(run_id) == 16 else run_id.hex() or "(empty)"

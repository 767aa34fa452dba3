"""Everything that can go wrong in the State Tracker."""

from uuid import UUID


class StateTrackerError(Exception):
    """Base of the package's errors."""


class CorruptLog(StateTrackerError):
    """The event cannot follow the state: a bug or a damaged log, never a user's mistake."""

    def __init__(self, what: str, run_id: bytes, node: int = -1) -> None:
        where = f"run {run_id.hex()}" + (f", node {node}" if node >= 0 else "")
        super().__init__(f"{where}: {what}")
        self.run_id, self.node = run_id, node


# What a caller did: shown as it is, by the status that `statuses` gives each class.


class BadRequest(StateTrackerError):
    """The request cannot be right, whatever the state; the text names every reason."""


class RunNotFound(StateTrackerError):
    """No run has this id."""

    def __init__(self, run_id: bytes) -> None:
        super().__init__(f"there is no run {run_text(run_id)}")
        self.run_id = run_id


class RunExists(StateTrackerError):
    """The id belongs to another request."""

    def __init__(self, run_id: bytes) -> None:
        super().__init__(
            f"run {run_text(run_id)} was submitted with another plan, other inputs or options; make a new id for a new run"
        )
        self.run_id = run_id


class PlanNotFound(StateTrackerError):
    """The plan was never stored here."""

    def __init__(self, plan: bytes) -> None:
        super().__init__(f"there is no plan {plan.hex() or '(empty)'}; store it with PutPlan first")
        self.plan = plan


# What the caller can only wait for, or ask somebody else.


class NotOwner(StateTrackerError):
    """Another process owns the shard; `address` is empty if nobody is known to."""

    def __init__(self, shard: int, address: str) -> None:
        super().__init__(f"shard {shard} is owned by {address}" if address else f"shard {shard} has no owner yet")
        self.shard, self.address = shard, address


class ShardLost(StateTrackerError):
    """The shard was lost before the request was recorded, or its memory is rebuilt: the outcome shows on asking again."""

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} is being taken over; ask again")
        self.shard = shard


class Overloaded(StateTrackerError):
    """More waits to be committed than is good; nothing of the request was kept."""

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(f"{what}; try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class DatabaseAway(StateTrackerError):
    """Postgres does not answer; the State Tracker keeps trying."""

    def __init__(self, away_s: float, why: str) -> None:
        super().__init__(f"the database has been away for {away_s:.0f} s and is tried again: {why}")


# What stops the State Tracker from starting.


class WrongDatabase(StateTrackerError):
    """The database holds something else than this process was told; the text says what to change."""


class MigrationFailed(StateTrackerError):
    """A migration could not be applied, or the database and the code do not belong together."""


def run_text(run_id: bytes) -> str:
    """Return a run's id as people write it; hex if it is none."""
    return str(UUID(bytes=run_id)) if len(run_id) == 16 else run_id.hex() or "(empty)"

"""Everything that can go wrong in the State Tracker."""


class StateTrackerError(Exception):
    """Base of the package's errors."""


class CorruptLog(StateTrackerError):
    """The event cannot follow the state: a bug or a damaged log, never a user's mistake."""

    def __init__(self, what: str, run_id: bytes, node: int = -1) -> None:
        where = f"run {run_id.hex()}" + (f", node {node}" if node >= 0 else "")
        super().__init__(f"{where}: {what}")
        self.run_id, self.node = run_id, node

"""What can go wrong in the tracer."""


class TracerError(Exception):
    """Base of this package's errors."""


class BadBookmark(TracerError):
    """The file that says how far the tracer came is not one, or of another deployment."""


class PlanNotRead(TracerError):
    """No State Tracker answers with the plan."""

    def __init__(self, plan_hash: bytes, reason: str) -> None:
        super().__init__(f"plan {plan_hash.hex()[:12]} cannot be read: {reason}")
        self.plan_hash = plan_hash

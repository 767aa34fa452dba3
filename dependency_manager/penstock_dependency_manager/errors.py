"""Everything that can go wrong in the Dependency Manager."""

from penstock_service.answers import Answer


class DependencyManagerError(Answer):
    """Base of the package's errors."""


class NotLoaded(DependencyManagerError):
    """The shard is not followed here, or not yet."""

    status = "UNAVAILABLE"

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} is not loaded here; ask again, or ask another Dependency Manager")


class TooLongAgo(DependencyManagerError):
    """What follows a position is not kept any more, or cannot be told in one message."""

    status = "OUT_OF_RANGE"

    def __init__(self, shard: int, after_seq: int) -> None:
        super().__init__(f"what follows position {after_seq} of shard {shard} is not kept; take a snapshot")


class UnknownRun(DependencyManagerError):
    """An event of a run that is not open: forged or damaged, since the log tells of a run from its submission on."""

    def __init__(self, shard: int, seq: int, run_id: bytes) -> None:
        super().__init__(f"event {seq} of shard {shard} is about run {run_id.hex()}, which is not open")


class PlanNotRead(DependencyManagerError):
    """No State Tracker gave the plan, or what it gave is not the plan of that hash."""

    status = "UNAVAILABLE"

    def __init__(self, plan_hash: bytes, why: str) -> None:
        super().__init__(f"cannot read plan {plan_hash.hex()}: {why}")

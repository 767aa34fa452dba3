"""Everything that can go wrong in the Dependency Manager."""

from penstock_service.answers import Answer


class DependencyManagerError(Answer):
    """Base of the package's errors."""


class NotLoaded(DependencyManagerError):
    """The shard is not followed here, or not yet."""

    status = "UNAVAILABLE"

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} is not loaded here; retry, or ask another Dependency Manager")


class TooLongAgo(DependencyManagerError):
    """The ranges after a position are no longer cached, or too large for one message."""

    status = "OUT_OF_RANGE"

    def __init__(self, shard: int, after_seq: int) -> None:
        super().__init__(f"ranges after position {after_seq} of shard {shard} are no longer cached; read a snapshot")


class UnknownRun(DependencyManagerError):
    """An event of a run that is not open: forged or damaged, since the log tells of a run from its submission on."""

    def __init__(self, shard: int, seq: int, run_id: bytes) -> None:
        super().__init__(f"event {seq} of shard {shard} is about run {run_id.hex()}, which is not open")


class PlanNotRead(DependencyManagerError):
    """No State Tracker gave the plan, or what it gave is not the plan of that hash."""

    status = "UNAVAILABLE"

    def __init__(self, plan_hash: bytes, why: str) -> None:
        super().__init__(f"cannot read plan {plan_hash.hex()}: {why}")

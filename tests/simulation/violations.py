"""How an invariant that does not hold is said."""


class Violation(AssertionError):
    """An invariant does not hold."""


def demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)

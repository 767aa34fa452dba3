"""Everything that is wrong with a plan, gathered before any of it is said."""

from ..errors import PROBLEMS_MAX, InvalidPlan


class Problems:
    """Keeps the first `PROBLEMS_MAX` problems and counts the rest."""

    __slots__ = ("_count", "_kept")

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def is_full(self) -> bool:
        """Nothing more is kept: who finds problems at some cost may stop."""
        return self._count >= PROBLEMS_MAX

    def add(self, problem: str) -> None:
        """Keep or count one problem."""
        self._count += 1
        if self._count <= PROBLEMS_MAX:
            self._kept.append(problem)

    def extend(self, others: "Problems") -> None:
        """Take over all of the others'."""
        self._kept.extend(others._kept[: PROBLEMS_MAX - len(self._kept)])
        self._count += others._count

    def error(self) -> InvalidPlan:
        """All of it as one error."""
        more = self._count - len(self._kept)
        return InvalidPlan([*self._kept, f"and {more} more"] if more else self._kept)

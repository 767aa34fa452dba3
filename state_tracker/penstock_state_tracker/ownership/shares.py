"""How many shards each State Tracker takes. No I/O.

The rule: of S shards and N State Trackers that run, each takes what is free until it has S / N, rounded up, and gives
up what it has beyond that. N changes when one starts or stops, or 3 seconds after one was killed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..log.shard_state import Owned


def share(shards: int, members: int) -> int:
    """Return how many of a database's shards one of so many members may own."""
    return -(-shards // max(1, members))


def too_many(owned: Iterable[Owned], fair: int) -> list[Owned]:
    """Return the shards to give up: those with the fewest open runs, since moving them costs least."""
    by_load = sorted(owned, key=lambda one: (len(one.core.runs), one.shard))
    return by_load[: max(0, len(by_load) - fair)]


def may_become_free(shards: Sequence[int], owners: Mapping[int, str], fair: int) -> bool:
    """Whether some shards are free, or about to be given up by who has too many; "" owns what nobody can."""
    counts = Counter(owner for owner in owners.values() if owner)
    return len(owners) < len(shards) or any(count > fair for count in counts.values())

"""Where a run lives: its shard, the shard's database, and whether it is ours."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from penstock_proto.wire import RUN_ID_BYTES, shard_of
from penstock_service.answers import Answer
from penstock_service.database import Database
from penstock_service.errors import DatabaseAway

from ..errors import BadRequest, NotOwner, ShardAway, run_text
from ..log.committer import Committer
from ..log.shard_state import Owned


class Routing:
    """All shards of the deployment, by number."""

    def __init__(self, shards: int, owned: Mapping[int, Owned], addresses: Mapping[int, str]) -> None:
        self.shards = shards
        self._owned = owned
        self.databases: dict[int, Database] = {}
        # The same ones, by the connections for lists and histories.
        self.histories: dict[int, Database] = {}
        self.committers: dict[int, Committer] = {}
        self._addresses = addresses

    def add(self, shards: Sequence[int], database: Database, history: Database, committer: Committer) -> None:
        """Say where these shards live."""
        self.databases.update(dict.fromkeys(shards, database))
        self.histories.update(dict.fromkeys(shards, history))
        self.committers.update(dict.fromkeys(shards, committer))

    def shard(self, run_id: bytes) -> int:
        """Return a run's shard; raise BadRequest if that is no run's id."""
        if len(run_id) != RUN_ID_BYTES:
            raise BadRequest(
                f"invalid run id {run_text(run_id[:32])}: expected a UUID of {RUN_ID_BYTES} bytes, not {len(run_id)}"
            )
        return shard_of(run_id, self.shards)

    def check_shard(self, shard: int) -> None:
        """Raise BadRequest if there is no such shard."""
        if not 0 <= shard < self.shards:
            raise BadRequest(f"unknown shard {shard}: expected 0 to {self.shards - 1}")

    def current(self, shard: int) -> Owned | None:
        """Return a shard that is ours at this moment."""
        owned = self._owned.get(shard)
        return owned if owned is not None and owned.is_valid else None

    def all_current(self) -> list[Owned]:
        """Return the shards that are ours at this moment."""
        return [owned for owned in self._owned.values() if owned.is_valid]

    @contextmanager
    def guard_decision(self, owned: Owned) -> Generator[None]:
        """Drop the shard where the core fails, a mistake of ours: its memory may be half changed."""
        try:
            yield
        except Answer:
            raise  # it was refused before anything changed
        except Exception:
            self.committers[owned.shard].drop(owned)
            raise

    def mine(self, shard: int) -> Owned:
        """Return a shard that is ours.

        Raises:
            NotOwner: Somebody else's, by name.
            ShardAway: Nobody's at the moment, or ours and not yet rebuilt.
            DatabaseAway: Nobody can own it now.
        """
        owned = self.current(shard)
        if owned is not None:
            return owned
        if away := self.committers[shard].away:
            raise DatabaseAway(away)
        address = self._addresses.get(shard, "")
        if address:
            raise NotOwner(shard, address)
        raise ShardAway(shard)

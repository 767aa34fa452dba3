"""What a deployment is: its id and number of shards, written into each database when it is created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from penstock_service.database import Database, Row

from .errors import WrongDatabase, run_text

SHARDS_DEFAULT: Final = 256
SHARDS_MAX: Final = 65_536

# The shards are spread over the databases, this one's among them; where each lives is then read from `heads`.
CREATE = """
WITH created AS (
    INSERT INTO deployment (id, shards, databases, position) VALUES (coalesce($1, gen_random_uuid()), $2, $3, $4)
    ON CONFLICT DO NOTHING RETURNING one
)
INSERT INTO heads (shard) SELECT shard FROM generate_series(0, $2 - 1) AS shard, created
WHERE shard % $3 = $4
ON CONFLICT DO NOTHING"""
GET = "SELECT id, shards, databases, position FROM deployment"
SHARDS = "SELECT shard FROM heads ORDER BY shard"


@dataclass(frozen=True, slots=True)
class Deployment:
    id: bytes
    shards: int
    # Of each database, those whose logs it holds.
    places: tuple[tuple[int, ...], ...]

    @property
    def name(self) -> str:
        """The id as people and other systems see it."""
        return run_text(self.id)


async def create_or_get(
    databases: Sequence[Database], shards: int | None, absent: Mapping[int, Exception] = MappingProxyType({})
) -> Deployment:
    """Create the deployment in empty databases, or check that these are the ones it was created in.

    Args:
        absent: Positions of databases that are away, and why. One that was created needs no more than its number of
            shards, which any of the others knows.

    Raises:
        WrongDatabase: Another number of shards or databases, or databases of different deployments.
    """
    if absent:
        return await _get_without(databases, shards, absent)
    wanted = SHARDS_DEFAULT if shards is None else shards
    if not 1 <= wanted <= SHARDS_MAX:
        raise WrongDatabase(f"a deployment has 1 to {SHARDS_MAX} shards, not {wanted}")
    found: Deployment | None = None
    for position, database in enumerate(databases):
        await database.execute(CREATE, found.id if found else None, wanted, len(databases), position)
        row: Row = await database.fetchrow(GET)
        _check(row, shards, databases, position, found)
        places = (*(found.places if found else ()), await _shards_in(database))
        found = Deployment(row["id"], row["shards"], places)
    assert found is not None
    _check_places(found)
    return found


async def _get_without(
    databases: Sequence[Database], shards: int | None, absent: Mapping[int, Exception]
) -> Deployment:
    """Return a deployment of which some databases are away; raise why, if there may be none yet."""
    places: dict[int, tuple[int, ...]] = {}
    found: Deployment | None = None
    for position, database in enumerate(databases):
        if position in absent:
            continue
        row: Row = await database.fetchrow(GET)
        if row is None:
            raise next(iter(absent.values()))
        _check(row, shards, databases, position, found)
        places[position] = await _shards_in(database)
        found = Deployment(row["id"], row["shards"], ())
    if found is None:
        raise next(iter(absent.values()))
    left = sorted(set(range(found.shards)).difference(*places.values()))
    for shard in left:  # where it was created, if that is away
        position = shard % len(databases) if shard % len(databases) in absent else min(absent)
        places[position] = (*places.get(position, ()), shard)
    return Deployment(found.id, found.shards, tuple(places.get(position, ()) for position in range(len(databases))))


async def rejoin(databases: Sequence[Database], position: int, deployment: Deployment) -> tuple[int, ...]:
    """Check a database that was away; return its shards."""
    database = databases[position]
    row: Row = await database.fetchrow(GET)
    if row is None:
        raise WrongDatabase(f"database {position + 1} is empty, but it belongs to a deployment that exists")
    _check(row, deployment.shards, databases, position, deployment)
    return await _shards_in(database)


async def _shards_in(database: Database) -> tuple[int, ...]:
    return tuple(entry["shard"] for entry in await database.fetch(SHARDS))


def _check(
    row: Row, shards: int | None, databases: Sequence[Database], position: int, found: Deployment | None
) -> None:
    if shards is not None and row["shards"] != shards:
        raise WrongDatabase(
            f"the deployment was created with {row['shards']} shards, but {shards} are configured: "
            f"existing runs would map to different shards. Configure {row['shards']}, or use an empty database"
        )
    if row["databases"] != len(databases) or row["position"] != position:
        raise WrongDatabase(
            f"database {position + 1} of {len(databases)} was created as number {row['position'] + 1} "
            f"of {row['databases']}: name the same databases in the same order"
        )
    if found is not None and row["id"] != found.id:
        raise WrongDatabase(f"database {position + 1} belongs to a different deployment than the first")


def _check_places(deployment: Deployment) -> None:
    places = sorted(shard for place in deployment.places for shard in place)
    if places != list(range(deployment.shards)):
        raise WrongDatabase("some shards are missing or are in two databases; was a move of shards interrupted?")

"""Writes the table of artifacts."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock_proto.wire import INPUTS_NODE
from penstock_service.database import Connection

from ..core.artifacts import Recorded
from .outline import Outline, graph_of, node_name

OutlineOf = Callable[[bytes], Outline | None]

COLUMNS: Final = (
    ("key", "uuid"), ("recorded_us", "bigint"), ("artifact", "bytea"), ("codec", "text"), ("type_name", "text"),
    ("size_bytes", "bigint"), ("run_id", "uuid"), ("plan", "bytea"), ("workflow", "text"), ("team", "text"),
    ("operator", "text"), ("node", "integer"), ("place", "integer"), ("node_name", "text"), ("port", "text"),
)  # fmt: skip
_NAMES = ", ".join(name for name, _ in COLUMNS)
_ARRAYS = ", ".join(f"${place}::{kind}[]" for place, (_, kind) in enumerate(COLUMNS, 1))
RECORD = f"""
INSERT INTO penstock_history.artifacts ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) AS new ({_NAMES})
WHERE NOT EXISTS (SELECT 1 FROM penstock_history.removed WHERE removed.run_id = new.run_id)
ON CONFLICT (key) DO NOTHING"""
NAME = "INSERT INTO penstock_history.artifact_names (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
REMOVE = "DELETE FROM penstock_history.artifacts WHERE run_id = ANY($1::uuid[])"


async def write(connection: Connection, found: Sequence[Recorded], outline_of: OutlineOf, known: set[str]) -> set[str]:
    """Write artifacts; return their names, of which `known` ones are not written again."""
    if not found:
        return set()
    rows = [_row(one, outline_of(one.run.plan)) for one in found]
    columns = dict(zip((name for name, _ in COLUMNS), map(list, zip(*rows, strict=True)), strict=True))
    await connection.execute(RECORD, *columns.values())
    names = {name for column in ("type_name", "workflow", "operator") for name in columns[column] if name}
    if new := sorted(names - known):
        await connection.execute(NAME, new)
    return names


async def remove(connection: Connection, run_ids: Sequence[bytes]) -> None:
    """Remove what runs recorded."""
    await connection.execute(REMOVE, list(run_ids))


def _row(one: Recorded, found: Outline | None) -> tuple[Any, ...]:
    run, node = one.run, one.node
    name, operator, ports = "", "", found.inputs if found is not None else ()
    if node != INPUTS_NODE:
        graph = graph_of(found, run.nodes)
        name, ports = node_name(graph, node), ()
        if found is not None and graph is not None and node < graph.size:
            operator, ports = graph.operators[node], found.outputs[graph.template_of(node)]
    port = ports[one.place] if one.place < len(ports) else str(one.place)
    return (
        one.key, one.recorded_us, one.artifact, one.codec, one.type_name, one.size_bytes, run.run_id, run.plan,
        run.workflow, run.team, operator, node, one.place, name, port,
    )  # fmt: skip

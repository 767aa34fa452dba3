"""The page of the state machines, for people: `python -m penstock_state_tracker.reference FILE` writes it."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import name_of

from .core.transitions import NODE_BEGINS, NODE_TRANSITIONS, RUN_BEGINS, RUN_TRANSITIONS, Transition

SOURCE: Final = "state_tracker/penstock_state_tracker/core/transitions.py"
HEAD: Final = f"""# State machines

Made from [`{Path(SOURCE).name}`](../{SOURCE}) by `make docs`; a test compares.

The log changes the state of a node or a run only as these tables say. A report that fits no row is stale: no event is
recorded, and the reporter learns that the report is settled. If an event in the log fits no row, the log is damaged or
the code is wrong: the State Tracker raises `CorruptLog` and does not serve the shard.
[architecture.md](architecture.md) says where each event is decided.

The attempt in an event must be the node's current one. Once a cancellation is requested (by a caller or by
`fail_fast`), no node starts and no attempt is repeated, and all waiting nodes are skipped in the same commit.
"""
NODE_HEAD: Final = """
## A node

The statuses are those of `NodeStatus`. A node has a status from the moment its run is submitted. `wait_began` and
`signal_received` change none: a node that waits stays `waiting` until it ends ([waits.md](waits.md)).
"""
RUN_HEAD: Final = """
## A run

The states are those of `RunState`. A run ends when its last node ends; one commit has both events.
"""

Spell = Callable[[int], str]


def page() -> str:
    """Return the whole page in Markdown."""
    node = _drawn(NODE_TRANSITIONS, NODE_BEGINS, _status)
    run = _drawn(RUN_TRANSITIONS, RUN_BEGINS, _state)
    return "\n".join([HEAD + NODE_HEAD, *node, RUN_HEAD, *run, ""])


def _drawn(table: Sequence[Transition], begins: int, spell: Spell) -> list[str]:
    """Return the diagram and the table of one state machine."""
    return [
        "```mermaid",
        "stateDiagram-v2",
        *_arrows(table, begins, spell),
        "```",
        "",
        "| event | from | to | when |",
        "|---|---|---|---|",
        f"| `run_submitted` | | {spell(begins)} | always |",
        *(f"| `{row.event}` | {_spelled(row.sources, spell)} | {spell(row.target)} | {row.when} |" for row in table),
    ]


def _arrows(table: Sequence[Transition], begins: int, spell: Spell) -> list[str]:
    """Return one line for each pair of states; a state without a way out is an end."""
    labels: dict[tuple[int, int], list[str]] = {}
    for row in table:
        for source in sorted(row.sources):
            labels.setdefault((source, row.target), []).append(row.event)
    left = {source for source, _ in labels}
    ends = sorted({target for _, target in labels} - left)
    return [
        f"    [*] --> {spell(begins)}: run_submitted",
        *(
            f"    {spell(source)} --> {spell(target)}: {' or '.join(events)}"
            for (source, target), events in sorted(labels.items())
        ),
        *(f"    {spell(end)} --> [*]" for end in ends),
    ]


def _spelled(states: Iterable[int], spell: Spell) -> str:
    return ", ".join(map(spell, sorted(states)))


def _status(status: int) -> str:
    return name_of(api.NodeStatus, status)


def _state(state: int) -> str:
    return name_of(ev.RunState, state)


def main() -> None:
    """Write the page."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

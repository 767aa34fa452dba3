"""Follow what happens to runs, from outside: the public events, read from Kafka.

penstock up --kafka                                        # says where its broker is
python examples/consume_events.py 127.0.0.1:9092           # from now on
python examples/consume_events.py 127.0.0.1:9092 --hours 1
python examples/consume_events.py 127.0.0.1:9092 --run 01a6f3f0-5b1c-7cc4-a5a9-0a1b2c3d4e5f
"""

import argparse
import asyncio
import contextlib
import uuid
from datetime import UTC, datetime, timedelta

from penstock.events import Event, EventReader, Now, Run, Start, Time
from penstock_proto.state_tracker.v1.events_pb2 import RunState


def described(event: Event) -> str:
    """One line about an event."""
    body = event.body
    match event.kind:
        case "run_submitted":
            what = f"{body.plan_name} with {body.nodes} nodes, for {body.caller.user or 'an unknown user'}"
        case "action_started" | "action_succeeded":
            what = f"node {body.node}, attempt {body.attempt}, on {body.worker}"
        case "action_failed":
            what = f"node {body.node}, attempt {body.attempt}: {body.failure.type}: {body.failure.message}"
        case "nodes_skipped":
            what = f"{len(body.nodes)} nodes, because of {body.because_of}"
        case "run_ended":
            what = RunState.Name(body.state).removeprefix("RUN_STATE_").lower()
        case _:
            what = ""
    gap = f"  ({event.missed} earlier events are no longer in the topic)" if event.missed else ""
    return f"{event.recorded_at:%H:%M:%S.%f} {event.run_id} {event.shard}/{event.seq} {event.kind} {what}{gap}"


async def follow(kafka: str, start: Start, *, to_the_end: bool) -> None:
    async with contextlib.aclosing(EventReader(kafka, start, follow=not to_the_end).events()) as events:
        async for event in events:
            print(described(event), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the events of runs as they are recorded.")
    parser.add_argument("kafka", help="Connect to the broker at this HOST:PORT.")
    parser.add_argument("--hours", type=float, help="Start this many hours ago.")
    parser.add_argument("--run", type=uuid.UUID, help="Show only this run, from its submission to its end.")
    parser.add_argument(
        "--shards", type=int, default=256, help="Number of shards of the deployment; --run requires it."
    )
    parser.add_argument("--to-the-end", action="store_true", help="Stop at the current end of the topic.")
    words = parser.parse_args()
    start: Start = Now()
    if words.run:
        start = Run(words.run, words.shards)
    elif words.hours:
        start = Time(datetime.now(UTC) - timedelta(hours=words.hours))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(words.kafka, start, to_the_end=words.to_the_end))


if __name__ == "__main__":
    main()

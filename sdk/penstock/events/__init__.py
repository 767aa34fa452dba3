"""The public events of a deployment, read from Kafka: what happened to runs, as it was recorded.

    async for event in read("127.0.0.1:9092", Time(datetime.now(UTC) - timedelta(hours=1))):
        print(event.run_id, event.kind)

Needs the extra `penstock[kafka]`. For one run on a stack without Kafka, `AsyncClient.events` reads the log itself.
"""

from .reader import EventReader, read
from .records import Event, EventsLost, RunExpired, UnreadableEvent
from .starts import Bookmark, Now, Run, Shard, Start, Time

__all__ = [
    "Bookmark",
    "Event",
    "EventReader",
    "EventsLost",
    "Now",
    "Run",
    "RunExpired",
    "Shard",
    "Start",
    "Time",
    "UnreadableEvent",
    "read",
]

"""The errors of a stream and of its followers."""


class StreamError(Exception):
    """Base of this package's errors."""


class UpstreamAway(StreamError):
    """An upstream service does not respond, or no longer owns the shard; a later retry can succeed."""


class OutOfRange(StreamError):
    """The upstream service no longer keeps what follows a position: only a snapshot helps."""


class UnreadableRecord(StreamError):
    """A record of a topic is unreadable or invalid; it goes to the dead letters."""


class RecordTooLarge(StreamError):
    """The broker rejects a record of this size."""

    def __init__(self, topic: str, size_bytes: int) -> None:
        super().__init__(
            f"topic {topic} rejected a record of {size_bytes:,} bytes; raise its max.message.bytes. "
            "Followers read the record from the log"
        )
        self.topic, self.size_bytes = topic, size_bytes


class CallDropped(StreamError):
    """The Kafka client gave up a call without a word, as it does when a connection breaks at some moments."""

    def __init__(self) -> None:
        super().__init__("the Kafka client cancelled a call")

"""What can go wrong with a stream, and with following it."""


class StreamError(Exception):
    """Base of this package's errors."""


class UpstreamAway(StreamError):
    """An upstream service does not answer, or does not own the shard any more; asking again later helps."""


class OutOfRange(StreamError):
    """The upstream service no longer keeps what follows a position: only a snapshot helps."""


class UnreadableRecord(StreamError):
    """A record of a topic cannot be understood, or cannot be true; it goes to the dead letters."""


class RecordTooLarge(StreamError):
    """The broker refuses a record of that size."""

    def __init__(self, topic: str, size_bytes: int) -> None:
        super().__init__(
            f"{topic} takes no record of {size_bytes:,} bytes; raise the topic's max.message.bytes. "
            "Followers read it from the log"
        )
        self.topic, self.size_bytes = topic, size_bytes


class CallDropped(StreamError):
    """The Kafka client gave up a call without a word, as it does when a connection breaks at some moments."""

    def __init__(self) -> None:
        super().__init__("the Kafka client gave up a call")

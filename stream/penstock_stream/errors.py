"""What can go wrong while following and serving."""


class EventlogError(Exception):
    """Base of this package's errors."""


class UpstreamAway(EventlogError):
    """An upstream service does not answer, or does not own the shard any more; asking again later helps."""


class OutOfRange(EventlogError):
    """The upstream service no longer keeps what follows a position: only a snapshot helps."""


class PortInUse(EventlogError):
    """The address that a server should listen on is taken."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"cannot listen on {address}: the port is in use. Stop the other process or choose another port."
        )
        self.address = address


class UnreadableRecord(EventlogError):
    """A record of a topic cannot be understood, or cannot be true; it goes to the dead letters."""


class RecordTooLarge(EventlogError):
    """The broker refuses a record of that size."""

    def __init__(self, topic: str, size_bytes: int) -> None:
        super().__init__(
            f"{topic} takes no record of {size_bytes:,} bytes; raise the topic's max.message.bytes. "
            "Followers read it from the log"
        )
        self.topic, self.size_bytes = topic, size_bytes


class CallDropped(EventlogError):
    """The Kafka client gave up a call without a word, as it does when a connection breaks at some moments."""

    def __init__(self) -> None:
        super().__init__("the Kafka client gave up a call")

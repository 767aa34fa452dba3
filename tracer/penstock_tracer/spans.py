"""A finished span, as plain values."""

from dataclasses import dataclass, field

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Place:
    """A span as others refer to it."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a run or an attempt was.

    Attributes:
        parent: Within the same trace.
        start_us: Microseconds of Unix time by the database's clock.
        failure: Why it is an error; None if it is none.
        links: What came before it, or caused it.
    """

    place: Place
    parent: Place | None
    name: str
    start_us: int
    end_us: int
    attributes: dict[str, Attribute]
    failure: str | None = None
    links: list[Place] = field(default_factory=list[Place])

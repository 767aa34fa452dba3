"""Artifacts where the log recorded them."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from penstock_proto.value.v1.value_pb2 import Value, Values
from penstock_proto.wire import HASH_BYTES
from penstock_stream.messages import EventRange, Events

from .open_run import OpenRun

KEY_BYTES: Final = 16
# What workers call types; an index takes no long text.
NAME_CHARS_MAX: Final = 300
# How an encoded value that is an artifact begins to name it.
_ENCODED: Final = Value(artifact=bytes(HASH_BYTES)).SerializeToString()[:-HASH_BYTES]
_PLACE: Final = struct.Struct(">qi")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An artifact that an event carries.

    Attributes:
        node: Whose output it is; -1: an input of the run.
        place: Among the outputs of the node, or the inputs of the run.
    """

    run: OpenRun
    seq: int
    recorded_us: int
    node: int
    place: int
    artifact: bytes
    codec: str
    type_name: str
    size_bytes: int

    @property
    def key(self) -> bytes:
        """The same for the same value of the same event, however often it is read."""
        place = _PLACE.pack(self.seq, self.place)
        return hashlib.sha256(self.run.run_id + place).digest()[:KEY_BYTES]


def may_name_any(batch: Events) -> bool:
    """Whether a batch may carry artifacts. Its bytes, where they are at hand, say so sooner than its values."""
    if not isinstance(batch, EventRange):
        return True
    payloads = batch.payloads
    return _ENCODED in payloads[0] if len(payloads) == 1 else any(_ENCODED in payload for payload in payloads)


def of_values(run: OpenRun, seq: int, recorded_us: int, node: int, values: Values) -> Iterator[Recorded]:
    """Return those of an event's values that are artifacts."""
    for place, value in enumerate(values.values):
        if artifact := value.artifact:
            names = _name(value.codec), _name(value.type_name)
            yield Recorded(run, seq, recorded_us, node, place, artifact, *names, value.size_bytes)


def _name(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:NAME_CHARS_MAX]

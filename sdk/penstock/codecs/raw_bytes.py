"""bytes as they are."""

from collections.abc import Sequence
from typing import cast

from .encoded import Buffer


class BytesCodec:
    """For values that are bytes; within containers they travel as base64 in JSON."""

    name = "bytes"
    types = ("builtins.bytes",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Nothing to do."""
        return (cast(bytes, value),)

    def decode(self, data: memoryview, annotation: object) -> object:
        """A copy."""
        return bytes(data)

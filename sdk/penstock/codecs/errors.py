"""What can go wrong between a value and its bytes: each error says where in the value, and what to do."""


class CodecError(Exception):
    """Base of all errors of the codecs."""


class NoCodec(CodecError):
    """No codec knows the type of a value, or of something inside it."""

    def __init__(self, kind: str, where: str, remedy: str) -> None:
        super().__init__(f"{where} is a {kind}, which has no codec: {remedy}")
        self.kind, self.where, self.remedy = kind, where, remedy


class BadValue(CodecError):
    """The type has a codec, but this value cannot be written by it."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where} cannot be encoded: {problem}")
        self.where, self.problem = where, problem


class WrongType(CodecError):
    """The value is not of the annotated type."""

    def __init__(self, where: str, expected: str, given: str) -> None:
        super().__init__(f"{where}: expected {expected}, given {given}")
        self.where, self.expected, self.given = where, expected, given


class ResultTooLarge(CodecError):
    """The encoded value is larger than the limit allows."""

    def __init__(self, size_bytes: int, bytes_max: int) -> None:
        super().__init__(
            f"the value has {size_bytes} bytes, the limit is {bytes_max}: "
            "return less, split it into several outputs, or raise the limit"
        )
        self.size_bytes, self.bytes_max = size_bytes, bytes_max


class Undecodable(CodecError):
    """The bytes are not what their codec writes, or not of the type that is asked for."""

    def __init__(self, codec: str, problem: str) -> None:
        super().__init__(f"a value of codec {codec!r} cannot be decoded: {problem}")
        self.codec, self.problem = codec, problem

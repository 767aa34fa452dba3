from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MissingRequest(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, artifacts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class MissingResponse(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, artifacts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("artifact", "chunk")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    chunk: bytes
    def __init__(self, artifact: _Optional[bytes] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("artifact", "size_bytes")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    size_bytes: int
    def __init__(self, artifact: _Optional[bytes] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("artifact", "offset")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    offset: int
    def __init__(self, artifact: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("chunk", "size_bytes")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    size_bytes: int
    def __init__(self, chunk: _Optional[bytes] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class LogKey(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt", "grant")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("at_us", "text")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    text: str
    def __init__(self, at_us: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class AppendLogRequest(_message.Message):
    __slots__ = ("key", "lines")
    KEY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ...) -> None: ...

class AppendLogResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("run_id", "node", "follow")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    follow: bool
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class ReadLogResponse(_message.Message):
    __slots__ = ("key", "lines")
    KEY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Value(_message.Message):
    __slots__ = ("codec", "inline", "artifact", "size_bytes", "type_name")
    CODEC_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    codec: str
    inline: bytes
    artifact: bytes
    size_bytes: int
    type_name: str
    def __init__(self, codec: _Optional[str] = ..., inline: _Optional[bytes] = ..., artifact: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., type_name: _Optional[str] = ...) -> None: ...

class Values(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class ValueRef(_message.Message):
    __slots__ = ("node", "seq")
    NODE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    node: int
    seq: int
    def __init__(self, node: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

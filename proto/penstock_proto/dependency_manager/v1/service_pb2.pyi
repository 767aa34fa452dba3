from penstock_proto.dependency_manager.v1 import actions_pb2 as _actions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReadRequest(_message.Message):
    __slots__ = ("shard", "after_seq")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    shard: int
    after_seq: int
    def __init__(self, shard: _Optional[int] = ..., after_seq: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: _actions_pb2.ActionBatch
    def __init__(self, batch: _Optional[_Union[_actions_pb2.ActionBatch, _Mapping]] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: int
    def __init__(self, shard: _Optional[int] = ...) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("shard", "seq", "epoch", "starts")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    seq: int
    epoch: int
    starts: _containers.RepeatedCompositeFieldContainer[_actions_pb2.Start]
    def __init__(self, shard: _Optional[int] = ..., seq: _Optional[int] = ..., epoch: _Optional[int] = ..., starts: _Optional[_Iterable[_Union[_actions_pb2.Start, _Mapping]]] = ...) -> None: ...

class HeadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeadsResponse(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[Head]
    def __init__(self, heads: _Optional[_Iterable[_Union[Head, _Mapping]]] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("shard", "epoch", "seq")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    shard: int
    epoch: int
    seq: int
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

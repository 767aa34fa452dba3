from penstock_proto.plan.v1 import plan_pb2 as _plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EntryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENTRY_KIND_UNSPECIFIED: _ClassVar[EntryKind]
    ENTRY_KIND_WORKFLOW: _ClassVar[EntryKind]
    ENTRY_KIND_TYPE: _ClassVar[EntryKind]
ENTRY_KIND_UNSPECIFIED: EntryKind
ENTRY_KIND_WORKFLOW: EntryKind
ENTRY_KIND_TYPE: EntryKind

class RegistryBatch(_message.Message):
    __slots__ = ("from_seq", "recorded_at_us", "events")
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    from_seq: int
    recorded_at_us: int
    events: _containers.RepeatedCompositeFieldContainer[RegistryEvent]
    def __init__(self, from_seq: _Optional[int] = ..., recorded_at_us: _Optional[int] = ..., events: _Optional[_Iterable[_Union[RegistryEvent, _Mapping]]] = ...) -> None: ...

class RegistryEvent(_message.Message):
    __slots__ = ("caller", "workflow_published", "type_registered", "alias_moved")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    TYPE_REGISTERED_FIELD_NUMBER: _ClassVar[int]
    ALIAS_MOVED_FIELD_NUMBER: _ClassVar[int]
    caller: _events_pb2.Caller
    workflow_published: WorkflowPublished
    type_registered: TypeRegistered
    alias_moved: AliasMoved
    def __init__(self, caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., workflow_published: _Optional[_Union[WorkflowPublished, _Mapping]] = ..., type_registered: _Optional[_Union[TypeRegistered, _Mapping]] = ..., alias_moved: _Optional[_Union[AliasMoved, _Mapping]] = ...) -> None: ...

class WorkflowPublished(_message.Message):
    __slots__ = ("name", "version", "plan", "team", "interface", "changes", "types")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    plan: bytes
    team: str
    interface: Interface
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    types: _containers.RepeatedCompositeFieldContainer[TypeVersion]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., plan: _Optional[bytes] = ..., team: _Optional[str] = ..., interface: _Optional[_Union[Interface, _Mapping]] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., types: _Optional[_Iterable[_Union[TypeVersion, _Mapping]]] = ...) -> None: ...

class TypeVersion(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Interface(_message.Message):
    __slots__ = ("workflow", "doc", "bundle", "nodes", "types", "inputs", "outputs")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    doc: str
    bundle: bytes
    nodes: int
    types: _containers.RepeatedCompositeFieldContainer[_plan_pb2.Type]
    inputs: _containers.RepeatedCompositeFieldContainer[_plan_pb2.PlanInput]
    outputs: _containers.RepeatedCompositeFieldContainer[_plan_pb2.Port]
    def __init__(self, workflow: _Optional[str] = ..., doc: _Optional[str] = ..., bundle: _Optional[bytes] = ..., nodes: _Optional[int] = ..., types: _Optional[_Iterable[_Union[_plan_pb2.Type, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[_plan_pb2.PlanInput, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[_plan_pb2.Port, _Mapping]]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("text", "incompatible")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INCOMPATIBLE_FIELD_NUMBER: _ClassVar[int]
    text: str
    incompatible: bool
    def __init__(self, text: _Optional[str] = ..., incompatible: _Optional[bool] = ...) -> None: ...

class TypeRegistered(_message.Message):
    __slots__ = ("name", "version", "hash", "types", "workflow", "workflow_version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    hash: bytes
    types: _containers.RepeatedCompositeFieldContainer[_plan_pb2.Type]
    workflow: str
    workflow_version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., hash: _Optional[bytes] = ..., types: _Optional[_Iterable[_Union[_plan_pb2.Type, _Mapping]]] = ..., workflow: _Optional[str] = ..., workflow_version: _Optional[int] = ...) -> None: ...

class AliasMoved(_message.Message):
    __slots__ = ("entry_kind", "name", "alias", "version", "from_version", "changes")
    ENTRY_KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    entry_kind: EntryKind
    name: str
    alias: str
    version: int
    from_version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, entry_kind: _Optional[_Union[EntryKind, str]] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., from_version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

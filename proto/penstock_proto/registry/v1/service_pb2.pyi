from penstock_proto.registry.v1 import events_pb2 as _events_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ref(_message.Message):
    __slots__ = ("kind", "name", "version", "alias")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    name: str
    version: int
    alias: str
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., alias: _Optional[str] = ...) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("name", "plan", "team", "caller", "alias", "expected_version", "allow_incompatible")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALLOW_INCOMPATIBLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    plan: bytes
    team: str
    caller: _events_pb2_1.Caller
    alias: str
    expected_version: int
    allow_incompatible: bool
    def __init__(self, name: _Optional[str] = ..., plan: _Optional[bytes] = ..., team: _Optional[str] = ..., caller: _Optional[_Union[_events_pb2_1.Caller, _Mapping]] = ..., alias: _Optional[str] = ..., expected_version: _Optional[int] = ..., allow_incompatible: _Optional[bool] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("version", "created", "seq", "alias_moved")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ALIAS_MOVED_FIELD_NUMBER: _ClassVar[int]
    version: Version
    created: bool
    seq: int
    alias_moved: _events_pb2.AliasMoved
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., created: _Optional[bool] = ..., seq: _Optional[int] = ..., alias_moved: _Optional[_Union[_events_pb2.AliasMoved, _Mapping]] = ...) -> None: ...

class MoveAliasRequest(_message.Message):
    __slots__ = ("kind", "name", "alias", "version", "expected_version", "caller")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    name: str
    alias: str
    version: int
    expected_version: int
    caller: _events_pb2_1.Caller
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., name: _Optional[str] = ..., alias: _Optional[str] = ..., version: _Optional[int] = ..., expected_version: _Optional[int] = ..., caller: _Optional[_Union[_events_pb2_1.Caller, _Mapping]] = ...) -> None: ...

class MoveAliasResponse(_message.Message):
    __slots__ = ("moved", "alias_moved", "seq")
    MOVED_FIELD_NUMBER: _ClassVar[int]
    ALIAS_MOVED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    moved: bool
    alias_moved: _events_pb2.AliasMoved
    seq: int
    def __init__(self, moved: _Optional[bool] = ..., alias_moved: _Optional[_Union[_events_pb2.AliasMoved, _Mapping]] = ..., seq: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("kind", "name", "team", "doc", "latest", "aliases", "updated_at_us")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    name: str
    team: str
    doc: str
    latest: int
    aliases: _containers.RepeatedCompositeFieldContainer[Alias]
    updated_at_us: int
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., name: _Optional[str] = ..., team: _Optional[str] = ..., doc: _Optional[str] = ..., latest: _Optional[int] = ..., aliases: _Optional[_Iterable[_Union[Alias, _Mapping]]] = ..., updated_at_us: _Optional[int] = ...) -> None: ...

class Alias(_message.Message):
    __slots__ = ("alias", "version", "moved_at_us")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MOVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    alias: str
    version: int
    moved_at_us: int
    def __init__(self, alias: _Optional[str] = ..., version: _Optional[int] = ..., moved_at_us: _Optional[int] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("kind", "name", "version", "caller", "published_at_us", "seq", "workflow", "type")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    name: str
    version: int
    caller: _events_pb2_1.Caller
    published_at_us: int
    seq: int
    workflow: _events_pb2.WorkflowPublished
    type: _events_pb2.TypeRegistered
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., caller: _Optional[_Union[_events_pb2_1.Caller, _Mapping]] = ..., published_at_us: _Optional[int] = ..., seq: _Optional[int] = ..., workflow: _Optional[_Union[_events_pb2.WorkflowPublished, _Mapping]] = ..., type: _Optional[_Union[_events_pb2.TypeRegistered, _Mapping]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("ref",)
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: Ref
    def __init__(self, ref: _Optional[_Union[Ref, _Mapping]] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("entry", "version")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    entry: Entry
    version: Version
    def __init__(self, entry: _Optional[_Union[Entry, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("kind", "query", "team", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    query: str
    team: str
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., query: _Optional[str] = ..., team: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("kind", "name", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: _events_pb2.EntryKind
    name: str
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[_Union[_events_pb2.EntryKind, str]] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("entry", "versions", "next_page_token")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entry: Entry
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    next_page_token: str
    def __init__(self, entry: _Optional[_Union[Entry, _Mapping]] = ..., versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FormRequest(_message.Message):
    __slots__ = ("ref",)
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: Ref
    def __init__(self, ref: _Optional[_Union[Ref, _Mapping]] = ...) -> None: ...

class FormResponse(_message.Message):
    __slots__ = ("name", "version", "plan", "team", "schema_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    plan: bytes
    team: str
    schema_json: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., plan: _Optional[bytes] = ..., team: _Optional[str] = ..., schema_json: _Optional[str] = ...) -> None: ...

class LinksRequest(_message.Message):
    __slots__ = ("thing", "limit")
    THING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    thing: str
    limit: int
    def __init__(self, thing: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class LinksResponse(_message.Message):
    __slots__ = ("uses", "used_by")
    USES_FIELD_NUMBER: _ClassVar[int]
    USED_BY_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedCompositeFieldContainer[Link]
    used_by: _containers.RepeatedCompositeFieldContainer[Link]
    def __init__(self, uses: _Optional[_Iterable[_Union[Link, _Mapping]]] = ..., used_by: _Optional[_Iterable[_Union[Link, _Mapping]]] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("thing", "relation")
    THING_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    thing: str
    relation: str
    def __init__(self, thing: _Optional[str] = ..., relation: _Optional[str] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("from_seq", "to_seq", "follow")
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    from_seq: int
    to_seq: int
    follow: bool
    def __init__(self, from_seq: _Optional[int] = ..., to_seq: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: _events_pb2.RegistryBatch
    def __init__(self, batch: _Optional[_Union[_events_pb2.RegistryBatch, _Mapping]] = ...) -> None: ...

class HeadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeadsResponse(_message.Message):
    __slots__ = ("seq",)
    SEQ_FIELD_NUMBER: _ClassVar[int]
    seq: int
    def __init__(self, seq: _Optional[int] = ...) -> None: ...

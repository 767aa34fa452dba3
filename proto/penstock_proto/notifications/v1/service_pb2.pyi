from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_SUCCEEDED: _ClassVar[Kind]
    KIND_FAILED: _ClassVar[Kind]
    KIND_CANCELLED: _ClassVar[Kind]

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_WAITING: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELIVERED: _ClassVar[DeliveryState]
    DELIVERY_STATE_DEAD: _ClassVar[DeliveryState]
KIND_UNSPECIFIED: Kind
KIND_SUCCEEDED: Kind
KIND_FAILED: Kind
KIND_CANCELLED: Kind
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_WAITING: DeliveryState
DELIVERY_STATE_DELIVERED: DeliveryState
DELIVERY_STATE_DEAD: DeliveryState

class Channel(_message.Message):
    __slots__ = ("name", "team", "webhook", "email", "slack", "apprise", "caller", "updated_at_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    SLACK_FIELD_NUMBER: _ClassVar[int]
    APPRISE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    team: str
    webhook: Webhook
    email: Email
    slack: Slack
    apprise: Apprise
    caller: _events_pb2.Caller
    updated_at_us: int
    def __init__(self, name: _Optional[str] = ..., team: _Optional[str] = ..., webhook: _Optional[_Union[Webhook, _Mapping]] = ..., email: _Optional[_Union[Email, _Mapping]] = ..., slack: _Optional[_Union[Slack, _Mapping]] = ..., apprise: _Optional[_Union[Apprise, _Mapping]] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., updated_at_us: _Optional[int] = ...) -> None: ...

class Webhook(_message.Message):
    __slots__ = ("url", "secret")
    URL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    url: str
    secret: str
    def __init__(self, url: _Optional[str] = ..., secret: _Optional[str] = ...) -> None: ...

class Email(_message.Message):
    __slots__ = ("to",)
    TO_FIELD_NUMBER: _ClassVar[int]
    to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, to: _Optional[_Iterable[str]] = ...) -> None: ...

class Slack(_message.Message):
    __slots__ = ("url_secret",)
    URL_SECRET_FIELD_NUMBER: _ClassVar[int]
    url_secret: str
    def __init__(self, url_secret: _Optional[str] = ...) -> None: ...

class Apprise(_message.Message):
    __slots__ = ("url_secret",)
    URL_SECRET_FIELD_NUMBER: _ClassVar[int]
    url_secret: str
    def __init__(self, url_secret: _Optional[str] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("name", "channel", "kinds", "workflow", "team", "caller", "updated_at_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    channel: str
    kinds: _containers.RepeatedScalarFieldContainer[Kind]
    workflow: str
    team: str
    caller: _events_pb2.Caller
    updated_at_us: int
    def __init__(self, name: _Optional[str] = ..., channel: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[Kind, str]]] = ..., workflow: _Optional[str] = ..., team: _Optional[str] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., updated_at_us: _Optional[int] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("id", "rule", "channel", "run_id", "kind", "workflow", "team", "state", "attempts", "error", "created_at_us", "due_at_us", "tried_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_US_FIELD_NUMBER: _ClassVar[int]
    TRIED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    rule: str
    channel: str
    run_id: bytes
    kind: Kind
    workflow: str
    team: str
    state: DeliveryState
    attempts: int
    error: str
    created_at_us: int
    due_at_us: int
    tried_at_us: int
    def __init__(self, id: _Optional[str] = ..., rule: _Optional[str] = ..., channel: _Optional[str] = ..., run_id: _Optional[bytes] = ..., kind: _Optional[_Union[Kind, str]] = ..., workflow: _Optional[str] = ..., team: _Optional[str] = ..., state: _Optional[_Union[DeliveryState, str]] = ..., attempts: _Optional[int] = ..., error: _Optional[str] = ..., created_at_us: _Optional[int] = ..., due_at_us: _Optional[int] = ..., tried_at_us: _Optional[int] = ...) -> None: ...

class PutChannelRequest(_message.Message):
    __slots__ = ("channel", "caller")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    caller: _events_pb2.Caller
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ...) -> None: ...

class PutChannelResponse(_message.Message):
    __slots__ = ("channel", "created")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    created: bool
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ("team", "names")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    team: str
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, team: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    def __init__(self, channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ...) -> None: ...

class RemoveChannelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveChannelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TestChannelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TestChannelResponse(_message.Message):
    __slots__ = ("delivered", "error")
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    delivered: bool
    error: str
    def __init__(self, delivered: _Optional[bool] = ..., error: _Optional[str] = ...) -> None: ...

class PutRuleRequest(_message.Message):
    __slots__ = ("rule", "caller")
    RULE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    rule: Rule
    caller: _events_pb2.Caller
    def __init__(self, rule: _Optional[_Union[Rule, _Mapping]] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ...) -> None: ...

class PutRuleResponse(_message.Message):
    __slots__ = ("rule", "created")
    RULE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    rule: Rule
    created: bool
    def __init__(self, rule: _Optional[_Union[Rule, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class ListRulesRequest(_message.Message):
    __slots__ = ("team",)
    TEAM_FIELD_NUMBER: _ClassVar[int]
    team: str
    def __init__(self, team: _Optional[str] = ...) -> None: ...

class ListRulesResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    def __init__(self, rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ...) -> None: ...

class RemoveRuleRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveRuleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeliveriesRequest(_message.Message):
    __slots__ = ("states", "channel", "run_id", "page_size", "page_token")
    STATES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[DeliveryState]
    channel: str
    run_id: bytes
    page_size: int
    page_token: str
    def __init__(self, states: _Optional[_Iterable[_Union[DeliveryState, str]]] = ..., channel: _Optional[str] = ..., run_id: _Optional[bytes] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries", "next_page_token")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
    next_page_token: str
    def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RetryDeliveriesRequest(_message.Message):
    __slots__ = ("ids", "channel")
    IDS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    channel: str
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., channel: _Optional[str] = ...) -> None: ...

class RetryDeliveriesResponse(_message.Message):
    __slots__ = ("retried",)
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    retried: int
    def __init__(self, retried: _Optional[int] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("lag_events", "waiting", "dead")
    LAG_EVENTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    lag_events: int
    waiting: int
    dead: int
    def __init__(self, lag_events: _Optional[int] = ..., waiting: _Optional[int] = ..., dead: _Optional[int] = ...) -> None: ...

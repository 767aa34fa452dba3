from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutputShape(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_SHAPE_UNSPECIFIED: _ClassVar[OutputShape]
    OUTPUT_SHAPE_SINGLE: _ClassVar[OutputShape]
    OUTPUT_SHAPE_FIELDS: _ClassVar[OutputShape]
    OUTPUT_SHAPE_NONE: _ClassVar[OutputShape]

class FailurePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_POLICY_UNSPECIFIED: _ClassVar[FailurePolicy]
    FAILURE_POLICY_CONTINUE: _ClassVar[FailurePolicy]
    FAILURE_POLICY_BLOCK_DEPENDENTS: _ClassVar[FailurePolicy]
    FAILURE_POLICY_CANCEL_DEPENDENTS: _ClassVar[FailurePolicy]

class NodeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_KIND_UNSPECIFIED: _ClassVar[NodeKind]
    NODE_KIND_TASK: _ClassVar[NodeKind]
    NODE_KIND_WORKFLOW: _ClassVar[NodeKind]
    NODE_KIND_WAIT: _ClassVar[NodeKind]
    NODE_KIND_MAP: _ClassVar[NodeKind]
    NODE_KIND_LOOP: _ClassVar[NodeKind]
    NODE_KIND_BRANCH: _ClassVar[NodeKind]
    NODE_KIND_PASS: _ClassVar[NodeKind]
    NODE_KIND_GATHER: _ClassVar[NodeKind]

class AtEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AT_END_UNSPECIFIED: _ClassVar[AtEnd]
    AT_END_ALWAYS: _ClassVar[AtEnd]
    AT_END_FAILURE: _ClassVar[AtEnd]
OUTPUT_SHAPE_UNSPECIFIED: OutputShape
OUTPUT_SHAPE_SINGLE: OutputShape
OUTPUT_SHAPE_FIELDS: OutputShape
OUTPUT_SHAPE_NONE: OutputShape
FAILURE_POLICY_UNSPECIFIED: FailurePolicy
FAILURE_POLICY_CONTINUE: FailurePolicy
FAILURE_POLICY_BLOCK_DEPENDENTS: FailurePolicy
FAILURE_POLICY_CANCEL_DEPENDENTS: FailurePolicy
NODE_KIND_UNSPECIFIED: NodeKind
NODE_KIND_TASK: NodeKind
NODE_KIND_WORKFLOW: NodeKind
NODE_KIND_WAIT: NodeKind
NODE_KIND_MAP: NodeKind
NODE_KIND_LOOP: NodeKind
NODE_KIND_BRANCH: NodeKind
NODE_KIND_PASS: NodeKind
NODE_KIND_GATHER: NodeKind
AT_END_UNSPECIFIED: AtEnd
AT_END_ALWAYS: AtEnd
AT_END_FAILURE: AtEnd

class Plan(_message.Message):
    __slots__ = ("schema", "name", "doc", "bundle", "types", "operators", "inputs", "nodes", "outputs", "files")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    schema: int
    name: str
    doc: str
    bundle: bytes
    types: _containers.RepeatedCompositeFieldContainer[Type]
    operators: _containers.RepeatedCompositeFieldContainer[Operator]
    inputs: _containers.RepeatedCompositeFieldContainer[PlanInput]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    outputs: _containers.RepeatedCompositeFieldContainer[PlanOutput]
    files: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, schema: _Optional[int] = ..., name: _Optional[str] = ..., doc: _Optional[str] = ..., bundle: _Optional[bytes] = ..., types: _Optional[_Iterable[_Union[Type, _Mapping]]] = ..., operators: _Optional[_Iterable[_Union[Operator, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[PlanInput, _Mapping]]] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[PlanOutput, _Mapping]]] = ..., files: _Optional[_Iterable[str]] = ...) -> None: ...

class Type(_message.Message):
    __slots__ = ("name", "args", "literals", "bases", "fields", "constraints_json", "variadic", "qualname")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    LITERALS_FIELD_NUMBER: _ClassVar[int]
    BASES_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_JSON_FIELD_NUMBER: _ClassVar[int]
    VARIADIC_FIELD_NUMBER: _ClassVar[int]
    QUALNAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    args: _containers.RepeatedScalarFieldContainer[int]
    literals: _containers.RepeatedScalarFieldContainer[str]
    bases: _containers.RepeatedScalarFieldContainer[str]
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    constraints_json: str
    variadic: bool
    qualname: str
    def __init__(self, name: _Optional[str] = ..., args: _Optional[_Iterable[int]] = ..., literals: _Optional[_Iterable[str]] = ..., bases: _Optional[_Iterable[str]] = ..., fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., constraints_json: _Optional[str] = ..., variadic: _Optional[bool] = ..., qualname: _Optional[str] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "type", "required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: int
    required: bool
    def __init__(self, name: _Optional[str] = ..., type: _Optional[int] = ..., required: _Optional[bool] = ...) -> None: ...

class Operator(_message.Message):
    __slots__ = ("module", "qualname", "inputs", "outputs", "output_shape", "resources", "retry", "timeout_s", "on_failure", "doc", "source_hash", "secrets", "cache")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    QUALNAME_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_HASH_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    module: str
    qualname: str
    inputs: _containers.RepeatedCompositeFieldContainer[Port]
    outputs: _containers.RepeatedCompositeFieldContainer[Port]
    output_shape: OutputShape
    resources: Resources
    retry: RetryPolicy
    timeout_s: float
    on_failure: FailurePolicy
    doc: str
    source_hash: bytes
    secrets: _containers.RepeatedScalarFieldContainer[str]
    cache: Cache
    def __init__(self, module: _Optional[str] = ..., qualname: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., output_shape: _Optional[_Union[OutputShape, str]] = ..., resources: _Optional[_Union[Resources, _Mapping]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., timeout_s: _Optional[float] = ..., on_failure: _Optional[_Union[FailurePolicy, str]] = ..., doc: _Optional[str] = ..., source_hash: _Optional[bytes] = ..., secrets: _Optional[_Iterable[str]] = ..., cache: _Optional[_Union[Cache, _Mapping]] = ...) -> None: ...

class Cache(_message.Message):
    __slots__ = ("lifetime_s", "is_off")
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    IS_OFF_FIELD_NUMBER: _ClassVar[int]
    lifetime_s: float
    is_off: bool
    def __init__(self, lifetime_s: _Optional[float] = ..., is_off: _Optional[bool] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "type", "required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: int
    required: bool
    def __init__(self, name: _Optional[str] = ..., type: _Optional[int] = ..., required: _Optional[bool] = ...) -> None: ...

class Resources(_message.Message):
    __slots__ = ("cpu_milli", "gpu", "memory_bytes", "labels", "memory_is_declared")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    GPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IS_DECLARED_FIELD_NUMBER: _ClassVar[int]
    cpu_milli: int
    gpu: int
    memory_bytes: int
    labels: _containers.ScalarMap[str, str]
    memory_is_declared: bool
    def __init__(self, cpu_milli: _Optional[int] = ..., gpu: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., memory_is_declared: _Optional[bool] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("retries", "delay_s", "factor", "delay_max_s", "jitter")
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    DELAY_S_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    DELAY_MAX_S_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    retries: int
    delay_s: float
    factor: float
    delay_max_s: float
    jitter: float
    def __init__(self, retries: _Optional[int] = ..., delay_s: _Optional[float] = ..., factor: _Optional[float] = ..., delay_max_s: _Optional[float] = ..., jitter: _Optional[float] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("name", "kind", "operator", "arguments", "after", "file", "line", "overrides", "map", "sides", "leaves_out_failed", "wait", "concurrency", "at_end")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    LEAVES_OUT_FAILED_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    AT_END_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: NodeKind
    operator: int
    arguments: _containers.RepeatedCompositeFieldContainer[Argument]
    after: _containers.RepeatedScalarFieldContainer[int]
    file: int
    line: int
    overrides: Overrides
    map: int
    sides: _containers.RepeatedCompositeFieldContainer[Side]
    leaves_out_failed: bool
    wait: Wait
    concurrency: int
    at_end: AtEnd
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[NodeKind, str]] = ..., operator: _Optional[int] = ..., arguments: _Optional[_Iterable[_Union[Argument, _Mapping]]] = ..., after: _Optional[_Iterable[int]] = ..., file: _Optional[int] = ..., line: _Optional[int] = ..., overrides: _Optional[_Union[Overrides, _Mapping]] = ..., map: _Optional[int] = ..., sides: _Optional[_Iterable[_Union[Side, _Mapping]]] = ..., leaves_out_failed: _Optional[bool] = ..., wait: _Optional[_Union[Wait, _Mapping]] = ..., concurrency: _Optional[int] = ..., at_end: _Optional[_Union[AtEnd, str]] = ...) -> None: ...

class Side(_message.Message):
    __slots__ = ("branch", "side")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    branch: int
    side: int
    def __init__(self, branch: _Optional[int] = ..., side: _Optional[int] = ...) -> None: ...

class Wait(_message.Message):
    __slots__ = ("sleep_s", "until_us", "signal", "approval", "sensor", "child", "timeout_s", "otherwise")
    SLEEP_S_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    CHILD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    sleep_s: float
    until_us: int
    signal: Signal
    approval: Approval
    sensor: Sensor
    child: Child
    timeout_s: float
    otherwise: _value_pb2.Value
    def __init__(self, sleep_s: _Optional[float] = ..., until_us: _Optional[int] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., approval: _Optional[_Union[Approval, _Mapping]] = ..., sensor: _Optional[_Union[Sensor, _Mapping]] = ..., child: _Optional[_Union[Child, _Mapping]] = ..., timeout_s: _Optional[float] = ..., otherwise: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("schema_json",)
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    schema_json: str
    def __init__(self, schema_json: _Optional[str] = ...) -> None: ...

class Sensor(_message.Message):
    __slots__ = ("every_s",)
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    every_s: float
    def __init__(self, every_s: _Optional[float] = ...) -> None: ...

class Child(_message.Message):
    __slots__ = ("plan", "outputs", "pool", "priority", "labels", "deadline_s")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    outputs: _containers.RepeatedCompositeFieldContainer[Expr]
    pool: str
    priority: int
    labels: _containers.ScalarMap[str, str]
    deadline_s: float
    def __init__(self, plan: _Optional[bytes] = ..., outputs: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ..., pool: _Optional[str] = ..., priority: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., deadline_s: _Optional[float] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("question", "who", "goes_on_denied")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    GOES_ON_DENIED_FIELD_NUMBER: _ClassVar[int]
    question: str
    who: _containers.RepeatedScalarFieldContainer[str]
    goes_on_denied: bool
    def __init__(self, question: _Optional[str] = ..., who: _Optional[_Iterable[str]] = ..., goes_on_denied: _Optional[bool] = ...) -> None: ...

class Overrides(_message.Message):
    __slots__ = ("resources", "retry", "timeout_s", "on_failure", "cache")
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    resources: Resources
    retry: RetryPolicy
    timeout_s: float
    on_failure: FailurePolicy
    cache: Cache
    def __init__(self, resources: _Optional[_Union[Resources, _Mapping]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., timeout_s: _Optional[float] = ..., on_failure: _Optional[_Union[FailurePolicy, str]] = ..., cache: _Optional[_Union[Cache, _Mapping]] = ...) -> None: ...

class Argument(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: Expr
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[Expr, _Mapping]] = ...) -> None: ...

class Expr(_message.Message):
    __slots__ = ("literal", "output", "input", "sequence", "mapping", "record", "item", "choice")
    LITERAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    literal: _value_pb2.Value
    output: OutputRef
    input: int
    sequence: Sequence
    mapping: Mapping
    record: Record
    item: Item
    choice: Choice
    def __init__(self, literal: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., output: _Optional[_Union[OutputRef, _Mapping]] = ..., input: _Optional[int] = ..., sequence: _Optional[_Union[Sequence, _Mapping]] = ..., mapping: _Optional[_Union[Mapping, _Mapping]] = ..., record: _Optional[_Union[Record, _Mapping]] = ..., item: _Optional[_Union[Item, _Mapping]] = ..., choice: _Optional[_Union[Choice, _Mapping]] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("node", "list")
    NODE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    node: int
    list: int
    def __init__(self, node: _Optional[int] = ..., list: _Optional[int] = ...) -> None: ...

class Choice(_message.Message):
    __slots__ = ("branch", "sides")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    branch: int
    sides: _containers.RepeatedCompositeFieldContainer[Expr]
    def __init__(self, branch: _Optional[int] = ..., sides: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ...) -> None: ...

class OutputRef(_message.Message):
    __slots__ = ("node", "output")
    NODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    node: int
    output: int
    def __init__(self, node: _Optional[int] = ..., output: _Optional[int] = ...) -> None: ...

class Sequence(_message.Message):
    __slots__ = ("kind", "items")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    items: _containers.RepeatedCompositeFieldContainer[Expr]
    def __init__(self, kind: _Optional[str] = ..., items: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ...) -> None: ...

class Mapping(_message.Message):
    __slots__ = ("keys", "values")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Expr]
    values: _containers.RepeatedCompositeFieldContainer[Expr]
    def __init__(self, keys: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ..., values: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("type", "names", "values")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    type: int
    names: _containers.RepeatedScalarFieldContainer[str]
    values: _containers.RepeatedCompositeFieldContainer[Expr]
    def __init__(self, type: _Optional[int] = ..., names: _Optional[_Iterable[str]] = ..., values: _Optional[_Iterable[_Union[Expr, _Mapping]]] = ...) -> None: ...

class PlanInput(_message.Message):
    __slots__ = ("name", "type", "required", "default", "schema_json", "doc", "static")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    STATIC_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: int
    required: bool
    default: _value_pb2.Value
    schema_json: str
    doc: str
    static: _value_pb2.Value
    def __init__(self, name: _Optional[str] = ..., type: _Optional[int] = ..., required: _Optional[bool] = ..., default: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., schema_json: _Optional[str] = ..., doc: _Optional[str] = ..., static: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class PlanOutput(_message.Message):
    __slots__ = ("name", "type", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: int
    value: Expr
    def __init__(self, name: _Optional[str] = ..., type: _Optional[int] = ..., value: _Optional[_Union[Expr, _Mapping]] = ...) -> None: ...

from penstock_proto.state_tracker.v1 import reports_pb2 as _reports_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Setup(_message.Message):
    __slots__ = ("worker", "store", "plans", "bundle", "gpus", "store_address", "grace_s", "scratch", "tls_ca", "tls_certificate", "tls_key", "token_file")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    STORE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    SCRATCH_FIELD_NUMBER: _ClassVar[int]
    TLS_CA_FIELD_NUMBER: _ClassVar[int]
    TLS_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    TLS_KEY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FILE_FIELD_NUMBER: _ClassVar[int]
    worker: str
    store: str
    plans: str
    bundle: str
    gpus: str
    store_address: str
    grace_s: float
    scratch: str
    tls_ca: str
    tls_certificate: str
    tls_key: str
    token_file: str
    def __init__(self, worker: _Optional[str] = ..., store: _Optional[str] = ..., plans: _Optional[str] = ..., bundle: _Optional[str] = ..., gpus: _Optional[str] = ..., store_address: _Optional[str] = ..., grace_s: _Optional[float] = ..., scratch: _Optional[str] = ..., tls_ca: _Optional[str] = ..., tls_certificate: _Optional[str] = ..., tls_key: _Optional[str] = ..., token_file: _Optional[str] = ...) -> None: ...

class FromChild(_message.Message):
    __slots__ = ("report", "output_end_bytes", "ready", "unfit", "cache_missed")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_END_BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    UNFIT_FIELD_NUMBER: _ClassVar[int]
    CACHE_MISSED_FIELD_NUMBER: _ClassVar[int]
    report: _reports_pb2.Report
    output_end_bytes: int
    ready: bool
    unfit: _containers.RepeatedScalarFieldContainer[str]
    cache_missed: bool
    def __init__(self, report: _Optional[_Union[_reports_pb2.Report, _Mapping]] = ..., output_end_bytes: _Optional[int] = ..., ready: _Optional[bool] = ..., unfit: _Optional[_Iterable[str]] = ..., cache_missed: _Optional[bool] = ...) -> None: ...

class GivenSecrets(_message.Message):
    __slots__ = ("values", "problems")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ProblemsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.ScalarMap[str, str]
    problems: _containers.ScalarMap[str, str]
    def __init__(self, values: _Optional[_Mapping[str, str]] = ..., problems: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DeclaredSecrets(_message.Message):
    __slots__ = ("operators",)
    class Operator(_message.Message):
        __slots__ = ("secrets",)
        SECRETS_FIELD_NUMBER: _ClassVar[int]
        secrets: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, secrets: _Optional[_Iterable[str]] = ...) -> None: ...
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    operators: _containers.RepeatedCompositeFieldContainer[DeclaredSecrets.Operator]
    def __init__(self, operators: _Optional[_Iterable[_Union[DeclaredSecrets.Operator, _Mapping]]] = ...) -> None: ...

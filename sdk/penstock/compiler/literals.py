"""Literal arguments: checked against their annotation, then encoded; large ones become artifacts."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import msgspec
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import INLINE_BYTES_MAX
from typing_extensions import is_typeddict

from ..declare import modules
from ..declare.annotations import ANYTHING, ML_TYPES, class_of, is_record, members

if TYPE_CHECKING:
    from pydantic import TypeAdapter

INLINE_NODE_BYTES_MAX = 64 * 1024
_INT_MAX = 2**63
_SCALARS = frozenset({int, float, bool, str, type(None)})
_SHOWN_MAX = 60


class BadLiteral(Exception):
    """The value does not fit its annotation, or cannot be encoded; the text says which."""

    def __init__(self, problem: str, remedy: str = "", mistyped: bool = False) -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.mistyped = problem, remedy, mistyped


class Literals:
    """The literals of one plan."""

    __slots__ = ("_checks", "_inline_bytes_left", "artifacts")

    def __init__(self) -> None:
        self.artifacts: dict[bytes, bytes] = {}
        self._inline_bytes_left = INLINE_NODE_BYTES_MAX
        self._checks: dict[int, _Check] = {}

    def begin_node(self) -> None:
        """Literals from here on belong to another node."""
        self._inline_bytes_left = INLINE_NODE_BYTES_MAX

    def encode(self, value: object, annotation: Any) -> Value:
        """The value as it goes into the plan. Raises BadLiteral."""
        self._check(value, annotation)
        if (encoded := _scalar(value)) is not None:
            codec, data, type_name = "json", encoded, type(value).__qualname__
        else:
            codec, data, type_name = _encode(value, annotation)
        if len(data) <= min(INLINE_BYTES_MAX, self._inline_bytes_left):
            self._inline_bytes_left -= len(data)
            return Value(codec=codec, inline=data, size_bytes=len(data), type_name=type_name)
        digest = hashlib.sha256(data).digest()
        self.artifacts[digest] = data
        return Value(codec=codec, artifact=digest, size_bytes=len(data), type_name=type_name)

    def _check(self, value: object, annotation: Any) -> None:
        check = self._checks.get(id(annotation))
        if check is None:
            check = self._checks[id(annotation)] = _Check(annotation)
        if type(value) not in check.admitted:
            check(value)


class _Check:
    """Whether values fit one annotation."""

    __slots__ = ("_adapter", "_annotation", "admitted")

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation  # also keeps its id from being given to another
        self._adapter: TypeAdapter[Any] | None = None
        plain: set[Any] = {type(None) if each is None else each for each in members(annotation) if _is_hashable(each)}
        # Values of exactly these types fit, without asking pydantic.
        self.admitted: set[Any] = (plain & _SCALARS) | ({int} if float in plain else set())

    def __call__(self, value: object) -> None:
        cls = class_of(self._annotation)
        if cls in ANYTHING:
            return None
        if not isinstance(cls, type) or is_typeddict(cls):
            return self._validate(value)
        if isinstance(value, cls) and cls.__module__ != "builtins":
            return None  # whether its fields fit is checked by its codec
        if is_record(cls) or issubclass(cls, ML_TYPES):
            raise BadLiteral(f"given {shown(value)}", mistyped=True)
        return self._validate(value)

    def _validate(self, value: object) -> None:
        from pydantic import PydanticUserError, ValidationError

        try:
            if self._adapter is None:
                self._adapter = adapter(self._annotation)
            self._adapter.validate_python(value, strict=True)
        except PydanticUserError:
            return  # it holds classes that pydantic does not know: the codec looks at the value
        except ValidationError as error:
            raise BadLiteral(f"given {shown(value)}{_details(error, value)}", mistyped=True) from None


def adapter(annotation: Any) -> TypeAdapter[Any]:
    """A pydantic validator of the annotation; classes that pydantic does not know are checked by isinstance."""
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a dataclass, TypedDict or model has its own configuration
        return TypeAdapter(annotation)


def shown(value: object) -> str:
    """The value's type and, shortened, the value itself."""
    text = repr(value)
    text = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."
    return f"{type(value).__name__} {text}" if value is not None else "None"


def _details(error: Any, value: object) -> str:
    """Pydantic's first complaint, where it says more than that the type is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = "".join(f"[{part!r}]" for part in first["loc"])
    if not where and first["type"].endswith(("_type", "_instance_of")):
        return ""
    return f": {f'at {where}: ' if where else ''}{first['msg'][:1].lower()}{first['msg'][1:]}"


def _scalar(value: object) -> bytes | None:
    """JSON of a plain scalar; None for what a codec must encode."""
    kind = type(value)
    if kind not in _SCALARS:
        return None
    if (kind is int and not -_INT_MAX <= value < _INT_MAX) or (kind is float and not math.isfinite(value)):  # type: ignore[operator,arg-type]  # pyright: ignore
        return None
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise BadLiteral(f"given text that UTF-8 cannot encode: {error.reason} at {error.start}") from None


def _encode(value: object, annotation: Any) -> tuple[str, bytes, str]:
    from .. import codecs

    try:
        encoded = codecs.encode(value, annotation)
    except codecs.CodecError as error:
        raise BadLiteral(f"given {shown(value)}: {error}") from None
    # The program's main file has another name where a worker imports it, and the plan must be the same.
    module, _, name = encoded.type_name.rpartition(".")
    type_name = f"{modules.module_name(module)}.{name}" if module == "__main__" else encoded.type_name
    return encoded.codec, encoded.data, type_name


def _is_hashable(annotation: Any) -> bool:
    return isinstance(annotation, type) or annotation is None

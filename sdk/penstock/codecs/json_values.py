"""JSON by annotation: pydantic checks a value strictly against it, writes it, and reads it back as the same type."""

import functools
import json
from decimal import Decimal
from typing import Any, cast, get_origin

import msgspec
import pydantic
import pydantic_core
from penstock_proto.wire import NOT_FINITE
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

from . import core_schemas
from .annotations import ANYTHING, Traits, is_model, is_record, study
from .encoded import annotation_name
from .errors import BadValue, NoCodec, Undecodable
from .json_problems import SURROGATE, first_line, surrogate_within, undecodable, unwritable, wrong_type
from .rewrites import for_pydantic
from .scalars import DIGITS_MAX, READERS
from .walk import are_same, without_numpy_scalars

BY_NAME: Any = {"by_alias": False, "by_name": True}  # aliases are for the outside
EXACTLY: Any = {"by_alias": False, "round_trip": True, "warnings": "error"}
_WORDS = tuple(f'"{word}"'.encode() for word in NOT_FINITE)
REPLACED = "\ufffd".encode()  # what pydantic writes for a lone surrogate in a key
ARBITRARY = ConfigDict(arbitrary_types_allowed=True)


class JsonType:
    """An annotation made ready to check, write and read values."""

    __slots__ = ("_serializer", "_validator", "_wrapped", "annotation", "traits")

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation
        self.traits: Traits = study(annotation)
        # pydantic gives its options to records only below the top.
        self._wrapped = is_record(get_origin(annotation) or annotation) and not is_model(annotation)
        target = cast(Any, for_pydantic(annotation))
        target = cast(Any, list)[target] if self._wrapped else target
        adapter: TypeAdapter[Any] = TypeAdapter(target, config=None if is_model(annotation) else ARBITRARY)
        schema = core_schemas.adapted(adapter.core_schema)
        # Not those that pydantic made for a class before: they are without what was adapted.
        self._validator = SchemaValidator(schema, cast(Any, core_schemas.CONFIG), False)
        self._serializer = SchemaSerializer(schema, cast(Any, core_schemas.CONFIG), False)

    @property
    def is_wrapped(self) -> bool:
        """Whether pydantic sees the value within a list."""
        return self._wrapped

    def check(self, value: object, where: str) -> object:
        """Return the value as the annotation has it (an int given for a float becomes one); raises WrongType."""
        try:
            return self._check(value)
        except ValidationError as error:
            if (plain := without_numpy_scalars(value)) is value:
                raise wrong_type(error, where, annotation_name(self.annotation), wrapped=self._wrapped) from None
        try:
            return self._check(plain)
        except ValidationError as error:
            raise wrong_type(error, where, annotation_name(self.annotation), wrapped=self._wrapped) from None

    def write(self, value: object, where: str) -> bytes | None:
        """Write a checked value; None if it would not come back as it is. Raises NoCodec, BadValue, WrongType."""
        try:
            data = self._write(value)
        except (ValueError, RecursionError) as error:
            if (plain := without_numpy_scalars(value)) is value:
                raise unwritable(error, value, where) from None
            value, data = plain, self._write_plain(plain, where)
        if REPLACED in data and (place := surrogate_within(value, where)) is not None:
            raise BadValue(place, SURROGATE)
        doubtful = self.traits.inexact or (self.traits.mixed and any(word in data for word in _WORDS))
        return data if not doubtful or self._comes_back(value, data) else None

    def read(self, data: bytes) -> object:
        """Raises pydantic.ValidationError, json.JSONDecodeError, UnicodeDecodeError."""
        if self._wrapped:
            (value,) = self._validator.validate_json(b"[" + data + b"]", strict=True, **BY_NAME)
            return value
        return self._validator.validate_json(data, strict=True, **BY_NAME)

    def read_tree(self, tree: object) -> object:
        """Check a value that was parsed already; raises pydantic.ValidationError."""
        wrapped = [tree] if self._wrapped else tree
        read = self._validator.validate_python(wrapped, **BY_NAME)
        return read[0] if self._wrapped else read

    def _check(self, value: object) -> object:
        if self._wrapped:
            return self._validator.validate_python([value], strict=True, **BY_NAME)[0]
        return self._validator.validate_python(value, strict=True, **BY_NAME)

    def _write(self, value: object) -> bytes:
        data = self._serializer.to_json([value] if self._wrapped else value, **EXACTLY)
        return data[1:-1] if self._wrapped else data

    def _write_plain(self, value: object, where: str) -> bytes:
        try:
            return self._write(value)
        except (ValueError, RecursionError) as error:
            raise unwritable(error, value, where) from None

    def _comes_back(self, value: object, data: bytes) -> bool:
        try:
            read = decode_json(data, self.annotation)
            return are_same(without_numpy_scalars(value), read)
        except Undecodable:
            return False


def json_type(annotation: object) -> JsonType:
    """The annotation made ready, remembered; raises NoCodec if pydantic cannot use it."""
    try:
        return _json_type(annotation)
    except TypeError:  # not hashable
        return _ready(annotation)


def forget() -> None:
    """Make all annotations ready anew: another codec is known now."""
    _json_type.cache_clear()


def decode_json(data: bytes, annotation: object) -> object:
    """Read a value; raises Undecodable. Annotated with Any it consists of plain JSON types."""
    try:
        if (reader := READERS.get(annotation)) is not None:
            return reader(data)
        if annotation in ANYTHING:
            return pydantic_core.from_json(data)
        return json_type(annotation).read(data)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError) as error:
        if "out of range" in str(error):
            return _decode_giant(data, annotation)
        is_wrapped = isinstance(error, ValidationError) and json_type(annotation).is_wrapped
        raise undecodable(error, data, wrapped=is_wrapped) from None


@functools.lru_cache(maxsize=4096)
def _json_type(annotation: object) -> JsonType:
    return _ready(annotation)


def _ready(annotation: object) -> JsonType:
    try:
        return JsonType(annotation)
    except (pydantic.errors.PydanticUserError, NameError) as error:
        raise NoCodec(annotation_name(annotation), "the annotation", first_line(error)) from error
    except TypeError as error:  # pydantic's stand-in for a type that is not complete
        remedy = "it names itself, or what is not defined here; write a dataclass, or pydantic.JsonValue"
        raise NoCodec(annotation_name(annotation), "the annotation", remedy) from error


def _decode_giant(data: bytes, annotation: object) -> object:
    """Read JSON with integers too long for the fast parsers."""
    try:
        tree = json.loads(data, parse_int=lambda text: int(text) if len(text) <= DIGITS_MAX else int(Decimal(text)))
        if annotation in ANYTHING:
            return tree
        if (ready := json_type(annotation)).traits.bytes:
            raise ValueError(f"integers of more than {DIGITS_MAX} digits beside bytes are not supported")
        return ready.read_tree(tree)
    except ValueError as error:
        raise Undecodable("json", first_line(error)) from None

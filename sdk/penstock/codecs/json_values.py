"""JSON by annotation: pydantic checks a value strictly against it, writes it, and reads it back as the same type."""

import functools
import json
from decimal import Decimal
from typing import Any, cast, get_origin

import msgspec
import pydantic
import pydantic_core
from pydantic import ConfigDict, TypeAdapter, ValidationError

from .annotations import (
    ANYTHING,
    Traits,
    is_model,
    is_record,
    study,
    subclasses_exist,
)
from .encoded import annotation_name
from .errors import BadValue, NoCodec, Undecodable
from .json_problems import CLIPPED_MAX, SURROGATE, first_line, surrogate_within, unwritable, wrong_type
from .misfit import find_misfit
from .rewrites import for_pydantic
from .scalars import DIGITS_MAX, READERS
from .walk import same, with_sorted_sets, without_numpy_scalars

BY_NAME: Any = {"by_alias": False, "by_name": True}  # aliases are for the outside
EXACTLY: Any = {"by_alias": False, "round_trip": True, "warnings": "error"}
REPLACED = "\ufffd".encode()  # what pydantic writes for a lone surrogate in a key
CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
)


class JsonType:
    """An annotation made ready to check, write and read values."""

    __slots__ = ("_adapter", "_wrapped", "annotation", "traits")

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation
        self.traits: Traits = study(annotation)
        # pydantic gives its options to records only below the top.
        self._wrapped = is_record(get_origin(annotation) or annotation) and not is_model(annotation)
        target = cast(Any, for_pydantic(annotation))
        if self._wrapped:
            self._adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, list)[target], config=CONFIG)
        else:
            self._adapter = TypeAdapter(target) if is_model(annotation) else TypeAdapter(target, config=CONFIG)

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

    def write(self, value: object, where: str) -> bytes:
        """Write a checked value; raises NoCodec, BadValue, WrongType."""
        try:
            data = self._write(value)
        except (ValueError, RecursionError) as error:
            if (plain := without_numpy_scalars(value)) is value:
                raise unwritable(error, value, where) from None
            value, data = plain, self._write_plain(plain, where)
        if REPLACED in data and (place := surrogate_within(value, where)) is not None:
            raise BadValue(place, SURROGATE)
        if (self.traits.inexact or subclasses_exist(self.traits.records)) and not self._comes_back(value, data):
            raise find_misfit(value, self.annotation, where) or BadValue(
                where,
                f"read back as {annotation_name(self.annotation)}, the value would change; "
                "annotate it with its exact class, or wrap it in a dataclass",
            )
        return data

    def read(self, data: bytes) -> object:
        """Raises pydantic.ValidationError, json.JSONDecodeError, UnicodeDecodeError."""
        if self._wrapped:
            (value,) = self._adapter.validate_json(b"[" + data + b"]", strict=True, **BY_NAME)
            return value
        return self._adapter.validate_json(data, strict=True, **BY_NAME)

    def read_tree(self, tree: object) -> object:
        """Check a value that was parsed already; raises pydantic.ValidationError."""
        wrapped = [tree] if self._wrapped else tree
        read = self._adapter.validate_python(wrapped, **BY_NAME)
        return read[0] if self._wrapped else read

    def _check(self, value: object) -> object:
        if self._wrapped:
            return self._adapter.validate_python([value], strict=True, **BY_NAME)[0]
        return self._adapter.validate_python(value, strict=True, **BY_NAME)

    def _write(self, value: object) -> bytes:
        traits = self.traits
        if traits.payloads and traits.sets:
            value = with_sorted_sets(value)
        wrapped = [value] if self._wrapped else value
        if not traits.models:
            data = self._adapter.dump_json(wrapped, **EXACTLY)
            return data[1:-1] if self._wrapped else data
        # Models write NaN as null whatever their container says, but keep it in a tree.
        tree = self._adapter.dump_python(wrapped, mode="json", **EXACTLY)
        tree = tree[0] if self._wrapped else tree
        try:
            return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            raise
        except ValueError:  # an integer of more than DIGITS_MAX digits
            return pydantic_core.to_json(tree, inf_nan_mode="constants")

    def _write_plain(self, value: object, where: str) -> bytes:
        try:
            return self._write(value)
        except (ValueError, RecursionError) as error:
            raise unwritable(error, value, where) from None

    def _comes_back(self, value: object, data: bytes) -> bool:
        try:
            read = decode_json(data, self.annotation)
            return same(value, read) or same(without_numpy_scalars(value), read)
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
        raise Undecodable("json", f"{first_line(error)} ({data[:CLIPPED_MAX]!r})") from None


@functools.lru_cache(maxsize=4096)
def _json_type(annotation: object) -> JsonType:
    return _ready(annotation)


def _ready(annotation: object) -> JsonType:
    try:
        return JsonType(annotation)
    except (pydantic.errors.PydanticUserError, NameError) as error:
        raise NoCodec(annotation_name(annotation), "the annotation", first_line(error)) from error


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

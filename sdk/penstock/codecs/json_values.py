"""JSON by annotation: pydantic checks a value strictly against it, writes it, and reads it back as the same type."""

import functools
import json
import re
from decimal import Decimal
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
import pydantic
import pydantic_core
import typing_extensions
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from .annotations import (
    ANYTHING,
    MAPPINGS,
    SEQUENCES,
    Traits,
    is_model,
    is_record,
    is_typed_dict,
    members,
    study,
    subclasses_exist,
)
from .encoded import annotation_name, type_name
from .errors import BadValue, CodecError, NoCodec, Undecodable, WrongType
from .scalars import DIGITS_MAX, READERS
from .walk import leaves, same, with_sorted_sets, without_numpy_scalars

CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
)
CLIPPED = 80  # characters of a value shown in an error


class JsonType:
    """An annotation made ready to check, write and read values."""

    __slots__ = ("_adapter", "_wrapped", "annotation", "traits")

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation
        self.traits: Traits = study(annotation)
        # pydantic gives its options to records only below the top.
        self._wrapped = is_record(get_origin(annotation) or annotation) and not is_model(annotation)
        target = cast(Any, _rewritten(annotation))
        if self._wrapped:
            self._adapter: TypeAdapter[Any] = TypeAdapter(list[target], config=CONFIG)
        else:
            self._adapter = TypeAdapter(target) if is_model(annotation) else TypeAdapter(target, config=CONFIG)

    def check(self, value: object, where: str) -> object:
        """Return the value as the annotation has it (an int given for a float becomes one); raises WrongType."""
        try:
            return self._check(value)
        except ValidationError as error:
            if (plain := without_numpy_scalars(value)) is value:
                raise _wrong_type(error, self, where) from None
        try:
            return self._check(plain)
        except ValidationError as error:
            raise _wrong_type(error, self, where) from None

    def write(self, value: object, where: str) -> bytes:
        """Write a checked value; raises NoCodec, BadValue, WrongType."""
        try:
            data = self._write(value)
        except (UnicodeEncodeError, PydanticSerializationError) as error:
            raise _unwritable(error, value, where) from None
        if (self.traits.inexact or subclasses_exist(self.traits.records)) and not self._comes_back(value, data):
            raise BadValue(
                where,
                f"read back as {annotation_name(self.annotation)} it would be another value; "
                "annotate it with the one class that it is, or wrap it in a dataclass",
            )
        return data

    def read(self, data: bytes) -> object:
        """Raises pydantic.ValidationError, json.JSONDecodeError, UnicodeDecodeError."""
        if self._wrapped:
            return self._adapter.validate_json(b"[" + data + b"]", strict=True)[0]
        return self._adapter.validate_json(data, strict=True)

    def read_tree(self, tree: object) -> object:
        """Check a value that was parsed already; raises pydantic.ValidationError."""
        return self._adapter.validate_python([tree])[0] if self._wrapped else self._adapter.validate_python(tree)

    def _check(self, value: object) -> object:
        if self._wrapped:
            return self._adapter.validate_python([value], strict=True)[0]
        return self._adapter.validate_python(value, strict=True)

    def _write(self, value: object) -> bytes:
        traits = self.traits
        if traits.payloads and traits.sets:
            value = with_sorted_sets(value)
        wrapped = [value] if self._wrapped else value
        if not traits.models:
            data = self._adapter.dump_json(wrapped, warnings="error")
            return data[1:-1] if self._wrapped else data
        # Models write NaN as null whatever their container says, but keep it in a tree.
        tree = self._adapter.dump_python(wrapped, mode="json", warnings="error")
        tree = tree[0] if self._wrapped else tree
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()

    def _comes_back(self, value: object, data: bytes) -> bool:
        try:
            return same(value, self.read(data))
        except ValidationError:
            return False


def json_type(annotation: object) -> JsonType:
    """The annotation made ready, remembered; raises NoCodec if pydantic cannot use it."""
    try:
        return _json_type(annotation)
    except TypeError:  # not hashable
        return _ready(annotation)


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
        raise Undecodable("json", f"{_first_line(error)} ({data[:CLIPPED]!r})") from None


@functools.lru_cache(maxsize=4096)
def _json_type(annotation: object) -> JsonType:
    return _ready(annotation)


def _ready(annotation: object) -> JsonType:
    try:
        return JsonType(annotation)
    except (pydantic.errors.PydanticUserError, NameError) as error:
        raise NoCodec(annotation_name(annotation), "the annotation", _first_line(error)) from error


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
        raise Undecodable("json", _first_line(error)) from None


def _rewritten(annotation: object) -> object:
    """Sets are written in order, and TypedDicts are given to pydantic in the form that it takes on Python 3.11."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in (set, frozenset) or origin in (set, frozenset):
        return Annotated[cast(Any, annotation), pydantic.WrapSerializer(_in_order)]
    if is_typed_dict(annotation):
        return _typed_dict(cast(type, annotation))
    if origin is Annotated:
        return Annotated[(cast(Any, _rewritten(args[0])), *args[1:])]  # pyright: ignore[reportInvalidTypeArguments]
    if len(members(annotation)) > 1:
        return Union[tuple(_rewritten(each) for each in members(annotation))]  # pyright: ignore[reportInvalidTypeArguments] # noqa: UP007
    if args and (origin in SEQUENCES or origin in MAPPINGS):
        return cast(Any, origin)[tuple(each if each is Ellipsis else _rewritten(each) for each in args)]
    return annotation


def _typed_dict(kind: type) -> object:
    if kind.__class__.__module__ == "typing_extensions":
        return kind
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    required = cast(Any, kind).__required_keys__
    made = {
        name: cast(Any, typing_extensions.Required if name in required else typing_extensions.NotRequired)[
            _rewritten(_bare(hint))
        ]
        for name, hint in hints.items()
    }
    return typing_extensions.TypedDict(kind.__name__, made)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


def _bare(hint: object) -> object:
    return (
        get_args(hint)[0] if get_origin(hint) in (typing_extensions.Required, typing_extensions.NotRequired) else hint
    )


def _in_order(value: Any, write: pydantic.SerializerFunctionWrapHandler) -> list[Any]:
    written = cast(list[Any], list(write(value)))
    try:
        return sorted(written)
    except TypeError:
        return sorted(written, key=lambda each: pydantic_core.to_json(each, inf_nan_mode="constants"))


def _wrong_type(error: ValidationError, ready: JsonType, where: str) -> WrongType:
    problems = error.errors(include_url=False, include_context=False)
    given, expected = problems[0]["input"], annotation_name(ready.annotation)
    loc = problems[0]["loc"][1:] if ready._wrapped else problems[0]["loc"]  # pyright: ignore[reportPrivateUsage]
    if loc and len(problems) == 1:
        where += "".join(f"[{each!r}]" for each in loc)
        expected = f"{problems[0]['msg'].removeprefix('Input should be ')} (in {expected})"
    elif len(problems) == 1 and not problems[0]["type"].endswith(("_type", "_of")):
        expected += f": {problems[0]['msg']}"
    return WrongType(where, expected, f"{type_name(type(given))} {_clipped(given)}")


def _unwritable(error: Exception, value: object, where: str) -> CodecError:
    """Say where in the value it is that cannot be written."""
    text = str(error)
    if isinstance(error, UnicodeEncodeError) or "UnicodeEncodeError" in text:
        place = next((place for place, leaf in leaves(value, where) if _has_surrogates(leaf)), where)
        return BadValue(place, "it has a lone surrogate, which is no character; clean the text or return bytes")
    if found := re.search(r"Unable to serialize unknown type: <(?:class|enum) '(.*)'>", text):
        place = next((place for place, leaf in leaves(value, where) if str(type(leaf))[8:-2] == found[1]), where)
        return NoCodec(found[1], place, "return data of known types, or register a codec for it")
    if found := re.search(r"Expected `(.*?)` .*?\[(?:field_name='(.*?)', )?input_value=(.*), input_type=(.*)\]", text):
        return WrongType(f"{where}.{found[2]}" if found[2] else where, found[1], f"{found[4]} {found[3]}")
    return BadValue(where, _first_line(error))


def _has_surrogates(leaf: object) -> bool:
    return isinstance(leaf, str) and any("\ud800" <= character <= "\udfff" for character in leaf)


def _clipped(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # whatever a foreign class raises here must not hide the real problem
        text = f"<no repr: {type_name(type(error))}>"
    return text if len(text) <= CLIPPED else text[:CLIPPED] + "..."


def _first_line(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:3])

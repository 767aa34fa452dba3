"""From a value to bytes and back: chooses the codec by the value's type, checks it against the annotation."""

import types
from pathlib import Path
from typing import Any, cast

from . import compound, compound_format, json_values, registry, scratch
from .annotations import forget, study
from .encoded import RESULT_BYTES_MAX, Buffer, Encoded, type_name
from .errors import CodecError, NoCodec, ResultTooLarge, Undecodable
from .mapping import mapped
from .misfit import check_class
from .registry import Codec, Refusal, find, named
from .scalars import WRITERS
from .walk import any_within

JSON = "json"
MIGHT_NOT_END = (types.GeneratorType, types.AsyncGeneratorType, types.CoroutineType)


def register(codec: Codec) -> None:
    """Use a codec in this process; the newest wins. Workers need it too: register it where the operator is defined."""
    registry.register(codec)
    forget()
    json_values.forget()


def encode(
    value: object, annotation: object = Any, *, where: str = "value", bytes_max: int = RESULT_BYTES_MAX
) -> Encoded:
    """Encode a value that is annotated so; raises NoCodec, BadValue, WrongType, ResultTooLarge.

    Args:
        where: what errors call the value, such as "output 'model' of train".
    """
    kind = type(value)
    if (write := WRITERS.get(kind)) is not None and (
        annotation is kind
        or annotation is Any
        or (annotation is None and value is None)
        or kind in study(annotation).scalars
    ):
        try:
            encoded = Encoded(JSON, (write(value),), kind.__name__)
        except UnicodeEncodeError:
            encoded = _encode(value, annotation, where)  # says what is wrong
    else:
        encoded = _encode(value, annotation, where)
    if (size := encoded.size_bytes) > bytes_max:
        raise ResultTooLarge(size, bytes_max)
    return encoded


def decode(codec: str, data: Buffer | Path, annotation: object = Any, *, scratch_folder: Path | None = None) -> object:
    """Decode a value to what the annotation asks for; raises Undecodable, WrongType.

    Args:
        data: the bytes, or a file that holds them and does not change while the value is in use.
        scratch_folder: where decoded files are put; without it they live as long as the process.
    """
    if codec == JSON:
        return json_values.decode_json(data.read_bytes() if isinstance(data, Path) else bytes(data), annotation)
    view = mapped(data) if isinstance(data, Path) else memoryview(data)
    with scratch.use(scratch_folder):
        return _decode(codec, view, annotation)


def _encode(value: object, annotation: object, where: str) -> Encoded:
    kind = type(value)
    codec = _codec_of(value)
    if isinstance(codec, Refusal):
        raise NoCodec(type_name(kind), where, codec.remedy)
    if codec is not None:
        check_class(value, annotation, where)
        return Encoded(codec.name, codec.encode(value, where), type_name(kind))
    if _fits_json(value, annotation):
        ready = json_values.json_type(annotation)
        return Encoded(JSON, (ready.write(ready.check(value, where), where),), type_name(kind))
    check_class(value, annotation, where)
    parts = compound.Writer(_encode, _is_leaf).write(value, annotation, where)
    return Encoded(compound_format.NAME, parts, type_name(kind))


def _decode(codec: str, data: memoryview, annotation: object) -> object:
    if codec == JSON:
        return json_values.decode_json(bytes(data), annotation)
    if codec == compound_format.NAME:
        value = compound.Reader(data, _decode).read(annotation)
        check_class(value, annotation, "the decoded value")
        return value
    try:
        value = named(codec).decode(data, annotation)
    except CodecError:
        raise
    except Exception as error:  # a library's own errors about damaged bytes have no common base
        raise Undecodable(codec, f"{type_name(type(error))}: {error}") from error
    check_class(value, annotation, "the decoded value")
    return value


def _codec_of(value: object) -> Codec | Refusal | None:
    kind = type(value)
    if isinstance(value, dict) and value:
        entries = cast(dict[object, object], value)
        codec = find(type(next(iter(entries.values()))))
        if getattr(codec, "takes_dicts", False) and _uniform(entries, codec):
            return codec
    if isinstance(value, MIGHT_NOT_END):
        return Refusal("a generator cannot be stored; return a list")
    return find(kind)


def _uniform(entries: dict[object, object], codec: object) -> bool:
    return all(type(key) is str and find(type(each)) is codec for key, each in entries.items())


def _is_leaf(value: object, annotation: object) -> bool:
    return _codec_of(value) is not None or _fits_json(value, annotation)


def _fits_json(value: object, annotation: object) -> bool:
    """Whether nothing within needs a codec of its own, and all keys of dicts survive as JSON keys."""
    traits = study(annotation)
    return not (traits.payloads or traits.bad_key is not None) or not any_within(value, _needs_part)


def _needs_part(value: object) -> bool:
    if isinstance(value, dict):
        return any(type(key) is not str for key in cast(dict[object, object], value))
    return _codec_of(value) is not None

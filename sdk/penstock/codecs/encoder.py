"""From a value to bytes and back: chooses the codec by the value's type, checks it against the annotation."""

from pathlib import Path
from typing import Any, cast

from . import compound, compound_format, exactness, json_values, misfit, registry, scratch
from .annotations import forget, members, study, unwrapped
from .encoded import RESULT_BYTES_MAX, Buffer, Encoded, annotation_name, type_name
from .errors import CodecError, NoCodec, ResultTooLarge, Undecodable
from .mapping import mapped
from .misfit import check_class
from .registry import Codec, Refusal, named
from .scalars import WRITERS, is_finite

JSON = "json"


def register(codec: Codec) -> None:
    """Use a codec in this process; the newest wins. Workers need it too: register it where the operator is defined."""
    registry.register(codec)
    forget()
    exactness.forget()
    json_values.forget()


def encode(
    value: object, annotation: object = Any, *, where: str = "value", bytes_max: int = RESULT_BYTES_MAX
) -> Encoded:
    """Encode a value that is annotated so; raises NoCodec, BadValue, WrongType, ResultTooLarge.

    Args:
        where: what errors call the value, such as "output 'model' of train".
    """
    kind = type(value)
    if (
        (write := WRITERS.get(kind)) is not None
        and (
            annotation is kind
            or annotation is Any
            or (annotation is None and value is None)
            or kind in study(annotation).scalars
        )
        and not (kind is float and annotation is not kind and not is_finite(cast(float, value)))
    ):
        try:
            encoded = Encoded(JSON, (write(value),), kind.__name__)
        except UnicodeEncodeError:
            encoded = encode_part(value, annotation, where)  # says what is wrong
    else:
        encoded = encode_part(value, annotation, where)
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
        return decode_part(codec, view, annotation)


def encode_part(value: object, annotation: object, where: str) -> Encoded:
    """Encode a value, or a part of one, of whatever size."""
    kind = type(value)
    codec = registry.of_value(value)
    if isinstance(codec, Refusal):
        raise NoCodec(type_name(kind), where, codec.remedy)
    try:
        carried = exactness.fit(value, annotation, where)
    except NameError as error:
        raise NoCodec(annotation_name(annotation), "the annotation", f"{error}; import it where it is used") from error
    if carried == exactness.NOT:
        raise misfit.found(value, annotation, where)
    if (codec is not None and carried != exactness.JSON) or kind is bytes:
        return Encoded(cast(Codec, codec).name, cast(Codec, codec).encode(value, where), type_name(kind))
    if carried == exactness.JSON:
        ready = json_values.json_type(annotation)
        data = ready.write(ready.check(value, where), where)
        if data is not None:
            return Encoded(JSON, (data,), type_name(kind))
        if not misfit.can_be_split(value) and len(members(annotation)) == 1:
            raise misfit.changed(value, annotation, where)
    parts = compound.Writer(encode_part, _is_leaf).write(value, annotation, where)
    return Encoded(compound_format.NAME, parts, type_name(kind))


def decode_part(codec: str, data: memoryview, annotation: object) -> object:
    """Decode a value, or a part of one."""
    if codec == JSON:
        return json_values.decode_json(bytes(data), annotation)
    if codec == compound_format.NAME:
        value = compound.Reader(data, decode_part).read(annotation)
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


def _is_leaf(value: object, annotation: object) -> bool:
    if exactness.fit(value, annotation) == exactness.JSON:
        return True
    is_number = exactness.stands_for(type(value), float) and float in map(unwrapped, members(annotation))
    return registry.of_value(value) is not None and not is_number  # NaN of numpy, as a float beside texts

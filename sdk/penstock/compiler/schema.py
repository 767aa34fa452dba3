"""JSON Schema of a workflow's inputs, from which forms, flags and REST schemas are made.

Beside the words of JSON Schema 2020-12 there are some of our own, wherever a type may stand, also in lists,
optionals and fields:

* `x-kind`: what JSON cannot show: an ML type ("Dataset"), or the qualified name of a class ("numpy.ndarray").
* `x-type`: an ML type as it was written ("Dataset[Row]"), so that a form can offer what fits.
* `x-names`: the names of an enum's members; a member may also be given by its value.
* `x-row`: the schema of one row of a Dataset or FeatureSet, where the annotation names it; a document of its own.
"""

from __future__ import annotations

import enum
import json
import math
import re
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import NOT_FINITE, in_words

from ..declare import modules
from ..declare.annotations import ML_TYPES, is_record, unwrap
from .literals import adapter
from .shown_types import shown
from .type_table import TypeTable, UnsupportedAnnotation, as_base

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]
_SCALARS: dict[Any, Schema] = {
    int: {"type": "integer"},
    float: {"anyOf": [{"type": "number"}, {"enum": list(NOT_FINITE)}]},
    str: {"type": "string"},
    bool: {"type": "boolean"},
}
_PLAIN_MODULES = frozenset({"builtins", "types", "typing", "collections", "collections.abc", "typing_extensions"})
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_DECIMAL = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"


def of(annotation: Any) -> str:
    """Return the schema as JSON, fields in the order of their declaration."""
    return json.dumps(_schema(annotation), ensure_ascii=False)


def _schema(annotation: Any) -> Schema:
    plain, metadata = unwrap(annotation)
    if not metadata and plain in _SCALARS:
        return _SCALARS[plain]
    if (kind := kind_of(plain)) is not None:
        return kind
    from pydantic import PydanticUserError

    try:
        return adapter(shown(annotation, kind_of)).json_schema(schema_generator=_generator())
    except PydanticUserError:
        return {}


def kind_of(annotation: Any) -> Schema | None:
    """Return the schema of a type that JSON cannot show, such as an ML type or an array; None for any other."""
    cls = get_origin(annotation) or annotation
    if not isinstance(cls, type) or cls.__module__ in _PLAIN_MODULES:
        return None
    if issubclass(cls, ML_TYPES):
        return _ml_type(annotation, cls)
    if is_record(cls) or _is_known_to_pydantic(cls):
        return None
    return {"x-kind": modules.qualified_name(cls)}


def _is_known_to_pydantic(cls: type) -> bool:
    from pydantic import PydanticUserError

    try:
        return adapter(cls).core_schema["type"] != "is-instance"
    except PydanticUserError:
        return False


def _ml_type(annotation: Any, cls: type) -> Schema:
    root = next(each for each in ML_TYPES if issubclass(cls, each))
    found: Schema = {"x-kind": root.__name__}
    args = get_args(as_base(annotation, root))
    if not args and cls is root:
        return found
    table = TypeTable(plan_pb2.Plan().types)
    try:
        found["x-type"] = table.spell(table.index(annotation))
    except UnsupportedAnnotation:
        return found  # said with the type of the input
    if root.__name__ in ("Dataset", "FeatureSet") and args and is_record(get_origin(args[0]) or args[0]):
        found["x-row"] = _schema(args[0])
    return found


def _enum(cls: type[enum.Enum]) -> Schema:
    """The names of its members, and the values by which they may be given too; flags are joined by |."""
    names = list(cls.__members__)
    values = [each.value for each in cls if type(each.value) in (str, int) and each.value not in names]
    found: Schema = {"title": cls.__name__, "x-names": names}
    if issubclass(cls, enum.Flag):
        one = "|".join(map(re.escape, names)) + r"|\d+"
        return found | {"anyOf": [{"type": "string", "pattern": rf"^({one})( *\| *({one}))*$"}, {"type": "integer"}]}
    return found | {"enum": names + values}


def _float(found: Schema, schema: Any) -> Schema:
    """Numbers, and those of the words for NaN and the infinities that its bounds admit."""
    bounds = {key for key in _BOUNDS if schema.get(key) is not None}
    words = [
        word
        for word, limits in zip(NOT_FINITE, ({*_BOUNDS}, {"le", "lt"}, {"ge", "gt"}), strict=True)
        if not bounds & limits and schema.get("allow_inf_nan") is not False
    ]
    numbers = {word: each for word, each in found.items() if not isinstance(each, float) or math.isfinite(each)}
    return {"anyOf": [numbers, {"enum": words}]} if words else numbers


def _closed(found: Schema, schema: Any) -> Schema:
    """A record refuses keys that it does not have, unless its class says otherwise."""
    own = schema.get("config", {}).get("extra_fields_behavior")
    is_open = own in ("allow", "ignore") or schema.get("root_model") or "properties" not in found
    return found if is_open else {**found, "additionalProperties": False}


def _generator() -> type[GenerateJsonSchema]:
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        """Pydantic's, except for what is written in another way: decimals as text, enums by name."""

        def decimal_schema(self, schema: Any) -> Schema:
            found: Schema = {"type": "string", "format": "decimal", "pattern": _DECIMAL}
            bounds = ((word, schema.get(key)) for key, word in _BOUNDS.items())
            return found | {word: float(bound) for word, bound in bounds if bound is not None}

        def float_schema(self, schema: Any) -> Schema:
            return _float(super().float_schema(schema), schema)

        def encode_default(self, dft: Any) -> Any:
            return in_words(super().encode_default(dft))

        def enum_schema(self, schema: Any) -> Schema:
            return _enum(schema["cls"])

        def dataclass_schema(self, schema: Any) -> Schema:
            return _closed(super().dataclass_schema(schema), schema)

        def model_schema(self, schema: Any) -> Schema:
            return _closed(super().model_schema(schema), schema)

        def typed_dict_schema(self, schema: Any) -> Schema:
            return _closed(super().typed_dict_schema(schema), schema)

    return cast("type[GenerateJsonSchema]", Generator)

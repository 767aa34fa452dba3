"""The form of a workflow: one JSON Schema object of all its inputs, from which flags, REST schemas and forms are made.

Properties are in the order of the inputs. Each has the input's own schema with, beside its words, the input's
documentation (`description`) and default. A default that is not short JSON is described instead, as `x-default`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any, Final, cast

from penstock_proto.plan.v1.plan_pb2 import PlanInput
from penstock_proto.value.v1.value_pb2 import Value

Schema = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
DEFINITIONS: Final = "#/$defs/"
JSON_CODEC: Final = "json"
# Words whose values are data or documents of their own: a "$ref" in them is not a reference of this document.
OPAQUE: Final = frozenset({"default", "const", "enum", "examples", "x-row", "x-default"})


def of(title: str, doc: str, inputs: Iterable[PlanInput]) -> Schema:
    """Return the form of a plan's inputs; an input whose schema cannot be read takes any value."""
    definitions: Schema = {}
    properties: Schema = {}
    required: list[str] = []
    for each in inputs:
        own = _lifted(_read(each.schema_json), definitions)
        if each.doc:
            own["description"] = each.doc
        if each.required:
            required.append(each.name)
        else:
            own |= _default(each.default)
        if each.HasField("static"):
            own |= {"x-static": True} | ({"const": own["default"]} if "default" in own else {})
        properties[each.name] = own
    form: Schema = {"$schema": DRAFT, "title": title, "type": "object"}
    if doc:
        form["description"] = doc
    form |= {"properties": properties, "required": required, "additionalProperties": False}
    return form | ({"$defs": definitions} if definitions else {})


def as_json(form: Mapping[str, Any]) -> str:
    """Return a form as text, the same for the same form."""
    return json.dumps(form, separators=(",", ":"))


def _read(schema_json: str) -> Schema:
    try:
        found = json.loads(schema_json or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return cast(Schema, found) if isinstance(found, dict) else {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _default(value: Value) -> Schema:
    if value.codec == JSON_CODEC and value.WhichOneof("body") == "inline":
        try:
            return {"default": json.loads(value.inline, parse_constant=_refuse)}
        except (ValueError, RecursionError):
            pass
    return {"x-default": {"codec": value.codec, "type": value.type_name, "size_bytes": value.size_bytes}}


def _lifted(schema: Schema, definitions: Schema) -> Schema:
    """Move a schema's own definitions to those of the form; one that differs from its namesake gets another name."""
    own = cast(Schema, schema.pop("$defs", None) or {})
    try:
        names = _names(own, definitions)
        moved = {names[name]: _renamed(body, names) for name, body in own.items()}
        lifted = cast(Schema, _renamed(schema, names))
    except RecursionError:
        return {}
    definitions |= moved
    return lifted


def _names(own: Schema, definitions: Schema) -> dict[str, str]:
    """Return the name in the form of each definition. What refers to a renamed one differs by that, and is renamed."""
    names = {name: name for name in own}
    renamed = True
    while renamed:
        renamed = False
        for name, body in own.items():
            there = definitions.get(names[name])
            if there is not None and there != _renamed(body, names):
                names[name] = _fresh(name, {*own, *definitions, *names.values()})
                renamed = True
    return names


def _fresh(name: str, taken: Collection[str]) -> str:
    return next(candidate for number in count(2) if (candidate := f"{name}_{number}") not in taken)


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(each, names) for each in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    renamed: Schema = {}
    for word, value in cast(Schema, schema).items():
        if word == "$ref" and isinstance(value, str):
            renamed[word] = _reference(value, names)
        elif word in OPAQUE:
            renamed[word] = value
        elif word == "properties" and isinstance(value, dict):  # names of fields are not words
            renamed[word] = {name: _renamed(each, names) for name, each in cast(Schema, value).items()}
        else:
            renamed[word] = _renamed(value, names)
    return renamed


def _reference(text: str, names: Mapping[str, str]) -> str:
    if not text.startswith(DEFINITIONS):
        return text
    head, slash, rest = text.removeprefix(DEFINITIONS).partition("/")
    return f"{DEFINITIONS}{names.get(head, head)}{slash}{rest}"

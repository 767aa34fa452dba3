"""The bodies of the API as TypeScript, made from the OpenAPI document: what the console is compiled against.

python -m penstock_gateway.typescript > console/web/src/api/types.ts
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, cast

from .app import make_app

HEAD: Final = "// Made from the OpenAPI document by `make docs`; a test checks that it is current. Do not edit.\n"
PLAIN: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")

Schema = Mapping[str, Any]


def typescript(document: Schema) -> str:
    """Return one exported type for each schema of a document."""
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    return HEAD + "".join(f"\n{_declared(name, schemas[name])}" for name in sorted(schemas))


def _declared(name: str, schema: Schema) -> str:
    doc = f"/** {_one_line(schema['description'])} */\n" if "description" in schema else ""
    return f"{doc}export type {name} = {_type(schema, '')};\n"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        return " | ".join(map(json.dumps, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one, indent) for one in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        return f"({_type(schema.get('items', {}), indent)})[]"
    if kind == "object":
        return _object(schema, indent)
    return PLAIN.get(str(kind), "unknown")


def _object(schema: Schema, indent: str) -> str:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not properties:
        values = schema.get("additionalProperties", True)
        inside = _type(cast(Schema, values), indent) if isinstance(values, Mapping) else "unknown"
        return f"Record<string, {inside}>"
    required = set(schema.get("required", ()))
    inner = indent + "  "
    lines = ["{"]
    for name, each in properties.items():
        if "description" in each:
            lines.append(f"{inner}/** {_one_line(each['description'])} */")
        shown = name if IDENTIFIER.fullmatch(name) else json.dumps(name)
        lines.append(f"{inner}{shown}{'' if name in required else '?'}: {_type(each, inner)};")
    return "\n".join([*lines, f"{indent}}}"])


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("*/", "* /")


if __name__ == "__main__":
    sys.stdout.write(typescript(make_app().openapi()))

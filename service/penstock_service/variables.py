"""The variables that a service's settings are read from, in words: for `--help` and for the documentation."""

from dataclasses import dataclass
from typing import Any, Final, cast

from .settings import ServiceSettings

# What the kind of a variable that takes a list ends with.
SEVERAL: Final = ", comma-separated"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment.

    Attributes:
        kind: What its value is, such as `HOST:PORT` or `true or false`.
        default: What holds if it is not set; None if it has to be.
    """

    name: str
    kind: str
    default: str | None
    meaning: str


def variables(settings: type[ServiceSettings]) -> list[Variable]:
    """Return what a service reads, in the order of its class and those above it."""
    schema = settings.model_json_schema()
    required: list[str] = schema.get("required", [])
    return [
        Variable(
            f"PENSTOCK_{name.upper()}",
            _kind(entry),
            None if name in required else _text(entry.get("default")),
            entry.get("description", ""),
        )
        for name, entry in schema["properties"].items()
    ]


def _kind(entry: dict[str, Any]) -> str:
    match entry:
        case {"anyOf": [one, {"type": "null"}]}:
            return _kind(one)
        case {"enum": words}:
            return " or ".join(words)
        case {"format": kind}:
            return kind
        case {"type": "array", "items": one}:
            return f"{_kind(one)}{SEVERAL}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"whole number, {least} to {most}"
        case {"type": "integer"}:
            return "whole number"
        case {"type": "string"}:
            return "text"
        case _:
            return str(entry["type"])


def _text(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list | tuple):
        return ",".join(str(one) for one in cast("list[object]", default))
    return str(default) if default or default == 0 else ""

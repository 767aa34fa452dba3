"""The inputs of a workflow on the command line: its form gives the options, their help, and how values are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from . import terminal
from .flags import Flag, parse, type_text

HELP_WORDS = ("--help", "-h")


def flags_of(form: Mapping[str, Any]) -> list[Flag]:
    """Return the options that the inputs of a form are given by."""
    shared = {"$defs": form["$defs"]} if "$defs" in form else {}
    required = set(form["required"])
    return [
        Flag(name, {**schema, **shared}, name in required, _default(schema), str(schema.get("description", "")))
        for name, schema in form["properties"].items()
    ]


def _default(schema: Mapping[str, Any]) -> str | None:
    return json.dumps(schema["default"], ensure_ascii=False, separators=(",", ":")) if "default" in schema else None


def read(target: str, form: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Return the JSON values of the inputs; raise with everything that is wrong at once."""
    values, problems = parse(flags_of(form), words)
    refuse(target, problems)
    return values


def refuse(target: str, problems: Sequence[str]) -> None:
    """Raise if there are problems."""
    if found := [problem for problem in problems if problem]:
        raise typer.BadParameter("\n".join([*found, f"`penstock run {target} --help` lists the inputs"]))


def print_help(target: str, form: Mapping[str, Any], what: str = "") -> None:
    """Print the options of a workflow; `what` says which version it is."""
    flags = flags_of(form)
    terminal.line(f"Usage: penstock run {target} [--INPUT VALUE]...")
    for text in (what, " ".join(str(form.get("description", "")).split())):
        if text:
            terminal.line("")
            terminal.line(f"  {text}")
    terminal.line("")
    terminal.line("Inputs:" if flags else "This workflow has no inputs.")
    rows = [(f"  {flag.option}", type_text(flag.schema), flag) for flag in flags]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, kind, flag in rows:
        default = "required" if flag.required else f"default {flag.default}" if flag.default is not None else "optional"
        terminal.line(f"{name:{width}}  {kind} [{default}]" + (f"  {' '.join(flag.doc.split())}" if flag.doc else ""))
    terminal.line("")
    terminal.line("`penstock run --help` lists the options of `penstock run` itself.")

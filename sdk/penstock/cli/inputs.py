"""The inputs of a workflow on the command line: its form gives the options, their help, and how values are read."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import typer
from typer.core import TyperCommand

from . import terminal
from .flags import Flag, parse, type_text

HELP_WORDS = ("--help", "-h")
END_OF_OPTIONS = "--"
_UNKNOWN = re.compile(r"has no field '([^']+)'")


@dataclass(frozen=True, slots=True)
class Words:
    """What was typed for inputs.

    Attributes:
        given: The words of inputs, options and values.
        after_target: The options after the workflow and before `--`, as they were typed: each an option of the command,
            an input, or both.
    """

    given: Sequence[str]
    after_target: Sequence[str]
    own: Collection[str]

    @property
    def asks_for_help(self) -> bool:
        return any(word in HELP_WORDS for word in self.after_target)

    def clashes(self, known: Collection[str]) -> list[str]:
        """The options after the workflow that may be an input's or the command's."""
        typed = {word.partition("=")[0] for word in self.after_target}
        return [
            f"{option} is an input of the workflow and an option of penstock run: write --input "
            f"{option.removeprefix('--')}=VALUE for the input, or the option before the workflow"
            for option in sorted(typed & set(self.own) & set(known))
        ]


class RunCommand(TyperCommand):
    """Keeps the words as they were typed: the parser does not say which stood after the workflow."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[__name__] = list(args)
        return super().parse_args(ctx, args)


def words_of(ctx: typer.Context, target: str | None, given: Sequence[str]) -> Words:
    """Return the words of the inputs; `given` has those of `--input`."""
    typed: list[str] = ctx.meta[__name__]
    after = typed[typed.index(target) + 1 :] if target in typed else []
    before_end = after[: after.index(END_OF_OPTIONS)] if END_OF_OPTIONS in after else after
    words = list(ctx.args)
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"invalid --input {each!r}: expected NAME=VALUE")
        words.append(f"--{name}={value}")
    own = {option for parameter in ctx.command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return Words(words, [word for word in before_end if word.startswith("-")], own)


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


def read(target: str, form: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Return the JSON values of the inputs; raise with everything that is wrong at once."""
    from penstock_plan.json_schema import Schema

    flags = flags_of(form)
    clashes = words.clashes([option for flag in flags for option in (flag.option, f"--{flag.name}")])
    refuse(target, clashes)
    values, problems = parse(flags, words.given)
    for flag in flags:
        if flag.name in values and (problem := Schema(flag.schema).problem(values[flag.name])):
            problems.append(f"{flag.option}: {problem}{_meant(problem, flag.schema)}")
    problems += [problem for flag in flags for problem in _relative_files(flag, values.get(flag.name))]
    refuse(target, problems)
    return values


def _meant(problem: str, schema: Any) -> str:
    """Name the field that was meant by one that does not exist."""
    found = _UNKNOWN.search(problem)
    near = difflib.get_close_matches(found[1], list(_fields(schema)), 1) if found else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _fields(schema: Any) -> Iterator[str]:
    """The names of all fields within a schema."""
    if isinstance(schema, dict):
        for key, each in cast("dict[str, Any]", schema).items():
            if key == "properties" and isinstance(each, dict):
                yield from cast("dict[str, Any]", each)
            yield from _fields(each)
    elif isinstance(schema, list):
        for each in cast("list[Any]", schema):
            yield from _fields(each)


def _relative_files(flag: Flag, value: Any) -> list[str]:
    """What is wrong with texts that name the caller's files: no operator would find these by them."""
    declared = json.dumps({name: part for name, part in flag.schema.items() if name not in ("$defs", "default")})
    if '"string"' not in declared or any(f'"{word}"' in declared for word in ("format", "enum", "const")):
        return []
    texts = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [
        f"{flag.option}: {text!r} is a file here, but operators run in folders of their own; annotate the input as "
        f"pathlib.Path, and the file goes with the run, or give a path that workers see: {os.path.abspath(text)}"
        for text in texts
        if isinstance(text, str) and _names_file(text)
    ]


def _names_file(text: str) -> bool:
    looks_like_a_path = os.sep in text or bool(os.path.splitext(text)[1])
    return looks_like_a_path and not os.path.isabs(text) and "\0" not in text and os.path.isfile(text)


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

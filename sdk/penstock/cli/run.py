"""`run`: compile a workflow, submit it, accompany it to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data
from .show import json_bytes_max, program

if TYPE_CHECKING:
    import uuid

    from ..client import AsyncClient, RunView
    from ..client.submission import Prepared
    from .flags import Flag

HELP_WORDS = ("--help", "-h")


def run(
    ctx: typer.Context,
    target: Annotated[str | None, typer.Argument(metavar="FILE.py:WORKFLOW [--INPUT VALUE]...")] = None,
    team: Annotated[str, typer.Option("--team", help="Count the run towards this team.")] = "",
    pool: Annotated[str, typer.Option("--pool", help="Run the operators in this pool.")] = "",
    priority: Annotated[
        int, typer.Option("--priority", help="Start runs of a higher priority first within a team.")
    ] = 0,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Cancel the rest of the run at the first failure.")
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Attach this label to the run; repeatable."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit the run, print its id and exit.")] = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Run a workflow, show its progress and print its outputs.

    The workflow's inputs are options of this command; `penstock run FILE.py:WORKFLOW --help` lists them. Everything
    after `--` is an input, even if this command has an option of that name.

    Ctrl-C does not cancel the run. If the services run elsewhere, the run continues; otherwise `penstock watch RUN`
    resumes it.
    """
    words = list(ctx.args)
    if target in HELP_WORDS or target is None:
        print(ctx.get_help())
        return exits.SUCCEEDED if target else exits.USAGE
    _refuse_undecodable([*words, *(label or []), team, pool])
    prepared = prepare(ctx, target, words)
    if prepared is None:
        return exits.SUCCEEDED
    from penstock_proto.state_tracker.v1 import events_pb2

    options = events_pb2.RunOptions(
        team=team, pool=pool, priority=priority, fail_fast=fail_fast, labels=_labels(label or [])
    )
    job = Job(as_json=as_json, detach=detach)
    return job.accompany(address, data, submit=(prepared, options))


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Python keeps bytes of the command line that are not text as surrogates, which no message can carry."""
    for word in words:
        if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
            raise typer.BadParameter(f"invalid argument {word!r}: it is not UTF-8")


def follow_existing(part: str, as_json: bool, address: str | None, data: Path | None) -> int:
    """Accompany a run that was submitted before."""
    return Job(as_json=as_json).accompany(address, data, part=part)


def prepare(ctx: typer.Context, target: str, words: Sequence[str]) -> Prepared | None:
    """Compile and read the inputs; None if only help was asked for. Raise what is wrong, all of it at once."""
    from ..client import submission
    from ..compiler.loader import load_workflow
    from .flags import parse

    workflow = load_workflow(target)
    compiled = submission.compiled_once(workflow)
    flags = flags_of(compiled.plan)
    if any(word in HELP_WORDS for word in words):
        _print_help(ctx, target, compiled.plan.doc, flags)
        return None
    values, problems = parse(flags, words)
    problems = [problem for problem in problems if problem]
    if problems:
        raise typer.BadParameter("\n".join([*problems, f"`penstock run {target} --help` lists the inputs"]))
    return submission.prepare(workflow, _typed(workflow, values))


def _typed(workflow: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values as what the workflow's annotations ask for: enums, dataclasses, pydantic models."""
    from ..client.errors import BadInputs
    from ..codecs import CodecError, decode

    typed: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in values.items():
        parameter = workflow.signature.parameters[name]
        try:
            typed[name] = decode("json", terminal.json_bytes(value), parameter.annotation)
        except CodecError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise BadInputs(workflow.name, problems)
    return typed


def flags_of(plan: Any) -> list[Flag]:
    """The options that a workflow's inputs are given by."""
    import json

    from .flags import Flag

    flags: list[Flag] = []
    for each in plan.inputs:
        short = not each.required and each.default.codec == "json" and each.default.WhichOneof("body") == "inline"
        default = each.default.inline.decode() if short else None
        flags.append(Flag(each.name, json.loads(each.schema_json or "{}"), each.required, default, each.doc))
    return flags


def _print_help(ctx: typer.Context, target: str, doc: str, flags: Sequence[Flag]) -> None:
    from .flags import type_text

    terminal.line(f"Usage: penstock run {target} [--INPUT VALUE]...")
    if doc:
        terminal.line("")
        terminal.line(f"  {' '.join(doc.split())}")
    terminal.line("")
    terminal.line("Inputs:" if flags else "This workflow has no inputs.")
    rows = [(f"  {flag.option}", type_text(flag.schema), flag) for flag in flags]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, kind, flag in rows:
        default = "required" if flag.required else f"default {flag.default}" if flag.default is not None else "optional"
        terminal.line(f"{name:{width}}  {kind} [{default}]" + (f"  {' '.join(flag.doc.split())}" if flag.doc else ""))
    terminal.line("")
    terminal.line("`penstock run --help` lists the options of `penstock run` itself.")


def _labels(words: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"invalid --label {word!r}: expected NAME=VALUE")
        labels[name] = value
    return labels


@dataclass(slots=True)
class Job:
    """One run, accompanied by this command."""

    as_json: bool
    detach: bool = False
    run_id: uuid.UUID | None = None
    attended: bool = False
    _code: int = field(default=exits.FAILED)

    def accompany(
        self,
        address: str | None,
        data: Path | None,
        *,
        submit: tuple[Prepared, Any] | None = None,
        part: str = "",
    ) -> int:
        """Submit a run, or find one by a part of its id, and follow it. Ctrl-C leaves it as it is."""
        try:
            import asyncio

            return asyncio.run(self._accompany(address, data, submit, part))
        except KeyboardInterrupt:
            self._interrupted()
            return exits.INTERRUPTED

    async def _accompany(
        self, address: str | None, data: Path | None, submit: tuple[Prepared, Any] | None, part: str
    ) -> int:
        from ..client import AsyncClient
        from ..client.errors import Unreachable
        from .stack import session

        shown: RunView | None = None
        while True:
            async with session(address, data) as stack, AsyncClient(stack.address, program=program()) as client:
                self.attended = stack.attended
                if self.run_id is None:
                    self.run_id = await self._begin(client, submit, part)
                if self.detach:
                    return self._detached()
                try:
                    shown, outputs = await self._follow(client, self.run_id, shown)
                    return self._finish(shown, outputs)
                except Unreachable:
                    # The stack was another command's, and ended with it: this one starts its own and goes on.
                    if not stack.attended:
                        raise

    async def _begin(self, client: AsyncClient, submit: tuple[Prepared, Any] | None, part: str) -> uuid.UUID:
        if submit is None:
            return await client.find(part)
        prepared, options = submit
        run = await client.submit_prepared(prepared, options=options)
        terminal.line(f"run {run.id}", to_stderr=self.as_json or not self.detach)
        return run.id

    async def _follow(
        self, client: AsyncClient, run_id: uuid.UUID, view: RunView | None
    ) -> tuple[RunView, dict[str, Any] | None]:
        from ..client.view import RunView
        from . import reasons
        from .live import Display

        if view is None:
            view = RunView(await client.plan((await client.get(run_id)).plan_hash), run_id.bytes)
        with Display(view, to_stderr=self.as_json) as display:
            events = client.events(run_id, after_seq=view.seq)
            async with reasons.said(client, run_id) as quiet, aclosing(events) as batches:
                async for batch in batches:
                    quiet.heard()
                    view.apply_all(batch)
                    display.show(batch)
        return view, await client.outputs_json(run_id, previews=True, json_bytes_max=json_bytes_max(self.as_json))

    def _finish(self, view: RunView, outputs: dict[str, Any] | None) -> int:
        from . import records, texts

        if self.as_json:
            terminal.json_out(records.of_view(view, outputs))
        else:
            out = texts.console()
            for part in texts.ending(view, outputs, out.width):
                out.print(part)
        return {"succeeded": exits.SUCCEEDED, "cancelled": exits.CANCELLED}.get(view.state, exits.FAILED)

    def _detached(self) -> int:
        if self.as_json:
            terminal.json_out({"run": str(self.run_id), "state": "running", "outputs": None, "timings": None})
        return exits.SUCCEEDED

    def _interrupted(self) -> None:
        if self.run_id is None:
            terminal.line("interrupted before the run was submitted", to_stderr=True)
        elif self.attended:
            terminal.line(f"interrupted; `penstock watch {self.run_id}` resumes the run", to_stderr=True)
        else:
            terminal.line(
                f"detached; the run continues: `penstock watch {self.run_id}` shows it, "
                f"`penstock cancel {self.run_id}` cancels it",
                to_stderr=True,
            )

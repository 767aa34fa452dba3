"""`run`: compile a workflow, submit it, accompany it to its end."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, inputs, terminal
from .options import Address, AsJson, Data, Deadline, FailFast, NoCache, Notify, WithLogs, deadline_s, labels_of
from .show import json_bytes_max, last_lines, program

if TYPE_CHECKING:
    import uuid

    from penstock_proto.state_tracker.v1.events_pb2 import RunOptions

    from ..client import AsyncClient, Run, RunView
    from ..client.submission import Prepared

    Begin = Callable[[AsyncClient], Awaitable[Run | None]]

PRIORITY_MAX = 2**31 - 1


def run(
    ctx: typer.Context,
    target: Annotated[str | None, typer.Argument(metavar="FILE.py:WORKFLOW|NAME[@VERSION] [--INPUT VALUE]...")] = None,
    team: Annotated[str, typer.Option("--team", help="Count the run towards this team.")] = "",
    pool: Annotated[str, typer.Option("--pool", help="Run the operators in this pool.")] = "",
    priority: Annotated[
        int,
        typer.Option(
            "--priority",
            min=-PRIORITY_MAX,
            max=PRIORITY_MAX,
            help="Start runs of a higher priority first within a team.",
        ),
    ] = 0,
    fail_fast: FailFast = False,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Attach this label to the run; repeatable."),
    ] = None,
    notify: Notify = None,
    deadline: Deadline = "",
    no_cache: NoCache = False,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=VALUE", help="Give an input by its name, whatever it is; repeatable."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Submit the run, print its id and exit; it continues."),
    ] = False,
    with_logs: WithLogs = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Run a workflow, show its progress and print its outputs.

    The workflow is one of a file, or one that was deployed: NAME is its latest version, NAME@3 version 3, and
    NAME@production the version of this alias. Its inputs are options of this command; `penstock run NAME --help` and
    `penstock run FILE.py:WORKFLOW --help` list them. An input with the name of an option is given by
    `--input NAME=VALUE` or after `--`; the option is then given before the workflow.

    Ctrl-C does not cancel the run. If the services run elsewhere, the run continues; otherwise `penstock watch RUN`
    resumes it. With --detach, services are started in the background if none are running; `penstock down` stops them.
    """
    words = inputs.words_of(ctx, target, input_ or [])
    if target is None or target in inputs.HELP_WORDS:
        print(ctx.get_help())
        return exits.SUCCEEDED if target else exits.USAGE
    _refuse_undecodable([*ctx.args, *(input_ or []), *(label or []), *(notify or []), team, pool])
    from penstock_proto.state_tracker.v1 import events_pb2

    from ..client.registered import is_reference

    options = events_pb2.RunOptions(team=team, pool=pool, priority=priority, fail_fast=fail_fast, notify=notify)
    options.deadline_s, options.no_cache = deadline_s(deadline), no_cache
    options.labels.update(labels_of(label or []))
    # What is wrong with a file is said before any service is asked.
    is_named = is_reference(target)
    of_file = None if is_named else _prepare_file(target, words)
    if not is_named and of_file is None:
        return exits.SUCCEEDED

    async def begin(client: AsyncClient) -> Run | None:
        prepared = of_file or await _prepare_named(client, target, words, options)
        return None if prepared is None else await client.submit_prepared(prepared, options=options)

    job = Job(as_json=as_json, detach=detach, with_logs=with_logs, pool=pool)
    return job.accompany(address, data, begin=begin)


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Python keeps bytes of the command line that are not text as surrogates, which no message can carry."""
    for word in words:
        if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
            raise typer.BadParameter(f"invalid argument {word!r}: it is not UTF-8")


def follow_existing(part: str, with_logs: bool, as_json: bool, address: str | None, data: Path | None) -> int:
    """Accompany a run that was submitted before."""
    return Job(as_json=as_json, with_logs=with_logs).accompany(address, data, part=part)


def _prepare_file(target: str, words: inputs.Words) -> Prepared | None:
    """Compile and read the inputs; None if only help was asked for. Raise what is wrong, all of it at once."""
    from ..client import submission
    from ..compiler.loader import load_workflow
    from . import inputs

    workflow = load_workflow(target)
    own = form_of(workflow)
    if words.asks_for_help:
        inputs.print_help(target, own)
        return None
    return submission.prepare(workflow, typed(workflow, inputs.read(target, own, words)))


def form_of(workflow: Any) -> dict[str, Any]:
    """Return the form of a workflow's inputs."""
    from penstock_plan import form

    from ..client import submission
    from ..compiler import static_inputs
    from ..declare import docstrings, static

    if static.names_of(workflow.signature):  # without them there is no plan yet
        return form.of(workflow.name, docstrings.first_paragraph(workflow.fn), static_inputs.declared(workflow))
    plan = submission.compile_once(workflow).plan
    return form.of(plan.name, plan.doc, plan.inputs)


async def _prepare_named(client: AsyncClient, target: str, words: inputs.Words, options: RunOptions) -> Prepared | None:
    """Read the inputs of a workflow of the registry; None if only help was asked for."""
    from ..client.errors import NotRegistered
    from . import inputs

    try:
        form = await client.registry.form(target)
    except NotRegistered as error:
        file = f"{target.partition('@')[0]}.py"
        if not os.path.isfile(file):  # noqa: ASYNC240 (the command ends here)
            raise
        raise NotRegistered(error.code, f"{error.details}; did you mean the file {file}?") from None
    if words.asks_for_help:
        inputs.print_help(target, form.schema, f"{form} of the registry")
        return None
    values = inputs.read(target, form.schema, words)
    properties = form.schema["properties"]
    opaque = {name: properties[name]["x-kind"] for name in values if "x-kind" in properties[name]}
    inputs.refuse(target, [f"{name}: give a {kind} from Python: Client.submit" for name, kind in opaque.items()])
    return await client.registry.prepare(form, values, options)


def typed(workflow: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values as what the workflow's annotations ask for: enums, dataclasses, pydantic models."""
    from ..client.errors import BadInputs
    from ..codecs import CodecError, Undecodable, decode

    typed: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in values.items():
        parameter = workflow.signature.parameters[name]
        try:
            typed[name] = decode("json", terminal.json_bytes(value), parameter.annotation)
        except CodecError as error:
            problems.append(f"{name}: {error.problem if isinstance(error, Undecodable) else error}")
    if problems:
        raise BadInputs(workflow.name, problems)
    return typed


@dataclass(slots=True)
class Job:
    """One run, accompanied by this command."""

    as_json: bool
    detach: bool = False
    with_logs: bool = False
    pool: str = ""
    run_id: uuid.UUID | None = None
    attended: bool = False
    warnings: tuple[str, ...] = ()
    _code: int = field(default=exits.FAILED)

    def accompany(
        self,
        address: str | None,
        data: Path | None,
        *,
        begin: Begin | None = None,
        part: str = "",
    ) -> int:
        """Submit a run, or find one by a part of its id, and follow it. Ctrl-C leaves it as it is.

        Args:
            begin: Submits it; nothing is shown if it returns no run.
        """
        import asyncio

        try:
            return asyncio.run(self._accompany(address, data, begin, part))
        except KeyboardInterrupt:
            self._print_interrupted()
            return exits.INTERRUPTED

    async def _accompany(self, address: str | None, data: Path | None, begin: Begin | None, part: str) -> int:
        import asyncio

        from ..client import AsyncClient
        from ..client.errors import Unreachable
        from . import background, stack

        if self.detach:
            await asyncio.to_thread(background.make_lasting, address, data)

        shown: RunView | None = None
        while True:
            async with stack.session(address, data) as found, AsyncClient(found.address, program=program()) as client:
                self.attended = found.attended
                if self.run_id is None:
                    self.run_id = await self._begin(client, begin, part)
                if self.run_id is None:
                    return exits.SUCCEEDED
                if self.detach:
                    return await self._print_detached(client)
                try:
                    shown, outputs = await self._follow(client, self.run_id, shown)
                    return await self._finish(client, shown, outputs)
                except Unreachable:
                    # The stack was another command's, and ended with it: this one starts its own and goes on.
                    if not found.attended:
                        raise

    async def _begin(self, client: AsyncClient, begin: Begin | None, part: str) -> uuid.UUID | None:
        if begin is None:
            return await client.find(part)
        if (run := await begin(client)) is None:
            return None
        terminal.line(f"run {run.id}", to_stderr=self.as_json or not self.detach)
        self.warnings = run.warnings
        for warning in run.warnings:
            terminal.line(f"warning: {warning}", to_stderr=True)
        return run.id

    async def _follow(
        self, client: AsyncClient, run_id: uuid.UUID, view: RunView | None
    ) -> tuple[RunView, dict[str, Any] | None]:
        from ..client.view import RunView
        from . import node_progress, printed, reasons
        from .live import Display

        if view is None:
            view = RunView(await client.plan((await client.get(run_id)).plan_hash), run_id.bytes)
        with Display(view, to_stderr=self.as_json, every_line=self.with_logs) as display:
            events = client.events(run_id, after_seq=view.seq)
            lines = printed.Printed(display.show_line, at_once=not display.holds_lines)
            followed = printed.followed(client, run_id, lines, every=self.with_logs)
            noted = node_progress.follow_progress(client, view, display.show_progress)
            async with (
                reasons.show_reasons(client, run_id) as quiet,
                noted,
                followed as note_event,
                aclosing(events) as batches,
            ):
                async for batch in batches:
                    quiet.note_news()
                    note_event()
                    view.apply_all(batch)
                    display.show(batch)
        return view, await client.outputs_json(run_id, previews=True, json_bytes_max=json_bytes_max(self.as_json))

    async def _finish(self, client: AsyncClient, view: RunView, outputs: dict[str, Any] | None) -> int:
        from . import records, run_texts, texts

        if self.as_json:
            shown = records.of_view(view, await client.inputs_json(view.id), outputs)
            terminal.json_out(shown | {"warnings": self.warnings})
        else:
            out = texts.console()
            shown = [] if self.with_logs else await last_lines(client, view, everything=False)
            for part in run_texts.ending(view, outputs, shown, out.width):
                out.print(part)
        return {"succeeded": exits.SUCCEEDED, "cancelled": exits.CANCELLED}.get(view.state, exits.FAILED)

    async def _print_detached(self, client: AsyncClient) -> int:
        assert self.run_id is not None
        if self.as_json:
            terminal.json_out(
                {
                    "run": str(self.run_id),
                    "state": "running",
                    "outputs": None,
                    "timings": None,
                    "warnings": self.warnings,
                }
            )
        if not await client.workers(self.pool):
            where = f"pool {self.pool}" if self.pool else "the services"
            terminal.line(f"no worker is connected to {where}: the run waits until one is", to_stderr=True)
        return exits.SUCCEEDED

    def _print_interrupted(self) -> None:
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

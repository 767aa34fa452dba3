"""How far nodes are, as their operators say: asked for now and then while a run goes on, and put into words."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

from ..client.node_progress import NodeProgress
from ..client.runs import Run
from ..client.view import NodeState, RunView
from ..errors import PenstockError
from . import terminal

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.runs import AnyRun

ASK_S: Final = 1.0
# Between two lines about one node, where lines are printed.
LINE_S: Final = 5.0
# Nodes that are asked about at once.
NODES_MAX: Final = 200
TEXT_CHARS_MAX: Final = 200


def progress_text(said: NodeProgress) -> str:
    """Put it into a few words: "40 % (4 of 10) epoch 4"; an unfinished line of output stands for itself."""
    words: list[str] = []
    if said.done is not None:
        count = f"{said.done:,.6g}" + (f" of {said.total:,.6g}" if said.total is not None else "")
        words.append(f"{said.share:.0%} ({count})" if said.share is not None else count)
    words += [terminal.clean(each.strip()) for each in (said.text, said.line) if each.strip()]
    return " ".join(words)[:TEXT_CHARS_MAX]


def print_progress(said: NodeProgress, *, to_stderr: bool = False) -> None:
    """Print a line of its own."""
    line = f"{terminal.clock(said.at_us)}  {terminal.clean(said.node)}  progress {progress_text(said)}"
    terminal.line(line, to_stderr=to_stderr)


def progress_json(said: NodeProgress) -> dict[str, object]:
    """Return it as an entry beside the lines of output."""
    progress = {"done": said.done, "total": said.total, "text": said.text, "line": said.line}
    text = progress_text(said)
    return {"node": said.node, "attempt": said.attempt, "at_us": said.at_us, "text": text, "progress": progress}


async def note_progress(client: AsyncClient, view: RunView, node: str | None = None) -> None:
    """Note how far the running nodes of a view are, or a node; a store that does not respond says nothing."""
    asked = [node] if node else [each.name for each in view.nodes if each.state is NodeState.RUNNING][:NODES_MAX]
    if asked:
        with suppress(PenstockError):
            view.note(await client.progress(_run_of(view), asked))


def _run_of(view: RunView) -> Run | str:
    """The run, with its plan as soon as that is known: else each question would ask for it first."""
    return Run(uuid.UUID(view.id), view.plan.name, view.plan_hash) if view.plan_hash else view.id


async def running_progress(client: AsyncClient, run: AnyRun, node: str | None) -> list[NodeProgress]:
    """Return how far the running nodes of a run are, or one of them."""
    view = await client.view(run)
    await note_progress(client, view)
    return [each.progress for each in view.nodes if each.progress is not None and node in (None, each.name)]


@asynccontextmanager
async def follow_progress(
    client: AsyncClient, view: RunView, say: Callable[[NodeProgress], None]
) -> AsyncGenerator[None]:
    """Until the block ends, keep noting how far the running nodes are; `say` is told what is new, now and then."""

    async def keep_noting() -> None:
        told = Told()
        while True:
            await asyncio.sleep(ASK_S)
            await note_progress(client, view)
            running = [each for each in view.nodes if each.state is NodeState.RUNNING and each.progress]
            for each in told.new([each.progress for each in running if each.progress]):
                say(each)

    async with _besides(keep_noting()):
        yield


@asynccontextmanager
async def print_while_running(
    client: AsyncClient, run: AnyRun, node: str | None, *, follow: bool
) -> AsyncGenerator[None]:
    """With `follow`, print how far nodes are whenever they have said something new, until the block ends."""

    async def keep_printing() -> None:
        told, first = Told(), True
        while True:
            with suppress(PenstockError):
                for each in told.new(await client.progress(run, [node] if node else ())):
                    if not first:  # what was said before may be of nodes that have ended
                        print_progress(each)
                first = False
            await asyncio.sleep(ASK_S)

    async with _besides(keep_printing()) if follow else nullcontext():
        yield


class Told:
    """What was said of each node, so that nobody hears it twice, or too often."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, NodeProgress]] = {}

    def new(self, said: Iterable[NodeProgress]) -> list[NodeProgress]:
        """Return what is to be told now, and count it as told."""
        found: list[NodeProgress] = []
        for each in said:
            at_s, before = self._told.get(each.node, (-LINE_S, None))
            if each != before and time.monotonic() >= at_s + LINE_S and progress_text(each):
                self._told[each.node] = (time.monotonic(), each)
                found.append(each)
        return found


@asynccontextmanager
async def _besides(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

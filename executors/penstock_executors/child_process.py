"""One operator process as the worker sees it: what it was handed, what it printed, how it ends."""

import contextlib
import logging
import math
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
from penstock_plan.secrets import Redactor
from penstock_proto import tls
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1.service_pb2 import Progress
from penstock_proto.executors.v1.child_pb2 import FromChild, Setup
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from .channel import Channel
from .executor import Context, Output
from .keeper_link import KeeperLink
from .output import Tail
from .progress import Page, Said, make_page
from .stream_channel import StreamChannel

log = logging.getLogger(__name__)
LINUX = sys.platform == "linux"  # has sockets that keep the bounds of messages
LINE_CHARS_MAX: Final = 1_000  # of an unfinished line that is shown while it is written
PROGRESS_S: Final = 1.0  # between two that are passed on of one action
Binding = tuple[bytes, str, int]  # what a process may serve: a bundle, a team, a number of GPUs


class ChildProcess:
    """Blank until it is bound to a bundle, a team and GPUs, then never bound to others."""

    __slots__ = (
        "binding", "channel", "code", "doomed", "finished", "gpus", "is_ending", "is_ready", "is_trusted", "killed_for",
        "number", "over", "page", "redact", "said", "said_at", "said_line", "said_of", "sent", "setup_at", "slot",
        "tail", "waiting",
    )  # fmt: skip

    def __init__(self, number: int, folder: Path, keeper: KeeperLink) -> None:
        """Raises OSError if the system has no room for a process; then nothing of it is left."""
        self.number = number
        self.binding: Binding | None = None
        self.gpus: tuple[str, ...] = ()
        self.setup_at = 0.0  # when it was told whom it serves
        self.is_ready = False
        self.is_ending = False  # it must not be handed anything, and is going to end
        self.is_trusted = True  # until it says what makes no sense
        self.slot: int | None = None
        self.waiting: deque[Grant] = deque()  # not yet sent
        self.sent: deque[Grant] = deque()  # in order; only the first may have begun
        self.finished: list[Report] = []  # that count once nothing is left of the process
        self.doomed: dict[int, float] = {}  # grants to stop once they are the first, and the seconds that they get
        self.killed_for: set[int] = set()
        self.over: dict[int, int] = {}  # grant: the bytes of memory that it was killed for
        self.code: int | None = None
        self.redact: Redactor | None = None  # of an operator with secrets, the only one that it executes
        self.said: Said | None = None  # by the operator, of how far it is
        self.said_of = 0  # the grant whose progress was passed on last
        self.said_line: str = ""
        self.said_at = 0.0
        work = folder / f"work-{number}"
        with contextlib.ExitStack() as undo:
            work.mkdir(exist_ok=True)
            undo.callback(shutil.rmtree, work, True)
            self.channel = Channel() if LINUX else StreamChannel()
            undo.callback(self.channel.close)
            self.tail = Tail(folder / f"output-{number}")
            undo.callback(self.tail.close)
            page = make_page()
            try:
                self.page = Page(page)
                undo.callback(self.page.close)
                keeper.start(number, [self.channel.far_fd, self.tail.fd, page])
            finally:
                os.close(page)
            self.channel.close_far_end()
            undo.pop_all()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is handed to it."""
        return not self.sent and not self.waiting and not self.finished

    def take_back(self) -> list[Grant]:
        """Remove what has not begun, in order."""
        back: list[Grant] = []
        if self.is_ready:  # before that, only the setup is on its way
            unread = {Grant.FromString(message).grant for message in self.channel.take_back()}
            back = [grant for grant in self.sent if grant.grant in unread]
            self.sent = deque(grant for grant in self.sent if grant.grant not in unread)
        back += self.waiting
        self.waiting.clear()
        return back

    def called_s(self, grant: Grant) -> float:
        """When the operator was called for a grant, by the monotonic clock; 0 if it was not."""
        reading = self.page.reading()
        now = time.monotonic()
        return min(reading.called_s, now) if reading.grant == grant.grant else 0.0

    def ran_s(self, grant: Grant) -> float:
        """Seconds since the operator was called; 0 if it was not."""
        called = self.called_s(grant)
        return time.monotonic() - called if called else 0.0

    def follow(self, output: Output) -> None:
        """Pass on what the action that runs has printed and said since."""
        grant = self.sent[0]
        if lines := self._printed(self.tail.lines):
            output(grant, self._hidden(lines))
        if time.monotonic() >= self.said_at + PROGRESS_S or self.said_of != grant.grant:
            # Half of a line may have half of a secret.
            self._pass_on_progress(output, grant, "" if self.redact is not None else self.tail.line)

    def finish(self, output: Output, grant: Grant, end: int | None = None, *, printed: bool = True) -> None:
        """Pass on all that is left of what the action that ends has printed and said."""
        if printed and (lines := self._printed(lambda: self.tail.finish(end))):
            output(grant, self._hidden(lines))
        self._pass_on_progress(output, grant, "")

    def _pass_on_progress(self, output: Output, grant: Grant, line: str) -> None:
        same = self.said_of == grant.grant
        news = self.page.said(grant.grant, self.said.number if self.said else 0)
        if news is None and line == (self.said_line if same else ""):
            return
        said = self.said = news or (self.said if same else None)
        self.said_of, self.said_line, self.said_at = grant.grant, line, time.monotonic()
        progress = Progress(at_us=time.time_ns() // 1000, line=line[:LINE_CHARS_MAX])
        if said is not None:
            (text,) = self._hidden([said.text])
            progress.done, progress.text = said.done, text
            if not math.isnan(said.total):
                progress.total = said.total
        output.progress(grant, progress)

    def _hidden(self, lines: list[str]) -> list[str]:
        return lines if self.redact is None else [self.redact(line) for line in lines]

    def last_words(self) -> str:
        """What it printed last, for an error message; may raise OSError."""
        (words,) = self._hidden([self.tail.last_words()])
        return words

    def drop_output(self) -> None:
        """What an action left behind has printed after its end belongs to nobody's output."""
        with contextlib.suppress(OSError):
            if dropped := self.tail.drop():
                log.warning("dropped %d bytes of output from leftovers of an action", dropped)

    def _printed(self, read: Callable[[], list[str]]) -> list[str]:
        try:
            return read()
        except OSError as error:
            log.warning("the output of process %d was lost: %s", self.number, error)
            return []

    def close(self) -> None:
        """Let go of everything that belongs to the dead process; raises OSError once that is done."""
        with contextlib.ExitStack() as all_of_it:
            for part in (self.channel, self.page, self.tail):
                all_of_it.callback(part.close)


def child_answer(message: memoryview) -> FromChild | None:
    """Read what a process says; None if that makes no sense: the operator can write to the socket, too."""
    try:
        return FromChild.FromString(bytes(message))
    except DecodeError:
        return None


def setup_of(context: Context, plans: Path, bundle: str, grace_s: float) -> Setup:
    """What a process is told before its first grant."""
    files = tls.chosen()
    return Setup(
        worker=context.worker,
        store=str(context.store.folder),
        plans=str(plans),
        bundle=bundle,
        store_address=context.store_address,
        grace_s=grace_s,
        scratch=str(context.kept),
        tls_ca=files.ca,
        tls_certificate=files.certificate,
        tls_key=files.key,
        token_file=context.token_file,
    )

"""The process that calls operators: reads one grant, executes it, reports, reads the next. Forked by the keeper."""

import contextlib
import gc
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from penstock import tracing
from penstock.call import context, failures
from penstock.call.control import Control, call_of
from penstock.call.failures import ActionError, NotLoadable, raised
from penstock.call.given import Given
from penstock.call.invocation import Call
from penstock.declare import user_code
from penstock_artifact_store import LocalStore
from penstock_observability.trace_ids import traceparent
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.executors.v1.child_pb2 import FromChild, Setup
from penstock_proto.plan.v1.plan_pb2 import Cache, Plan
from penstock_proto.state_tracker.v1.reports_pb2 import Failed, Report

from . import forks, stops
from .channel import MESSAGE_BYTES_MAX, Link
from .grants import inputs_of, node_of_plan
from .handover import Handover
from .here import Here
from .progress import FETCHING, STORING, Page
from .stream_channel import StreamLink

if TYPE_CHECKING:
    from penstock_artifact_store.remote import RemoteStore

    from .reuse import ResultReuse

PLANS_MAX = 8  # parsed at once
CALLS_MAX = 4_096
EXIT_STOPPED = 128 + signal.SIGTERM


def _remote(setup: Setup, cache: LocalStore) -> "RemoteStore":
    from penstock_artifact_store.remote import RemoteStore  # brings grpc, which most workers' processes do without
    from penstock_proto.tls import Tls

    from .worker_token import read_token

    # The environment of operators has nothing that is Penstock's.
    files = Tls(setup.tls_ca, setup.tls_certificate, setup.tls_key)
    return RemoteStore(
        setup.store_address, cache, files, partial(read_token, setup.token_file) if setup.token_file else None
    )


class Stopped(BaseException):
    """The worker asks the operator to end: `finally` blocks have the grace period to clean up."""


class Child:
    """Serves one worker and one bundle until the socket ends."""

    def __init__(self, link: Link | StreamLink, page: Page, setup: Setup) -> None:
        self._link = link
        self._page = page
        self._grace_s = setup.grace_s
        self._handover = Handover(setup.bundle)
        self._worker = setup.worker
        self._plans_folder = Path(setup.plans)
        cache = LocalStore(Path(setup.store))
        self._store = _remote(setup, cache) if setup.store_address else cache
        self._here = Here(page, self._store, setup.worker, Path(setup.scratch), self._plan)
        self._plans: dict[bytes, Plan] = {}
        self._calls: dict[tuple[bytes, int], Call | Control] = {}
        self._work = os.getcwd()
        self._note_work()
        self._files = Path(self._work + "-files")
        self._current: Call | Control | None = None
        self._bundle = setup.bundle
        self._reuse: ResultReuse | None = None
        self._output = os.dup(1)  # the operator may close or redirect its own
        self._output_inode = os.fstat(1).st_ino
        self._output_bytes = 0
        self._streams = (sys.stdout, sys.stderr)
        self._pid = os.getpid()
        self.is_busy = self.is_stopping = False

    def serve(self) -> None:
        """Execute grants, one at a time, until the worker closes the socket."""
        while message := self._link.receive():
            grant = Grant.FromString(message)
            answer = FromChild()
            self.is_busy = True
            self._execute(grant, answer, message)
            self.is_busy = False
            if self._pid != os.getpid():  # the operator forked, and this is the copy, which came back
                os._exit(0)
            try:
                self._tidy(answer)
            except Exception as error:  # a folder that cannot be emptied, an operator's object in our way
                answer.unfit.append(f"it could not be restored: {error}")
            self._page.end()
            self._link.send(self._message(answer))
            if self.is_stopping or answer.unfit:
                return

    def _execute(self, grant: Grant, answer: FromChild, message: bytes) -> None:
        report = answer.report
        number, report.run_id, report.node, report.attempt = grant.grant, grant.run_id, grant.node, grant.attempt
        report.grant, report.worker = number, self._worker
        if grant.item:
            report.item.extend(grant.item)
        self._here.grant = grant
        begun_ns = time.perf_counter_ns()
        self._page.begin(number)
        try:
            call = self._current = self._call(grant)
            self._here.take_secrets(call, message)
            tracing.enter(traceparent(grant.run_id, grant.node, grant.item, grant.attempt))
            self._page.go_on(FETCHING)
            given = Given()
            for each in inputs_of(grant):
                given[each.node] = each.values.values
            if grant.path:
                given.path = grant.path
            end = report.succeeded
            if call.cache is None:
                call(given, end.outputs, self._invoke)
            else:
                self._call_cached(call, call.cache, given, answer)
        except ActionError as error:
            end = self._fail(report, error)
        except BaseException as error:  # a signal between two lines of ours
            end = self._fail(report, raised(error))
        end.duration_us = (time.perf_counter_ns() - begun_ns) // 1000

    def _message(self, answer: FromChild) -> bytes:
        """What the worker is sent: an end with outputs that are too large for a message is a failure."""
        message = answer.SerializeToString()
        if len(message) <= MESSAGE_BYTES_MAX:
            return message
        duration_us = answer.report.succeeded.duration_us
        failed = self._fail(answer.report, NotLoadable("TooLarge", "the outputs are too large for a report"))
        failed.duration_us = duration_us
        return answer.SerializeToString()

    def _call_cached(self, call: Call | Control, cache: Cache, given: Given, answer: FromChild) -> None:
        """Take the result of an equal call, or make the call and keep its result for later ones."""
        if self._reuse is None:
            from .reuse import ResultReuse  # most processes do without it

            self._reuse = ResultReuse(self._store, self._bundle)
        assert isinstance(call, Call), "only operators have a cache"
        grant, done = self._here.grant, answer.report.succeeded
        plan = self._plan(grant.plan)
        key = self._reuse.find(call, cache, plan, grant, given, self._here.node_name(), done)
        if done.HasField("reuse"):
            return
        answer.cache_missed, outputs = True, None
        try:
            call(given, done.outputs, self._invoke)
            outputs = done.outputs
        finally:
            if key is not None:
                self._reuse.keep(key, grant, self._here.node_name(), outputs)

    def _invoke(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        context.enter(self._here)
        self._page.call()
        try:
            result = self._handover.call(function, arguments, named)
        finally:
            context.enter(None)
        self._page.go_on(STORING)
        return result

    def _fail(self, report: Report, error: ActionError) -> Failed:
        failed = report.failed
        failed.cause, failed.final, failed.returned = error.cause, error.final, error.returned
        failure = error.failure()
        if (redact := self._here.redact) is not None:
            failure.type, failure.message = redact(failure.type), redact(failure.message)
            failure.traceback = redact(failure.traceback)
        failed.failure.CopyFrom(failure)
        return failed

    def _call(self, grant: Grant) -> Call | Control:
        node = node_of_plan(grant)
        key = (grant.plan, node)
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) >= CALLS_MAX:
                self._calls.clear()
            call = call_of(self._plan(grant.plan), node, self._store, scratch_folder=self._files)
            self._calls[key] = call
            if isinstance(call, Call):
                self._handover.note_loaded(call.operator.partition(":")[0])
        return call

    def _plan(self, name: bytes) -> Plan:
        plan = self._plans.pop(name, None)
        if plan is None:
            plan = Plan.FromString((self._plans_folder / name.hex()).read_bytes())
            if len(self._plans) >= PLANS_MAX:
                gone = next(iter(self._plans))
                del self._plans[gone]
                self._calls = {key: call for key, call in self._calls.items() if key[0] != gone}
        self._plans[name] = plan
        return plan

    def _tidy(self, answer: FromChild) -> None:
        """Whatever the operator did to the process, the next one finds it as it was."""
        streams = (sys.stdout, sys.stderr)
        if streams != self._streams:
            _flush(streams)
            sys.stdout, sys.stderr = self._streams
        size = self._output_size() if _flush(self._streams) else -1
        if size < 0:
            size = self._restore_output()
        if size != self._output_bytes:
            self._output_bytes = answer.output_end_bytes = size
        if unfit := self._handover.restore():
            answer.unfit.extend(unfit)
        if self._here.redact is not None:
            answer.unfit.append("it had secrets, which no other operator may find in its memory")
        if _identity(".") != self._work_identity:  # one system call where nothing was done
            os.chdir(self._work)
            _empty(self._work)
            self._note_work()
        if self._current is not None and self._current.has_new_files() and self._files.exists():
            _empty(self._files)

    def _note_work(self) -> None:
        self._work_identity = _identity(self._work)

    def _output_size(self) -> int:
        """Size in bytes of what file descriptor 1 writes to; -1 if that is not the output file any more."""
        try:
            state = os.fstat(1)
        except OSError:  # closed
            return -1
        return state.st_size if state.st_ino == self._output_inode else -1

    def _restore_output(self) -> int:
        """The operator closed or redirected what is everybody's: open it again, and return its size in bytes."""
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)
        self._streams = sys.stdout, sys.stderr = _stream(1), _stream(2)
        return os.fstat(1).st_size

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM: end at once, or let the operator clean up first."""
        if os.getpid() != self._pid or not self.is_busy:
            os._exit(EXIT_STOPPED)
        if not self.is_stopping:
            self.is_stopping = True
            stops.let_programs_end(self._grace_s)
            raise Stopped("the worker stopped this action")

    def forget_page(self) -> None:
        """In a fork: what it does is not the action's progress."""
        self._page = self._here.page = Page(None)


def serve(link_fd: int, page_fd: int) -> None:
    """Serve the worker at the other end of a socket, until it ends."""
    end = socket.socket(fileno=link_fd)
    os.set_inheritable(link_fd, False)
    page = Page(page_fd)
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    link = StreamLink(end) if end.type == socket.SOCK_STREAM else Link(end)
    message = link.receive()
    if not message:
        return
    setup = Setup.FromString(message)
    if setup.HasField("gpus"):
        os.environ["CUDA_VISIBLE_DEVICES"] = setup.gpus
    if setup.bundle:
        sys.path.insert(0, setup.bundle)
    failures.hide_frames(os.path.dirname(__file__))
    user_code.is_in_operator()
    child = Child(link, page, setup)
    signal.signal(signal.SIGTERM, child.stop)
    forks.keep_to_itself(child.stop, (link_fd, page_fd), child.forget_page)
    gc.collect()
    gc.freeze()
    link.send(FromChild(ready=True).SerializeToString())
    child.serve()


def _stream(fd: int) -> TextIO:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _flush(streams: tuple[TextIO, TextIO]) -> bool:
    """Flush both; False if one of them cannot be."""
    try:
        for stream in streams:
            stream.flush()
    except Exception:  # closed by the operator, or not a stream at all
        return False
    return True


def _identity(folder: str) -> tuple[int, ...]:
    """Which folder it is, and when it was changed last: what is in it, its name, or that it was removed."""
    state = os.stat(folder)
    return state.st_ino, state.st_dev, state.st_nlink, state.st_ctime_ns


def _empty(folder: str | Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)

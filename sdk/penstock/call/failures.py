"""How an execution fails: each error knows its cause and what a person needs to see of it."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

from penstock_proto.state_tracker.v1.events_pb2 import Cause, Failure

from ..codecs.encoded import type_name
from ..errors import CheckpointFailed, PenstockError

MESSAGE_BYTES_MAX = 8 << 10
TRACEBACK_BYTES_MAX = 32 << 10
_own_folders = (os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,)
_IMPORT_MACHINERY = ("<frozen importlib", "<frozen runpy")


class ActionError(PenstockError):
    """An execution ended without a result."""

    cause: Cause = Cause.CAUSE_WORKER
    final = False  # another attempt cannot end otherwise
    returned = False  # it is not the attempt's fault: it is to be made elsewhere or later, and not counted

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        """`kind` names the class of the exception, as a reader would write it."""
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message, self.trace = kind, message, trace

    def failure(self) -> Failure:
        """The message of the report, within its limits."""
        return Failure(
            type=_clipped(self.kind, MESSAGE_BYTES_MAX),
            message=_clipped(self.message, MESSAGE_BYTES_MAX),
            traceback=_clipped(self.trace, TRACEBACK_BYTES_MAX),
        )


class Raised(ActionError):
    """The operator raised; `__cause__` is what it raised."""

    cause = Cause.CAUSE_USER


class OutOfMemory(ActionError):
    """The operator, or what decodes and encodes for it, got no memory."""

    cause = Cause.CAUSE_OUT_OF_MEMORY


class NotYet(ActionError):
    """A sensor found nothing; it is called again later."""

    cause = Cause.CAUSE_NOT_YET


class BadResult(ActionError):
    """What the operator returned has the wrong type, is too large, or has no codec."""

    cause = Cause.CAUSE_BAD_RESULT
    final = True


class NotLoadable(ActionError):
    """The operator, its code or one of its arguments could not be loaded."""

    cause = Cause.CAUSE_NOT_LOADABLE
    final = True


class StoreTrouble(ActionError):
    """The worker's store is full or does not respond: another worker, or a later attempt, may succeed."""

    cause = Cause.CAUSE_PREEMPTED
    returned = True


class StoreFailed(ActionError):
    """Another problem with a file of an argument or of the result: another attempt may succeed."""

    cause = Cause.CAUSE_WORKER


def described(error: BaseException) -> str:
    """The error's own text; never raises, though `error` may be anybody's class."""
    try:
        return str(error)
    except Exception:
        return "<its text is missing: __str__ raises>"


def shown(error: BaseException) -> str:
    """Its traceback as Python prints it, from the first frame that is not Penstock's on."""
    try:
        trace = traceback.TracebackException.from_exception(error)
        _strip(trace)
        return "".join(trace.format())
    except Exception as problem:
        return f"{type_name(type(error))}\n(its traceback cannot be shown: {type(problem).__name__})\n"


def hide_frames(folder: str) -> None:
    """Leave frames of files below a folder out of tracebacks: they call operators, as Penstock's own do."""
    global _own_folders
    _own_folders = (*_own_folders, os.path.abspath(folder) + os.sep)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the host or on a GPU."""
    return isinstance(error, MemoryError) or any(each.__name__ == "OutOfMemoryError" for each in type(error).__mro__)


def raised(error: BaseException) -> ActionError:
    """The failure that an exception of the operator's own code means."""
    if isinstance(error, SystemExit):
        text = f"the operator called sys.exit({'' if error.code is None else repr(error.code)}); return, or raise"
        return Raised("SystemExit", text, shown(error))
    if isinstance(error, CheckpointFailed):
        return StoreTrouble(type_name(type(error)), described(error), shown(error))
    kind = OutOfMemory if is_out_of_memory(error) else Raised
    return kind(type_name(type(error)), described(error) + _remedy(error), shown(error))


def _remedy(error: BaseException) -> str:
    """What to do about a mistake that nearly everybody makes once."""
    name: object = error.filename if isinstance(error, FileNotFoundError) else None
    if name is None or os.path.isabs(str(name)):
        return ""
    return "; an operator runs in an empty folder of its own: hand files over as pathlib.Path"


def without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Drop the frames of Penstock that come first."""
    while trace is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _strip(trace: traceback.TracebackException | None) -> None:
    seen: set[int] = set()
    open_ = [trace]
    while open_:
        each = open_.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        kept = [frame for frame in each.stack if not _is_own(frame.filename)]
        each.stack[:] = kept
        open_ += [each.__cause__, each.__context__, *(each.exceptions or ())]


def _is_own(file: str) -> bool:
    return file.startswith((*_own_folders, *_IMPORT_MACHINERY))


def _clipped(text: str, bytes_max: int) -> str:
    """Keep both ends of a text that is too long: the first frames, and the error itself."""
    data = text.encode(errors="replace")
    if len(data) <= bytes_max:
        return data.decode()
    half = bytes_max // 2 - 40
    head, tail = data[:half].decode(errors="ignore"), data[-half:].decode(errors="ignore")
    return f"{head}\n... {len(data) - 2 * half} bytes omitted ...\n{tail}"

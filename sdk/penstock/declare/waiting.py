"""What a workflow may wait for without holding a worker: a time, a signal, a person's answer."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

from penstock_plan.check.waits import EVERY_S_MIN
from penstock_plan.waits import WAIT_S_MAX
from penstock_proto.plan.v1 import plan_pb2

from ..errors import InvalidDeclaration, NotInRun
from .modules import frame_at
from .operators import operator_of
from .options import check_name
from .recorder import current

P = ParamSpec("P")
T = TypeVar("T")
Denied = Literal["fail", "continue"]


class Fails:
    """Stands for: the wait fails at its timeout."""

    def __repr__(self) -> str:
        return "FAILS"


FAILS: Final = Fails()


def sleep(duration: float | dt.timedelta) -> object:
    """Wait for so many seconds, or a timedelta, without holding a worker; give the result to `after` to go on then.

        with penstock.after(uploaded):
            pause = penstock.sleep(timedelta(hours=1))
        with penstock.after(pause):
            check(address)

    Outside a workflow's compilation it sleeps.
    """
    seconds = _seconds("penstock.sleep", duration)
    trace = current.get()
    if trace is None:
        time.sleep(seconds)
        return None
    return trace.wait("sleep", "sleep", plan_pb2.Wait(sleep_s=seconds), None, FAILS, frame_at(1))


def until(when: dt.datetime) -> object:
    """Wait until a time, which names its time zone; one that is past has come.

    Outside a workflow's compilation it sleeps.
    """
    if not isinstance(when, dt.datetime) or when.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(
            f"penstock.until takes a datetime with a time zone, not {when!r:.100}: write datetime(..., tzinfo=UTC)"
        )
    trace = current.get()
    if trace is None:
        time.sleep(max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds()))
        return None
    wait = plan_pb2.Wait(until_us=max(0, round(when.timestamp() * 1e6)))
    return trace.wait("until", "until", wait, None, FAILS, frame_at(1))


def signal(name: str, of: type[T], *, timeout: float | dt.timedelta | None = None, otherwise: T | Fails = FAILS) -> T:
    """Wait for a value that somebody sends to the run: `penstock signal RUN NAME --value JSON`.

    Args:
        name: Of the signal, and of its node: a second one of the same name is called NAME-2.
        of: Type of the value.
        timeout: Seconds, or a timedelta, after which the wait ends; None: no limit.
        otherwise: The value then; without one, the wait fails.
    """
    check_name(name, "the name of a signal")
    wait = plan_pb2.Wait(signal=plan_pb2.Signal(), timeout_s=_timeout("penstock.signal", timeout, otherwise))
    trace = current.get()
    if trace is None:
        raise _only_in_runs("penstock.signal", name)
    return cast("T", trace.wait(name, "signal", wait, of, otherwise, frame_at(1)))


def approval(
    question: str,
    *,
    name: str = "approval",
    who: str | Sequence[str] = (),
    timeout: float | dt.timedelta | None = None,
    otherwise: bool | Fails = FAILS,
    denied: Denied = "fail",
) -> bool:
    """Wait for a person's yes: `penstock approve RUN`, or `penstock approve RUN --deny`.

    Args:
        question: What is asked.
        name: Of the node.
        who: Users, and "team:NAME", that may answer; by default whoever may start runs of the team.
        timeout: Seconds, or a timedelta, after which the wait ends; None: no limit.
        otherwise: The answer then; without one, the wait fails.
        denied: What a no means. "fail" fails the node, so that nothing that comes after it runs; "continue": the
            result is False, and the workflow goes on.
    """
    check_name(name, "the name of an approval")
    if not isinstance(question, str) or not question.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"penstock.approval needs a question, not {question!r:.100}")
    if denied not in ("fail", "continue"):
        raise InvalidDeclaration(f'denied must be "fail" or "continue", not {denied!r:.100}')
    asked = plan_pb2.Approval(question=question, goes_on_denied=denied == "continue")
    asked.who.extend([who] if isinstance(who, str) else who)
    wait = plan_pb2.Wait(approval=asked, timeout_s=_timeout("penstock.approval", timeout, otherwise))
    trace = current.get()
    if trace is None:
        raise _only_in_runs("penstock.approval", name)
    return cast("bool", trace.wait(name, "approval", wait, bool, otherwise, frame_at(1)))


def sensor(
    operator: Callable[P, T | None], *, every: float | dt.timedelta, timeout: float | dt.timedelta | None = None
) -> Callable[P, T]:
    """Return the operator as a sensor: a call that is made again until it finds something.

        path = penstock.sensor(newest_file, every=60, timeout=timedelta(hours=6))(folder)

    False and None mean "not yet": then no worker is held until the next call, and no retry is used up. An exception is
    a failure, with the operator's retries.

    Args:
        operator: Returns a bool, or a value or None.
        every: Seconds, or a timedelta, from the end of one call to the next.
        timeout: From the first time that nothing was found, after which the node fails; None: no limit.
    """
    declared = operator_of(operator)
    if declared is None or declared.cls is not None:
        raise InvalidDeclaration(f"penstock.sensor takes an operator that is a function, not {operator!r:.100}")
    seconds = _seconds("every of penstock.sensor", every)
    if seconds < EVERY_S_MIN:
        raise InvalidDeclaration(f"every of penstock.sensor must be at least {EVERY_S_MIN:g} s, not {every!r:.100}")
    limit_s = _timeout("penstock.sensor", timeout, FAILS)
    wait = plan_pb2.Wait(sensor=plan_pb2.Sensor(every_s=seconds), timeout_s=limit_s)
    return cast("Callable[P, T]", declared.copy(declared.settings, wait))


def _only_in_runs(function: str, name: str) -> NotInRun:
    return NotInRun(
        f"{function} waits for what comes from outside, so it needs a run: submit the workflow, or give the value in "
        f"a test: penstock.testing.run(workflow, signals={{{name!r}: ...}})"
    )


def _seconds(function: str, duration: Any) -> float:
    seconds = duration.total_seconds() if isinstance(duration, dt.timedelta) else duration
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not math.isfinite(seconds) or not 0 <= seconds <= WAIT_S_MAX:
        raise InvalidDeclaration(
            f"{function} takes seconds or a timedelta, at least 0 and at most {WAIT_S_MAX / 86400:g} days, known when "
            f"the workflow is compiled, not {duration!r:.100}"
        )
    return float(seconds)


def _timeout(function: str, timeout: Any, otherwise: object) -> float:
    if timeout is None:
        if not isinstance(otherwise, Fails):
            raise InvalidDeclaration(f"{function} has otherwise={otherwise!r:.100}, but no timeout: give one")
        return 0.0
    seconds = _seconds(f"the timeout of {function}", timeout)
    if not seconds:
        raise InvalidDeclaration(f"the timeout of {function} must be longer than 0 seconds")
    return seconds

"""The errors that the client raises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from ..errors import PenstockError

T = TypeVar("T")


class ClientError(PenstockError):
    """Base of the client's errors: the problem and the remedy in one line."""


REFUSED = "connection refused"


class Unreachable(ClientError):
    """No service responds after all retries, or a service is unavailable because its database is."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"no Penstock service responds at {address} ({reason}); start one with `penstock up`"
            if reason == REFUSED
            else f"the Penstock service at {address} is unavailable: {reason}"
        )
        self.address, self.reason = address, reason


class CertificateUnusable(ClientError):
    """The files for TLS that the environment names cannot be used, so nothing is sent."""


class Refused(ClientError):
    """The service rejected the request."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details or code)
        self.code, self.details = code, details


class Overloaded(Refused):
    """The service is overloaded; nothing was started."""

    def __init__(self, details: str, attempts: int) -> None:
        super().__init__("RESOURCE_EXHAUSTED", f"the service is overloaded, refused {attempts} times: {details}")


class IdTaken(Refused):
    """Another request was submitted under this run id before."""


class PlanRefused(Refused):
    """The service found the plan invalid, or of a newer format than it knows."""


class UnknownPool(ClientError):
    """No Action Service may own the pool that a run names: it would wait for ever."""

    def __init__(self, pool: str, known: Sequence[str]) -> None:
        super().__init__(
            f"unknown pool {pool!r}: choose from {', '.join(known) or 'none'}, "
            "or add it to PENSTOCK_POOLS of an Action Service"
        )
        self.pool, self.known = pool, list(known)


class NotRegistered(Refused):
    """The registry has no such name, version or alias."""


class Incompatible(Refused):
    """Calls that the latest version of a workflow accepts may be refused by the one that should be deployed."""


class AliasElsewhere(Refused):
    """An alias does not point where the caller expects it: it was moved meanwhile."""


class NoSuchRun(ClientError):
    """No run has this id."""

    def __init__(self, run: str, remedy: str = "`penstock runs` lists all runs") -> None:
        super().__init__(f"unknown run {run}: {remedy}")
        self.run = run


class RunRemoved(NoSuchRun):
    """The run was removed after its end."""

    def __init__(self, run: str, text: str) -> None:
        super().__init__(run)
        self.args = (text,)


def not_found(error: Refused, run: str) -> ClientError:
    """Return what a refusal says of a run: NoSuchRun, RunRemoved, or the refusal itself."""
    if error.code != "NOT_FOUND":
        return error
    return RunRemoved(run, error.details) if "was removed on" in error.details else NoSuchRun(run)


async def named(stream: AsyncGenerator[T], run_id: object) -> AsyncGenerator[T]:
    """The same stream, whose NOT_FOUND names the run."""
    try:
        async for response in stream:
            yield response
    except Refused as error:
        raise not_found(error, str(run_id)) from None


class AmbiguousRun(ClientError):
    """A part of a run id matches several runs."""

    def __init__(self, part: str, runs: Sequence[str]) -> None:
        super().__init__(f"{part!r} matches {len(runs)} runs; give more characters of the id: {', '.join(runs)}")
        self.part, self.runs = part, runs


class ForkRefused(ClientError):
    """The run cannot be forked as it is."""


class BadInputs(ClientError):
    """The inputs do not match the workflow; `problems` has one line each."""

    def __init__(self, workflow: str, problems: Sequence[str]) -> None:
        super().__init__(f"inputs of {workflow}: " + "; ".join(problems))
        self.workflow, self.problems = workflow, list(problems)


class BadOutput(ClientError):
    """An output was recorded but cannot be decoded here."""


class NoSuchOutput(ClientError):
    """No output of the run has this name, or it is not there yet."""


class BadFormat(ClientError):
    """The value cannot be saved in the format that the file's name asks for."""


class SaveFailed(ClientError):
    """A file cannot be written, or would replace another."""


class ResultTimeout(ClientError):
    """The run did not end within the timeout; it continues."""

    def __init__(self, run: str, timeout_s: float) -> None:
        super().__init__(f"run {run} has not ended within {timeout_s:g} s; it continues, wait again or cancel it")
        self.run, self.timeout_s = run, timeout_s


class RunFailed(ClientError):
    """The run ended without its outputs because a node failed."""

    def __init__(self, run: str, node: str, cause: str, message: str, traceback: str = "", place: str = "") -> None:
        where = f" ({place})" if place else ""
        lines = [f"run {run} failed: node {node!r}{where}, {cause}: {message}"]
        super().__init__("\n".join([*lines, traceback.rstrip()] if traceback else lines))
        self.run, self.node, self.cause, self.message = run, node, cause, message
        self.traceback, self.place = traceback, place


class RunCancelled(ClientError):
    """The run ended because it was cancelled."""

    def __init__(self, run: str, reason: str = "", user: str = "") -> None:
        by = f" by {user}" if user else ""
        super().__init__(f"run {run} was cancelled{by}" + (f": {reason}" if reason else ""))
        self.run, self.reason, self.user = run, reason, user

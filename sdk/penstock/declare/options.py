"""What an operator asks for: resources, retries, a time limit, and what its failure means."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict

from penstock_plan import secrets
from penstock_plan.limits import MEMORY_DEFAULT_BYTES, RETRY_DELAY_S_MAX, RETRY_FACTOR_MAX
from penstock_proto.plan.v1 import plan_pb2

from ..errors import InvalidDeclaration

OnFailure = Literal["block", "cancel", "continue"]
# Whether results are reused: for as long as they are kept, or for a time, such as "7d".
Cached = bool | dt.timedelta | str

CPU_MAX = 1_000_000.0
GPU_MAX = 1_000_000
RETRIES_MAX = 1_000_000
NAME_LENGTH_MAX = 100

_FAILURE_POLICIES: dict[str, plan_pb2.FailurePolicy] = {
    "block": plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS,
    "cancel": plan_pb2.FAILURE_POLICY_CANCEL_DEPENDENTS,
    "continue": plan_pb2.FAILURE_POLICY_CONTINUE,
}
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?|[KMGT]i)B?")


class _Undeclared(str):
    """Equal to no size that somebody declares."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


MEMORY_DEFAULT: Final = _Undeclared("512Mi")


class Changes(TypedDict, total=False):
    """What one call may change of its operator's options."""

    name: str
    cpu: float
    gpu: int
    memory: str | int | None
    labels: Mapping[str, str] | None
    retries: int
    retry_delay_s: float
    retry_factor: float
    retry_delay_max_s: float
    retry_jitter: float
    timeout_s: float | None
    on_failure: OnFailure
    cache: Cached


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """An operator's options, checked. Raises InvalidDeclaration."""

    name: str | None = None
    cpu: float = 1.0
    gpu: int = 0
    memory: str | int | None = MEMORY_DEFAULT
    labels: Mapping[str, str] | None = field(default=None, hash=False)
    retries: int = 0
    retry_delay_s: float = 1.0
    retry_factor: float = 2.0
    retry_delay_max_s: float = 60.0
    retry_jitter: float = 0.2
    timeout_s: float | None = None
    on_failure: OnFailure = "block"
    secrets: tuple[str, ...] = ()
    cache: Cached = False
    cache_key: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        _within("cpu", self.cpu, 0, CPU_MAX)
        _whole("gpu", self.gpu, GPU_MAX)
        _whole("retries", self.retries, RETRIES_MAX)
        _within("retry_delay_s", self.retry_delay_s, 0, RETRY_DELAY_S_MAX)
        _within("retry_factor", self.retry_factor, 1, RETRY_FACTOR_MAX)
        _within("retry_delay_max_s", self.retry_delay_max_s, 0, RETRY_DELAY_S_MAX)
        _within("retry_jitter", self.retry_jitter, 0, 1)
        if self.timeout_s is not None and not (_is_number(self.timeout_s) and 0 < self.timeout_s < float("inf")):
            raise InvalidDeclaration(f"timeout_s must be seconds above 0, or None for no limit, not {self.timeout_s!r}")
        if self.on_failure not in tuple(_FAILURE_POLICIES):
            raise InvalidDeclaration(
                f"on_failure must be one of {', '.join(_FAILURE_POLICIES)}, not {self.on_failure!r}"
            )
        memory_bytes(self.memory)
        _check_labels(self.labels or {})
        _check_secrets(self.secrets)
        self.caching()
        if self.cache_key is not None and not callable(self.cache_key):
            raise InvalidDeclaration(
                f"cache_key must be a function of the operator's arguments, not {self.cache_key!r:.80}"
            )

    def caching(self) -> plan_pb2.Cache | None:
        """Return whether and for how long results are reused."""
        return None if self.cache is False else plan_pb2.Cache(lifetime_s=_lifetime_s(self.cache))

    def resources(self) -> plan_pb2.Resources:
        return plan_pb2.Resources(
            cpu_milli=round(self.cpu * 1000),
            gpu=self.gpu,
            memory_bytes=(memory := memory_bytes(self.memory)),
            labels=dict(self.labels or {}),
            memory_is_declared=memory == MEMORY_DEFAULT_BYTES and self.memory is not MEMORY_DEFAULT,
        )

    def retry(self) -> plan_pb2.RetryPolicy:
        return plan_pb2.RetryPolicy(
            retries=self.retries,
            delay_s=self.retry_delay_s,
            factor=self.retry_factor,
            delay_max_s=self.retry_delay_max_s,
            jitter=self.retry_jitter,
        )

    def failure_policy(self) -> plan_pb2.FailurePolicy:
        return _FAILURE_POLICIES[self.on_failure]


def overrides(declared: Options, called: Options) -> plan_pb2.Overrides | None:
    """What the call has differently from the declaration; None if nothing."""
    message = plan_pb2.Overrides()
    if (resources := called.resources()) != declared.resources():
        message.resources.CopyFrom(resources)
    if (retry := called.retry()) != declared.retry():
        message.retry.CopyFrom(retry)
    if called.timeout_s != declared.timeout_s:
        message.timeout_s = called.timeout_s or 0.0
    if called.on_failure != declared.on_failure:
        message.on_failure = called.failure_policy()
    if (cache := called.caching()) != declared.caching():
        message.cache.CopyFrom(cache or plan_pb2.Cache(is_off=True))
    return message if message.ByteSize() else None


def memory_bytes(memory: str | int | None) -> int:
    """Bytes of a size such as 512, "512Mi", "1.5G"; 0 for None: nothing is set aside."""
    if memory is None:
        return 0
    if isinstance(memory, int) and not isinstance(memory, bool) and 0 <= memory < 2**63:
        return memory
    match = _MEMORY.fullmatch(memory.strip()) if isinstance(memory, str) else None
    size = int(float(match[1]) * _UNITS[match[2]]) if match else -1
    if not 0 <= size < 2**63:
        raise InvalidDeclaration(f'memory must be bytes or a size such as "512Mi" or "2G", not {memory!r}')
    return size


def _lifetime_s(cache: Cached) -> float:
    """Return the seconds for which a result may be reused; 0: no limit."""
    if cache is True:
        return 0.0
    seconds = cache.total_seconds() if isinstance(cache, dt.timedelta) else 0.0
    if isinstance(cache, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", cache.strip())):
        seconds = float(match[1]) * _SECONDS.get(match[2], 0)
    if not 0 < seconds < float("inf"):
        raise InvalidDeclaration(
            f'cache must be True, False, a timedelta above 0, or a time such as "7d" or "12h", not {cache!r:.80}'
        )
    return seconds


def check_name(name: str, what: str = "name") -> None:
    """Raise InvalidDeclaration for a name that is empty, too long, or has characters that no message can carry."""
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_LENGTH_MAX:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"{what} must be text of 1 to {NAME_LENGTH_MAX} characters, not {name!r:.250}")
    _check_characters(name, what)


def _check_labels(labels: Mapping[str, str]) -> None:
    if not isinstance(labels, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"labels must map text to text, not {labels!r:.250}")
    for label, value in labels.items():
        check_name(label, "a label of labels")
        if not isinstance(value, str) or len(value) > NAME_LENGTH_MAX:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidDeclaration(f"labels must map text to text, not {dict(labels)!r:.250}")
        _check_characters(value, "a value of labels")


def _check_secrets(names: tuple[str, ...]) -> None:
    if len(names) > secrets.COUNT_MAX or len(set(names)) < len(names):
        raise InvalidDeclaration(f"secrets must be at most {secrets.COUNT_MAX} different names, not {names!r:.250}")
    for name in names:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidDeclaration(f"secrets must be names, not {names!r:.250}")
        try:
            secrets.check_name(name)
        except secrets.SecretError as error:
            raise InvalidDeclaration(str(error)) from None


def _check_characters(text: str, what: str) -> None:
    if _UNUSABLE.search(text):
        raise InvalidDeclaration(f"{what} has control characters, or some that UTF-8 cannot encode: {text!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (_is_number(value) and low <= value <= high and value != float("inf")):
        raise InvalidDeclaration(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def _whole(name: str, value: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= high:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidDeclaration(f"{name} must be a whole number from 0 to {high}, not {value!r}")

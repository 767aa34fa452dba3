"""The findings of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: an error stops or endangers runs, a warning will, or slows them."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at, such as "workers".
        text: What was found.
        remedy: What to do; empty where all is well.
    """

    check: str
    severity: Severity
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, Severity.OK, text)


def warning(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Severity.WARNING, text, remedy)


def error(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Severity.ERROR, text, remedy)

"""Dates and times as text that keeps their zone: `2024-03-01T09:00:00+01:00[Europe/Berlin]`, as in RFC 9557."""

import datetime
import re
from collections.abc import Iterable
from typing import TypeVar
from zoneinfo import ZoneInfo

import pydantic_core

FOLD = "[fold=1]"  # the second of two equal times, when clocks are put back
REMEDY = "give it a zoneinfo.ZoneInfo by name, or a datetime.timezone"
_SUFFIX = re.compile(r"\[([^\[\]]+)\]")

T = TypeVar("T", datetime.datetime, datetime.time)


def has_known_zones(times: Iterable[datetime.datetime | datetime.time]) -> bool:
    """Whether all zones come back: none, a named ZoneInfo, or a fixed offset."""
    return all(_is_known(zone) for zone in {each.tzinfo for each in times})


def zone_text(zone: datetime.tzinfo | None) -> str | None:
    """The name of a zone, or its offset such as `+05:30`; None if it has neither that comes back."""
    if not _is_known(zone) or zone is None:
        return None
    if isinstance(zone, ZoneInfo):
        return zone.key
    return datetime.datetime(2000, 1, 1, tzinfo=zone).isoformat()[19:]


def zone(text: str) -> datetime.tzinfo:
    """The zone of such a text; raises ValueError."""
    if text[:1] in ("+", "-"):
        return _offset(datetime.datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo)
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, ModuleNotFoundError):
        raise ValueError(f"unknown time zone {text!r}; install tzdata, or use another zone") from None


def written(time: datetime.datetime | datetime.time) -> str:
    """The text of a date and time, or of a time."""
    name = f"[{time.tzinfo.key}]" if isinstance(time.tzinfo, ZoneInfo) else ""
    return time.isoformat() + name + (FOLD if time.fold else "")


def read_datetime(text: object) -> datetime.datetime:
    """Raises ValueError."""
    return _read(text, datetime.datetime, "a date and time, such as 2024-05-01T10:00:00+02:00[Europe/Berlin]")


def read_time(text: object) -> datetime.time:
    """Raises ValueError."""
    return _read(text, datetime.time, "a time of day, such as 10:00:00")


def _read(text: object, kind: type[T], expected: str) -> T:
    if not isinstance(text, str):
        raise ValueError(f"expected {expected}")
    plain, suffixes = _SUFFIX.sub("", text), _SUFFIX.findall(text)
    try:
        time = kind.fromisoformat(plain)
    except ValueError:
        raise ValueError(f"expected {expected}") from None
    if type(time.tzinfo) is datetime.timezone and not suffixes:
        return time
    named = [each for each in suffixes if "=" not in each]
    place = zone(named[0]) if named else time.tzinfo
    return time.replace(tzinfo=place, fold=int("fold=1" in suffixes))


def _is_known(zone: datetime.tzinfo | None) -> bool:
    if type(zone) is ZoneInfo:
        return bool(zone.key)
    if zone is None or isinstance(zone, pydantic_core.TzInfo):
        return True
    return type(zone) is datetime.timezone and zone.tzname(None) == datetime.timezone(zone.utcoffset(None)).tzname(None)


def _offset(zone: datetime.tzinfo | None) -> datetime.tzinfo:
    return zone if zone is not None else datetime.UTC

"""The rules for Postgres, Kafka and clocks. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock_proto.state_tracker.v1 import diagnosis_pb2

from .facts import Facts, Kind
from .findings import Finding, error, ok, warning

CLOCKS_APART_S_MAX: Final = 1.0
POSTGRES_MIN: Final = 15
# Without these a crash of the machine can lose what was answered as recorded.
DURABLE: Final = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
RETENTION_MS_MIN: Final = 24 * 3600 * 1000
TOPICS: Final = ("events", "actions", "reports", "dead-letter")


def databases(facts: Facts) -> Iterator[Finding]:
    """Postgres answers, and is set up so that nothing recorded is lost."""
    for name, database in sorted(databases_of(facts).items()):
        if database.error:
            text = f"{name} does not respond: {database.error}"
            yield error("databases", text, "start Postgres, and check its log and disk")
            continue
        wrong = [
            f"{setting} is {database.settings[setting]}"
            for setting, allowed in DURABLE.items()
            if database.settings.get(setting, allowed[0]) not in allowed
        ]
        if wrong:
            yield error(
                "databases",
                f"{name} may lose recorded events when the machine crashes: {', '.join(wrong)}",
                "enable it in postgresql.conf, then run SELECT pg_reload_conf()",
            )
        if _major(database.version) < POSTGRES_MIN:
            yield warning(
                "databases",
                f"{name} is Postgres {database.version}",
                f"upgrade: only Postgres {POSTGRES_MIN} and later are tested",
            )
        if not wrong:
            yield ok("databases", f"{name}: Postgres {database.version}, durable")


def broker(facts: Facts) -> Iterator[Finding]:
    """Kafka answers, with topics as followers need them. Without it runs go on, more slowly."""
    found = {d.broker.address: d.broker for d in _diagnoses(facts) if d.HasField("broker")}
    for address, one in found.items():
        if one.error or not one.connected:
            why = one.error or "the State Tracker is not connected"
            yield warning(
                "broker",
                f"Kafka at {address} does not respond: {why}",
                "start it; meanwhile runs continue, each step up to a second slower, and consumers of events wait",
            )
            continue
        names = {topic.name.rpartition(".")[2] for topic in one.topics}
        if missing := [name for name in TOPICS if name not in names]:
            text = f"Kafka at {address} has no topic {', '.join(missing)}"
            yield warning("broker", text, "restart the State Trackers, which create it")
        partitions = {topic.partitions for topic in one.topics if not topic.name.endswith(TOPICS[-1])}
        short = [t.name for t in one.topics if 0 <= int(t.configs.get("retention.ms", "-1")) < RETENTION_MS_MIN]
        if short:
            text = f"{', '.join(short)} have a retention of less than a day"
            yield warning("broker", text, "raise the topic's retention.ms")
        if one.dead_letters:
            yield warning(
                "broker",
                f"{one.dead_letters} records were unreadable since the State Tracker started",
                "read the dead-letter topic: each record says why",
            )
        if not missing and not short:
            yield ok("broker", f"Kafka at {address}: {len(one.topics)} topics, {max(partitions, default=0)} partitions")


def clocks(facts: Facts) -> Iterator[Finding]:
    """Logs and traces of several hosts make sense together. Nothing durable depends on it."""
    apart = {f"the State Tracker at {one.address}": one.ahead_s for one in facts.of(Kind.STATE_TRACKER)}
    apart |= {name: database.ahead_s for name, database in databases_of(facts).items() if not database.error}
    for name, ahead_s in apart.items():
        if abs(ahead_s) > CLOCKS_APART_S_MAX:
            word = "ahead" if ahead_s > 0 else "behind"
            yield warning(
                "clocks", f"the clock of {name} is {abs(ahead_s):.1f} s {word}", "synchronise the clocks by NTP"
            )
    if all(abs(ahead_s) <= CLOCKS_APART_S_MAX for ahead_s in apart.values()):
        yield ok("clocks", "the clocks agree within a second")


def _diagnoses(facts: Facts) -> list[diagnosis_pb2.DiagnoseResponse]:
    return [process.diagnosis for process in facts.of(Kind.STATE_TRACKER) if process.diagnosis is not None]


def databases_of(facts: Facts) -> dict[str, diagnosis_pb2.DatabaseHealth]:
    """Return each database once, as reported by a State Tracker that can reach it."""
    found: dict[str, diagnosis_pb2.DatabaseHealth] = {}
    for diagnosis in _diagnoses(facts):
        for database in diagnosis.databases:
            if database.name not in found or found[database.name].error:
                found[database.name] = database
    return found


def _major(version: str) -> int:
    digits = version.split(".")[0].split()[0] if version else ""
    return int(digits) if digits.isdecimal() else 0

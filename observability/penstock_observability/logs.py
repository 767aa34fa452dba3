"""Structured logs: one JSON object a line for machines, one plain line for people.

A record about a run is told so: `log.info("...", extra=about(run_id, node=3, attempt=1))`.
"""

import json
import logging
import sys
import time
import uuid
from typing import Any, Final

from penstock_proto.wire import RUN_ID_BYTES

from . import trace_ids

# Attributes that every record has; what else is on it was given by `extra`.
STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# By which people find the run; the ids of its trace follow from these.
SHOWN: Final = {"run_id": "run", "node": "node", "attempt": "attempt"}


def configure(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send this process's logs to standard error; as JSON unless that is a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    if as_json is None:
        as_json = not sys.stderr.isatty()
    handler.setFormatter(JsonFormatter(service) if as_json else PlainFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A line for each lost connection attempt helps nobody; the services say what it means.
    for noisy in ("grpc", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for noisy in ("aiokafka", "asyncpg"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def about(run_id: bytes, node: int | None = None, attempt: int | None = None) -> dict[str, Any]:
    """Return the fields of a record that concerns a run: its id, and where its trace shows the same."""
    if len(run_id) != RUN_ID_BYTES:
        return {"run_id": run_id.hex()}
    fields: dict[str, Any] = {"run_id": str(uuid.UUID(bytes=run_id)), "trace_id": run_id.hex()}
    if node is None or attempt is None:
        return fields | {"span_id": f"{trace_ids.run_span(run_id):016x}"}
    span_id = trace_ids.attempt_span(run_id, node, (), attempt)
    return fields | {"span_id": f"{span_id:016x}", "node": node, "attempt": attempt}


def harmless(text: str) -> str:
    """Return the text with control characters written out, and further lines moved in.

    Names and messages of others are in it: they can neither steer a terminal nor look like a record of their own.
    """
    kept = "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)
    return kept.replace("\n", "\n    ")


class PlainFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self, service: str) -> None:
        super().__init__(f"%(asctime)s {service} %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line, with the run that it is about."""
        shown = [f"{word} {getattr(record, name)}" for name, word in SHOWN.items() if hasattr(record, name)]
        return harmless(super().formatMessage(record)) + (f" ({', '.join(shown)})" if shown else "")

    def formatException(self, ei: Any) -> str:
        """Return the traceback; what was raised may quote others, too."""
        return "    " + harmless(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """One object a line, with the fields of OpenTelemetry's log model under their usual names."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)

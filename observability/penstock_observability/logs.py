"""Structured logs: one JSON object a line for machines, one plain line for people."""

import json
import logging
import sys
import time
from contextvars import ContextVar
from typing import Any, Final

# The run that is being worked on, for whoever logs beneath; hex, empty for none.
run_id: ContextVar[str] = ContextVar("run_id", default="")
# Attributes that every record has; what else is on it was given by `extra`.
STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send this process's logs to standard error; as JSON unless that is a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    if as_json is None:
        as_json = not sys.stderr.isatty()
    plain = f"%(asctime)s {service} %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(JsonFormatter(service) if as_json else logging.Formatter(plain))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A line for each lost connection attempt helps nobody; the services say what it means.
    for noisy in ("grpc", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


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
        if run := run_id.get():
            entry["run_id"] = run
        entry |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)

"""Log records about runs: what machines and people read of them."""

import json
import logging
import uuid

from penstock_observability import logs, trace_ids

RUN = uuid.UUID("0198a5b0-0000-7000-8000-0000000000ff")


def record(**extra: object) -> logging.LogRecord:
    return logging.getLogger("some.module").makeRecord(
        "some.module", logging.WARNING, __file__, 1, "it %s", ("failed",), None, extra=extra
    )


def test_a_record_names_its_run_and_where_its_trace_shows_it() -> None:
    entry = json.loads(logs.JsonFormatter("penstock-x").format(record(**logs.about(RUN.bytes, 3, 2))))
    assert entry["message"] == "it failed"
    assert (entry["service"], entry["level"]) == ("penstock-x", "WARNING")
    assert (entry["run_id"], entry["node"], entry["attempt"]) == (str(RUN), 3, 2)
    context = f"00-{entry['trace_id']}-{entry['span_id']}-01"
    assert context == trace_ids.traceparent(RUN.bytes, 3, (), 2)


def test_people_read_the_run_at_the_end_of_the_line() -> None:
    formatter = logs.PlainFormatter("penstock")
    assert formatter.format(record(**logs.about(RUN.bytes, 0, 1))).endswith(f"it failed (run {RUN}, node 0, attempt 1)")
    assert formatter.format(record(**logs.about(RUN.bytes))).endswith(f"it failed (run {RUN})")
    assert formatter.format(record()).endswith("it failed")


def test_what_others_said_neither_steers_a_terminal_nor_looks_like_a_record() -> None:
    said = "\x1b[2J\x9b31m\u202e\r\n2026-01-01 00:00:00,000 penstock ERROR forged"
    made = logging.getLogger("m").makeRecord("m", logging.INFO, __file__, 1, "worker %s", (said,), None)
    first, second = logs.PlainFormatter("penstock").format(made).split("\n")
    assert first.endswith("worker \\x1b[2J\\x9b31m\\u202e\\r")
    assert second.startswith("    2026")


def test_an_id_that_is_none_is_shown_as_it_is() -> None:
    assert logs.about(b"\x01\x02") == {"run_id": "0102"}

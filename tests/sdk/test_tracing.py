"""The trace context that operators find."""

import contextvars
import os
import subprocess
import sys

import pytest
from opentelemetry import trace
from penstock import tracing

PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_outside_of_operators_there_is_no_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.VARIABLE, raising=False)
    assert not trace.get_current_span(tracing.context()).get_span_context().is_valid


def test_the_attempt_is_the_parent_of_what_is_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.VARIABLE, "")
    contextvars.copy_context().run(enter_and_look)
    assert os.environ[tracing.VARIABLE] == PARENT


def enter_and_look() -> None:
    tracing.enter(PARENT)
    for parent in (trace.get_current_span(), trace.get_current_span(tracing.context())):
        found = parent.get_span_context()
        assert (found.trace_id, found.span_id, found.is_remote) == (int("ab" * 16, 16), int("cd" * 8, 16), True)


def test_it_is_not_imported_for_operators_that_do_not() -> None:
    code = f"""
import sys
from penstock import tracing
tracing.enter({PARENT!r})
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the size of a process is counted otherwise")
def test_many_attempts_leave_no_memory_behind_and_programs_find_the_last() -> None:
    code = """
import resource, subprocess, sys
from penstock import tracing
def enter(number):
    tracing.enter(f"00-{number:032x}-{number:016x}-01")
enter(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(2, 200_000):
    enter(number)
grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown_kib < 2_000, grown_kib
found = subprocess.check_output([sys.executable, "-c", "import os; print(os.environ['TRACEPARENT'])"], text=True)
assert found == f"00-{199_999:032x}-{199_999:016x}-01\\n", found
"""
    subprocess.run([sys.executable, "-c", code], check=True)

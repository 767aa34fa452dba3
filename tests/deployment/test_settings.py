"""What a service does with an environment, and with arguments, that make no sense: it says so and ends."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from penstock_service.errors import ServiceError
from penstock_service.process import problems
from penstock_state_tracker.settings import Settings
from pydantic import ValidationError

from tests.waiting import WAIT_S

settings: Any = Settings
SCRIPT = Path(sys.executable).with_name("penstock-state-tracker")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PENSTOCK_DATABASE_URLS", "", "PENSTOCK_DATABASE_URLS: Tuple should have at least 1 item"),
        ("PENSTOCK_LISTEN", "here", "PENSTOCK_LISTEN: Value error, invalid address 'here': expected HOST:PORT"),
        ("PENSTOCK_LISTEN", "0.0.0.0:7733", "PENSTOCK_LISTEN=0.0.0.0:7733 is open to other machines"),
        ("PENSTOCK_METRICS_LISTEN", "[::]:9464", "PENSTOCK_METRICS_LISTEN=[::]:9464 is open to other machines"),
        ("PENSTOCK_SHARDS", "0", "PENSTOCK_SHARDS: Input should be greater than or equal to 1"),
    ],
)
def test_a_mistake_is_named(variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URLS", "postgresql:///one,postgresql:///two")
    assert settings().database_urls == ("postgresql:///one", "postgresql:///two")
    monkeypatch.setenv(variable, value)
    with pytest.raises((ValidationError, ServiceError)) as caught:
        settings()
    (line,) = problems(caught.value)
    assert line.startswith(said)


@pytest.mark.parametrize("password", ["se/cret", "se?cret", "se#cret", "se,cret"])
def test_a_password_that_is_not_encoded_is_not_shown(password: str) -> None:
    url = f"postgresql://penstock:{password}@127.0.0.1:1/penstock"
    done = subprocess.run(
        [SCRIPT], env={"PENSTOCK_DATABASE_URLS": url}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "in a password as %2F" in done.stderr
    assert "se" not in done.stderr.replace("password", "").split() and "cret" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "error: PENSTOCK_DATABASE_URLS: Field required\n"), (["--shards"], "unrecognized arguments: --shards\n")],
)
def test_a_service_that_cannot_start_ends_with_2(words: list[str], said: str) -> None:
    done = subprocess.run([SCRIPT, *words], env={}, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 2
    assert done.stderr.endswith(said)
    assert "Traceback" not in done.stderr

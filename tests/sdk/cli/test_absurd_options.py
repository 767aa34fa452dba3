"""Options that no machine can fulfil are refused, with what to give instead."""

import pytest
from penstock.cli.app import execute


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("up", "--cpu", "0"), "0 cores: give a number above 0"),
        (("up", "--cpu", "-2"), "-2 cores: give a number above 0"),
        (("up", "--cpu", "nan"), "nan cores: give a number above 0"),
        (("up", "--cpu", "inf"), "inf cores: give a number above 0"),
        (("up", "--memory", "0"), "'0' of memory: give a size above 0"),
        (("up", "--memory", "-4Gi"), "'-4Gi' of memory: give a size above 0"),
        (("up", "--memory", "lots"), "'lots' of memory: give a size above 0"),
        (("up", "--gpu", "-1"), "Input should be"),
        (("up", "--port", "70000"), "Input should be"),
        (("up", "--metrics-port", "-1"), "Input should be"),
        (("up", "--shards", "0"), "Input should be"),
        (("worker", "--cpu", "0"), "0 cores: give a number above 0"),
        (("worker", "--memory", "-1"), "'-1' of memory: give a size above 0"),
        (("worker", "--drain-s", "-1"), "-1 s: give a number of seconds"),
        (("worker", "--drain-s", "nan"), "nan s: give a number of seconds"),
        (("run", "flow.py:f", "--priority", "4000000000"), "Input should be"),
    ],
)
def test_an_absurd_option_is_refused(
    words: tuple[str, ...],
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: object,
) -> None:
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path))
    assert execute(words) == 2
    told = capsys.readouterr()
    assert text in told.err and words[-2] in told.err
    assert told.out == ""

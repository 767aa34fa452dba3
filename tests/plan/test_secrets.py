"""Secrets by name: where they are found, what is refused, and what a text may not show."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan import secrets
from penstock_plan.secrets import Redactor, SecretError, SecretMissing


def write(folder: Path, name: str, value: bytes, mode: int = 0o600) -> None:
    (folder / name).write_bytes(value)
    (folder / name).chmod(mode)


def test_where_a_secret_is_found(tmp_path: Path) -> None:
    write(tmp_path, "hf-token", b"from a file\n")
    (tmp_path / "linked").symlink_to(tmp_path / "hf-token")  # as Kubernetes mounts them
    write(tmp_path, "grouped", b"a\r\n", 0o640)
    folder = str(tmp_path)
    assert secrets.read("hf-token", {}, folder) == secrets.read("linked", {}, folder) == "from a file"
    assert secrets.read("grouped", {}, folder) == "a"
    assert secrets.read("hf-token", {"PENSTOCK_SECRET_HF_TOKEN": "given"}, folder) == "given"
    for name in ("db_password", "db-password"):
        assert secrets.read(name, {"PENSTOCK_SECRET_DB_PASSWORD": "x"}) == "x"


def test_what_is_missing_or_open_is_named(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with pytest.raises(SecretMissing, match=f"PENSTOCK_SECRET_HF_TOKEN or the file {folder}/hf-token"):
        secrets.read("hf-token", {}, folder)
    with pytest.raises(SecretMissing, match="a file hf-token in the folder PENSTOCK_SECRETS_FOLDER"):
        secrets.read("hf-token", {})
    with pytest.raises(SecretMissing, match="is empty"):
        secrets.read("hf-token", {"PENSTOCK_SECRET_HF_TOKEN": ""})
    write(tmp_path, "open", b"hunter2", 0o644)
    with pytest.raises(SecretError, match="mode 0644; `chmod 600") as caught:
        secrets.read("open", {}, folder)
    assert "hunter2" not in str(caught.value)
    write(tmp_path, "binary", b"\xff\xfe")
    write(tmp_path, "empty", b"\n")
    write(tmp_path, "large", b"x" * (secrets.VALUE_BYTES_MAX + 1))
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    cases = {"binary": "not UTF-8", "empty": "is empty", "large": "too large", "folder": "not a file"}
    for name, text in (cases | {"pipe": "not a file"}).items():
        with pytest.raises(SecretError, match=text):
            secrets.read(name, {}, folder)


@pytest.mark.parametrize("name", ["", "A", "../passwd", "a/b", "a.b", "a b", "-a", "a-", "a--b", "1", "a" * 65, "ä"])
def test_names_that_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="invalid name"):
        secrets.read(name, {}, str(tmp_path))


KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7\n-----END KEY-----"


def test_texts_do_not_show_values() -> None:
    redact = Redactor({"token": "pa/ss wörd'1", "key": KEY, "short": "abc", "longer": "pa/ss wörd'1234"})
    for text in ("x pa/ss wörd'1 y", repr("pa/ss wörd'1"), json.dumps({"a": KEY}), "pa%2Fss%20w%C3%B6rd%271"):
        shown = redact(text)
        assert "wörd" not in shown and "MIIE" not in shown and "[secret " in shown, shown
    assert redact("cGEvc3Mgd8O2cmQnMQ==") == "[secret token]=="
    for line in KEY.splitlines():
        assert line not in redact(f"at {line}!")
    assert redact("pa/ss wörd'1234") == "[secret longer]" and redact("abc") == "abc"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_value_is_left(value: str, before: str, after: str) -> None:
    shown = Redactor({"a": value})(before + value + after)
    assert value not in shown.replace("[secret a]", "\0") or value in "[secret a]"

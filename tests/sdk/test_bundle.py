"""Bundles: the same files make the same bytes, and no archive writes outside of its folder."""

import io
import os
import stat
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.compiler import bundle
from penstock.compiler.bundle import BadBundle, BundleError, BundleTooLarge, build, unpack


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    files = {
        "flow.py": "x = 1\n",
        "package/__init__.py": "",
        "package/деталь.py": "y = 2\n",
        "empty/keep.txt": "not Python",
        ".hidden/a.py": "",
        "venv/pyvenv.cfg": "",
        "data/version.json": "{}",
        "data/postgres/PG_VERSION": "18",
        "data/artifacts/x.py": "",
        "data/scratch/y.py": "",
        "venv/lib/b.py": "",
        "node_modules/c.py": "",
        "package/__pycache__/d.py": "",
        "build/e.py": "",
        "dist/f.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def names(data: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(data)).namelist()


def archive(*entries: tuple[str, bytes, int]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            file.writestr(info, content)
    return out.getvalue()


def test_python_files_and_nothing_else(project: Path) -> None:
    made = build(project)
    assert names(made.data) == ["flow.py", "package/__init__.py", "package/деталь.py"]
    assert made.files == 3


def test_the_same_files_make_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = build(project)
    os.utime(project / "flow.py", (1, 1))
    (project / "flow.py").chmod(0o755)
    (project / "notes.md").write_text("changes nothing")
    assert build(project) == first
    unpacked = unpack(first.data, tmp_path / "bundles")
    assert build(unpacked) == first
    (project / "flow.py").write_text("x = 2\n")
    assert build(project).hash != first.hash


def test_unpacking_is_whole_and_once(project: Path, tmp_path: Path) -> None:
    made = build(project)
    folder = tmp_path / "bundles"
    target = unpack(made.data, folder)
    assert target == folder / made.hash.hex()
    assert (target / "package/деталь.py").read_text() == "y = 2\n"
    before = target.stat()
    assert unpack(made.data, folder) == target
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [each.name for each in folder.iterdir()] == [made.hash.hex()]


def test_many_unpack_the_same_bundle_at_once(project: Path, tmp_path: Path) -> None:
    made = build(project)
    folder = tmp_path / "bundles"
    targets: list[Path] = []
    threads = [threading.Thread(target=lambda: targets.append(unpack(made.data, folder))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert targets == [folder / made.hash.hex()] * 16
    assert [each.name for each in folder.iterdir()] == [made.hash.hex()]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../evil.py", 0o644),
        ("a/../../evil.py", 0o644),
        ("/tmp/evil.py", 0o644),
        ("a\\..\\evil.py", 0o644),
        ("link.py", stat.S_IFLNK | 0o777),
        ("pipe.py", stat.S_IFIFO | 0o644),
        ("library.so", 0o644),
        ("folder/", 0o755),
        ("", 0o644),
    ],
)
def test_what_does_not_belong_into_a_bundle_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    data = archive(("good.py", b"", 0o644), (name, b"/etc/passwd", mode))
    with pytest.raises(BadBundle):
        unpack(data, tmp_path / "bundles")
    assert list(tmp_path.rglob("*.py")) == []
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_takes_much_memory_to_unpack_is_refused(tmp_path: Path, compression: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        file.writestr("a.py", b"x = 1")
    with pytest.raises(BadBundle, match=r"may not contain 'a\.py'"):
        unpack(out.getvalue(), tmp_path / "bundles")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("a.py", b"1")
        file.writestr("a.py", b"2")
    with pytest.raises(BadBundle):
        unpack(out.getvalue(), tmp_path / "bundles")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.py", bytes(bundle.BUNDLE_BYTES_MAX + 1))
    with pytest.raises(BadBundle, match="at most"):
        unpack(out.getvalue(), tmp_path / "bundles")
    lying = bytearray(out.getvalue())  # announces one byte, holds more
    entry = lying.rindex(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = (1).to_bytes(4, "little")
    with pytest.raises(BadBundle):
        unpack(bytes(lying), tmp_path / "bundles")
    assert list((tmp_path / "bundles").iterdir()) == []
    monkeypatch.setattr(bundle, "FILES_MAX", 1)
    with pytest.raises(BadBundle, match="at most"):
        unpack(archive(("a.py", b"", 0o644), ("b.py", b"", 0o644)), tmp_path / "bundles")


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_unpacked_never_worse(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = bytearray(archive(("a.py", b"x = 1", 0o644), ("b/c.py", b"", 0o644)))
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.getbasetemp() / "bundles"
    try:
        target = unpack(bytes(good), folder)
    except BadBundle:
        return
    assert all(path.resolve().is_relative_to(target) for path in target.rglob("*"))


def test_the_wrong_folder_is_said_with_its_biggest_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "big.py").write_text("#" * 1000)
    monkeypatch.setattr(bundle, "BUNDLE_BYTES_MAX", 500)
    with pytest.raises(BundleTooLarge, match=r"big\.py \(1000 bytes\), flow\.py"):
        build(project)
    monkeypatch.setattr(bundle, "BUNDLE_BYTES_MAX", 5000)
    monkeypatch.setattr(bundle, "FILES_MAX", 3)
    with pytest.raises(BundleTooLarge, match="4 Python files"):
        build(project)


def test_odd_folders(project: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a folder"):
        build(project / "flow.py")
    (project / "loop").symlink_to(project)
    (project / "broken.py").symlink_to(project / "missing.py")
    (project / "folder.py").mkdir()
    assert build(project).files == 3
    (tmp_path / "nothing").mkdir()
    assert build(tmp_path / "nothing").files == 0
    assert list(unpack(build(tmp_path / "nothing").data, tmp_path / "bundles").iterdir()) == []


def test_a_name_that_is_no_text_is_not_packed_unless_it_is_included(project: Path) -> None:
    if sys.platform != "linux":  # elsewhere every name is text
        return
    whole = build(project)
    (project / os.fsdecode(b"\xff.py")).write_text("")
    (project / "package" / os.fsdecode(b"\xff.txt")).write_text("")
    assert build(project) == whole
    (project / "pyproject.toml").write_text('[tool.penstock]\ninclude = ["package/*.txt"]\n')
    with pytest.raises(BundleError, match="rename"):
        build(project)

"""What is saved is what was put out: formats by suffix, folders of parts, names that are no paths."""

import csv
import io
import json
import math
import os
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas  # pyright: ignore[reportMissingTypeStubs]
import pyarrow  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet  # pyright: ignore[reportMissingTypeStubs, reportUnusedImport]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock import Dataset, Metrics, Model, Report, codecs
from penstock.client import BadFormat, SaveFailed, trees
from penstock.client.exports import safe_name
from penstock.client.saving import save
from penstock.codecs.previews.figures import figure
from penstock_proto.wire import in_words

from tests.sdk.pictures import png

# Their type hints are partly unknown.
pd, pa = cast(Any, pandas), cast(Any, pyarrow)


def tree(value: object) -> trees.Tree:
    encoded = codecs.encode(value)
    data = memoryview(encoded.data)
    return trees.of_value(codecs.to_value(encoded, KEEPS_NOTHING, inline_bytes_max=1 << 30), data)


class KeepsNothing:
    """A store for values that are all inline."""

    def put_parts(self, parts: object) -> bytes:
        raise AssertionError

    def get(self, artifact: bytes) -> bytes:
        raise AssertionError

    def path(self, artifact: bytes) -> Path:
        raise AssertionError


KEEPS_NOTHING = KeepsNothing()


def saved(value: object, name: str, folder: Path) -> Path:
    return save(tree(value), "value", folder / name).path


FRAME = pd.DataFrame({"n": [1, 2], "text": ["a,b", 'q"x']})


def test_a_table_in_each_format(tmp_path: Path) -> None:
    assert saved(FRAME, "t.csv", tmp_path).read_text() == 'n,text\n1,"a,b"\n2,"q""x"\n'
    assert saved(FRAME, "t.TSV", tmp_path).read_text().startswith("n\ttext\n")
    assert pd.read_parquet(saved(FRAME, "t.parquet", tmp_path)).equals(FRAME)
    with pa.ipc.open_stream(saved(FRAME, "t.arrow", tmp_path).read_bytes()) as reader:
        assert reader.read_all().num_rows == 2
    assert json.loads(saved(FRAME, "t.json", tmp_path).read_text())[1] == {"n": 2, "text": 'q"x'}
    with pytest.raises(BadFormat, match=r"\.csv, \.tsv, \.parquet, \.arrow, \.json, not as \.xlsx"):
        saved(FRAME, "t.xlsx", tmp_path)


def test_an_index_with_a_meaning_is_kept(tmp_path: Path) -> None:
    named = FRAME.set_index("text")
    assert saved(named, "i.csv", tmp_path).read_text().splitlines()[0] == "text,n"
    assert pd.read_parquet(saved(named, "i.parquet", tmp_path)).equals(named)
    filtered = FRAME[FRAME["n"] > 1]
    assert saved(filtered, "f.csv", tmp_path).read_text().splitlines() == [",n,text", '1,2,"q""x"']


OTHERS: list[Any] = [
    Dataset({"x": np.arange(2), "y": ["a", "b"]}),
    Dataset({"x": [0, 1], "y": ["a", "b"]}),
    [{"x": 0, "y": "a"}, {"x": 1, "y": "b"}],
    pa.table({"x": [0, 1], "y": ["a", "b"]}),
]


@pytest.mark.parametrize("value", OTHERS)
def test_other_tables(value: Any, tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(saved(value, "t.csv", tmp_path).read_text())))
    assert rows == [["x", "y"], ["0", "a"], ["1", "b"]]
    assert pa.parquet.read_table(saved(value, "t.parquet", tmp_path)).to_pydict() == {"x": [0, 1], "y": ["a", "b"]}


def test_arrays_text_and_reports(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(np.load(saved(array, "a.npy", tmp_path)), array)
    assert saved(array, "a.csv", tmp_path).read_text() == "0.0,1.0,2.0\n3.0,4.0,5.0\n"
    with pytest.raises(BadFormat, match="3 axes"):
        saved(np.zeros((2, 2, 2)), "b.csv", tmp_path)
    assert saved("two\nlines", "t.log", tmp_path).read_bytes() == b"two\nlines"
    assert saved("two\nlines", "t.json", tmp_path).read_text() == '"two\\nlines"\n'
    report = Report("Title", "**bold**", Metrics({"accuracy": 0.9}))
    assert saved(report, "r.md", tmp_path).read_text() == "# Title\n\n**bold**\n"
    assert json.loads(saved(report, "r.json", tmp_path).read_text())["metrics"] == {"numbers": {"accuracy": 0.9}}
    with pytest.raises(BadFormat, match=r"not as \.parquet"):
        saved({"a": 1}, "d.parquet", tmp_path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    )
)
def test_json_says_the_same(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    read = json.loads(saved(value, "v.json", tmp_path_factory.mktemp("json")).read_text())
    assert same(read, in_words(value))


def same(one: Any, other: Any) -> bool:
    """Equal, where NaN equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(cast("list[Any]", one)) == len(other) and all(map(same, cast("list[Any]", one), other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in cast("dict[str, Any]", one))
    return one == other


def test_a_value_with_parts_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(png(4, 3))
    value = {
        "weights": {"w": np.ones(2), "../../escape": np.zeros(1)},
        "plot": tmp_path / "plot.png",
        "again": [tmp_path / "plot.png"],
        "epochs": 3,
    }
    folder = save(tree(value), "made", tmp_path / "out").path
    index = json.loads((folder / "value.json").read_text())
    assert index["epochs"] == 3
    assert np.load(folder / index["weights"]["w"]["file"]).tolist() == [1.0, 1.0]
    assert (folder / index["plot"]["file"]).read_bytes() == png(4, 3)
    assert sorted(path.parent for path in tmp_path.rglob("*") if path.is_file()) == [tmp_path, *[folder] * 5]
    with pytest.raises(SaveFailed, match="exists"):
        save(tree(value), "made", folder)
    assert save(tree(value), "made", folder, force=True).files == 5


def test_a_model_is_saved_by_its_payload_or_whole(tmp_path: Path) -> None:
    model = Model(np.ones(3), "numpy", {"epochs": 3})
    assert np.load(saved(model, "m.npy", tmp_path)).tolist() == [1.0, 1.0, 1.0]
    index = json.loads((saved(model, "m", tmp_path) / "value.json").read_text())
    assert index == {"payload": {"file": "payload.npy"}, "format": "numpy", "metadata": {"epochs": 3}}


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    kept = tmp_path / "value.txt"
    kept.write_text("mine")
    for place in (kept, tmp_path):
        with pytest.raises(SaveFailed, match=r"value\.txt exists; choose another name, or replace it with --force"):
            save(tree("theirs"), "value", place)
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SaveFailed, match="exists"):
        save(tree("theirs"), "value", tmp_path / "link.txt")
    assert kept.read_text() == "mine"
    with pytest.raises(SaveFailed, match="missing does not exist"):
        save(tree("theirs"), "value", tmp_path / "missing" / "a.txt")
    save(tree("theirs"), "value", kept, force=True)
    save(tree("theirs"), "value", tmp_path / "link.txt", force=True)
    assert kept.read_text() == "theirs" and not (tmp_path / "elsewhere").exists()
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "value.txt"]


@given(st.text(max_size=300))
def test_a_name_is_never_a_path(name: str) -> None:
    safe = safe_name(name, ".json")
    assert os.path.basename(safe) == safe and not safe.startswith(".") and "\0" not in safe and len(safe) < 120


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (png(640, 480), {"format": "png", "width": 640, "height": 480}),
        (b"GIF89a" + struct.pack("<HH", 3, 5), {"format": "gif", "width": 3, "height": 5}),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 5, 3) + bytes(9),
            {"format": "jpeg", "width": 3, "height": 5},
        ),
        (
            b"<?xml version='1.0'?>\n<svg width='460.8pt' height='345.6pt'>",
            {"format": "svg", "width": 461, "height": 346},
        ),
        (b"<svg viewBox='0 0 1 1'>", {"format": "svg"}),
        (b"\x89PNG\r\n\x1a\n", {"format": "png"}),
        (b"<?xml version='1.0'?><html>", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_their_bytes(data: bytes, shown: object) -> None:
    assert figure(data) == shown


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"GIF87a", b"\xff\xd8\xff", b"RIFFxxxxWEBP", b"<svg "]), st.binary())
def test_cut_and_damaged_pictures_are_looked_at(start: bytes, rest: bytes) -> None:
    assert figure(start + rest) is not None

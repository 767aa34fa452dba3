"""Previews: what is in a value, from its bytes alone, whatever they are."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import polars as pl
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock import Dataset, Metrics, Model, codecs
from penstock.cli.previews import preview_lines
from penstock.codecs.previews import Head, Preview, preview
from penstock.codecs.previews.looks import NotLooked
from penstock.codecs.previews.tables import window

arrow: Any = pa


@dataclass(frozen=True)
class Row:
    x: int
    names: list[str]


def shown(value: object, annotation: object = Any, *, cut_to: int | None = None) -> Preview:
    """The preview of a value, as it would be read from a store; the result is always JSON."""
    encoded = codecs.encode(value, annotation)
    found = preview(encoded.codec, Head(memoryview(encoded.data)[:cut_to], encoded.size_bytes))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert preview_lines({"size_bytes": encoded.size_bytes, "preview": found})
    return found


def test_json_is_shown_whole_or_by_its_first_items() -> None:
    assert shown(Row(1, ["a"]), Row) == {"kind": "json", "value": {"x": 1, "names": ["a"]}}
    assert shown(list(range(100_000))) == {"kind": "json", "count": 100_000, "first": [0, 1, 2, 3, 4]}
    assert shown({f"k{n}": "x" * 500 for n in range(100)})["first"]["k0"] == "x" * 80 + "…"
    assert shown(float("nan"), float) == {"kind": "json", "value": "NaN"}
    text = shown("é" * 100_000)
    assert text["cut"] and text["text"].startswith('"éé') and len(text["text"]) <= 2000
    assert shown(list(range(100_000)), cut_to=5000)["cut"]


def test_arrays() -> None:
    found = shown(np.arange(12, dtype=np.float32).reshape(3, 4))
    assert found == {"kind": "array", "dtype": "float32", "shape": [3, 4], "first": [0, 1, 2, 3, 4, 5, 6, 7]}
    assert shown(np.array([np.nan, np.inf]))["first"] == ["nan", "inf"]


def test_rows_of_a_table_in_any_order() -> None:
    frame = pd.DataFrame({"n": [3, 1, 2], "t": ["c", "a", None]})
    for value in (frame, pl.DataFrame({"n": [3, 1, 2], "t": ["c", "a", None]})):
        encoded = codecs.encode(value, Any)
        head = Head(memoryview(encoded.data), encoded.size_bytes)
        found = window(encoded.codec, head, 1, 5)
        assert (found["rows"], found["first"]) == (3, [[1, "a"], [2, None]])
        assert window(encoded.codec, head, 0, 1, sort="n", descending=True)["first"] == [[3, "c"]]
        assert window(encoded.codec, head, 9, 1)["first"] == []
        for codec, cut, sort in (("numpy", 0, ""), (encoded.codec, 1, ""), (encoded.codec, 0, "none")):
            with pytest.raises(NotLooked):
                window(codec, Head(head.data, head.size_bytes + cut), 0, 1, sort=sort)


def test_arrays_are_summed_up() -> None:
    matrix = np.arange(5_000, dtype=np.float32).reshape(50, 100)
    matrix[0, 0] = np.nan
    found = shown(matrix)
    assert (found["min"], found["max"], found["mean"], found["not_finite"]) == (1, 4_999, 2_500, 1)
    assert sum(found["histogram"]["counts"]) == 4_999 and found["histogram"]["to"] == 4_999
    assert (len(found["grid"]), len(found["grid"][0]), found["grid"][0][0]) == (48, 48, "nan")
    assert found["grid"][-1][-1] == np.mean(matrix[48:, 97:])
    columns_first = shown(np.asfortranarray(matrix))
    assert columns_first["grid"] == found["grid"]
    assert len(shown(np.ones((3, 4, 20), np.int8))["grid"]) == 4
    assert "grid" not in shown(np.arange(100)) and "min" not in shown(np.full(100, np.nan))
    assert "min" not in shown(np.arange(3_000_000)), "too large"
    assert shown(np.array([np.finfo(float).max] * 100))["mean"] == "inf"
    assert shown(np.zeros((0, 3)))["first"] == [] and shown(np.full((), 1.5))["first"] == [1.5]
    assert shown(np.arange(10**6), cut_to=4096)["shape"] == [10**6]
    assert shown(np.array([(1, "a")], dtype=[("n", "i4"), ("t", "U3")]))["first"] == ["(1, 'a')"]


def test_tables() -> None:
    frame = pd.DataFrame({"n": range(1000), "text": ["é" * 200] * 1000, "at": pd.Timestamp("2026-01-02")})
    found = shown(frame)
    assert (found["kind"], found["rows"]) == ("table", 1000)
    assert found["columns"][0] == {"name": "n", "type": "int64"} and len(found["first"]) == 5
    assert found["first"][1][0] == 1 and found["first"][1][1].endswith("…")
    cut = shown(frame, cut_to=20_000)
    assert cut["rows"] is None and cut["columns"] == found["columns"] and cut["first"] == []
    assert shown(arrow.table({"a": arrow.array([], arrow.int32())}))["rows"] == 0
    assert shown(arrow.chunked_array([[1, 2], [3]]))["rows"] == 3


def test_a_dataset_is_a_table_whatever_its_columns_are() -> None:
    columns = {"a": np.arange(7), "b": [f"n{n}" for n in range(7)], "m": np.zeros((7, 2)), "c": arrow.array(range(7))}
    found = shown(Dataset(columns, "d"), Dataset)
    assert (found["kind"], found["rows"], found["count"]) == ("table", 7, 4)
    assert [column["type"] for column in found["columns"]] == ["int64", "list", "float64[2]", "int64"]
    assert found["first"][1] == [1, "n1", "…", 1]


def test_state_dicts_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(3, 2)
    value = {"weight": net.weight.detach(), "bias": net.bias.detach()}
    encoded = codecs.encode(value, Any)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = preview(encoded.codec, Head(memoryview(encoded.data), encoded.size_bytes))
    assert found["parameters"] == 8
    assert found["tensors"][0] == {"name": "weight", "dtype": "F32", "shape": [2, 3]}


def onnx_model() -> Any:
    onnx = pytest.importorskip("onnx")
    make: Any = onnx.helper
    shapes = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")]
    graph = make.make_graph([make.make_node("Relu", ["x"], ["y"])], "g", shapes[:1], shapes[1:])
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], producer_name="maker")


def test_onnx() -> None:
    found = shown(onnx_model())
    assert found["opset"] == {"ai.onnx": 18} and found["nodes"] == 1
    assert found["inputs"] == [{"name": "x", "type": "float", "shape": ["batch", 4]}]
    assert found["outputs"][0]["name"] == "y"


def test_a_model_of_onnx_bytes_is_looked_into() -> None:
    found = shown(Model(onnx_model().SerializeToString(), "onnx", {"seed": 1}), Model[bytes])
    assert found["type"] == "penstock.ml.Model" and found["fields"]["payload"]["kind"] == "onnx"
    assert found["fields"]["metadata"]["value"] == {"seed": 1}


def test_files(tmp_path: Path) -> None:
    text, binary = tmp_path / "naïve.csv", tmp_path / "b.bin"
    text.write_text("\n".join(f"é,{n}" for n in range(10_000)))
    binary.write_bytes(bytes(range(256)) * 100)
    found = shown(text)
    assert (found["name"], found["size_bytes"]) == ("naïve.csv", text.stat().st_size)
    assert found["lines"] == [f"é,{n}" for n in range(5)]
    assert shown(binary)["lines"] is None


def test_containers_are_bounded_in_depth_and_width() -> None:
    assert shown([np.arange(3)] * 1000)["count"] == 1000
    deep: object = np.arange(3)
    for _ in range(50):
        deep = [deep]
    assert "deeper" in json.dumps(shown(deep))
    wide = {f"k{a}": {f"k{b}": np.arange(2) for b in range(20)} for a in range(20)}
    assert "further parts" in json.dumps(shown(wide))
    found = shown({"w": np.zeros((2, 3)), "m": Metrics({"a": 1.0})}, dict[str, Any])
    assert found["first"]["w"]["shape"] == [2, 3]
    assert "problem" in shown([np.arange(10**6), np.arange(5)], cut_to=1 << 20)["first"][1]


@pytest.mark.parametrize(("module", "make"), [("pyarrow", lambda: arrow.table({"a": [1]})), ("onnx", onnx_model)])
def test_a_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Callable[[], object]
) -> None:
    encoded = codecs.encode(make(), Any)
    monkeypatch.setitem(sys.modules, module, None)
    assert module in preview(encoded.codec, Head(memoryview(encoded.data), encoded.size_bytes))["problem"]


def test_a_codec_without_a_preview_says_so() -> None:
    assert "mesh/2" in preview("mesh/2", Head(memoryview(b"x"), 1))["problem"]


@given(
    st.sampled_from(["json", "bytes", "file", "numpy", "torch", "arrow", "onnx", "bundle"]),
    st.sampled_from([b"", b"PSB1\x05\0\0\0", b"\x93NUMPY\x02\0", b"\x08\0\0\0\0\0\0\0", b"\xff\xff\xff\xff"]),
    st.binary(max_size=200),
)
def test_garbage_is_no_surprise(codec: str, start: bytes, rest: bytes) -> None:
    data = start + rest
    found = preview(codec, Head(memoryview(data), len(data)))
    assert json.loads(json.dumps(found)) == found
    assert preview_lines({"size_bytes": len(data), "preview": found})


@given(st.integers(0, 5000), st.randoms(use_true_random=False))
def test_damage_is_no_surprise(at: int, dice: Any) -> None:
    value = {"a": np.arange(50), "t": arrow.table({"x": [1, 2], "y": ["a", "b"]}), "n": [1, 2, {"z": b"zz"}]}
    data = bytearray(codecs.encode(value, Any).data)
    data[at % len(data)] ^= dice.randrange(1, 256)
    found = preview("bundle", Head(memoryview(data), len(data)))
    assert preview_lines({"size_bytes": len(data), "preview": found})

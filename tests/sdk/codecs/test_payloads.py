"""Arrays, frames, tensors, models and files: exact values back, nothing pickled, damaged bytes refused."""

import dataclasses
import os
import pathlib
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import numpy
import numpy.typing
import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from penstock import codecs
from penstock.codecs import BadValue, Encoded, NoCodec, ResultTooLarge, Undecodable, WrongType, decode, encode

arrow = cast(Any, pyarrow)


def back(value: object, annotation: object = Any, codec: str | None = None) -> Any:
    encoded = encode(value, annotation)
    assert codec in (None, encoded.codec)
    return decode(encoded.codec, encoded.data, annotation)


def test_importing_the_codecs_imports_no_heavy_library() -> None:
    code = (
        "import sys, penstock.codecs as c; c.encode([1, {'a': 2.5}]); c.encode(3, int);"
        "print({'numpy', 'pandas', 'pyarrow', 'torch', 'onnx', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@settings(max_examples=60)
@given(
    array=npst.arrays(
        dtype=npst.scalar_dtypes() | npst.unicode_string_dtypes() | npst.byte_string_dtypes(),
        shape=npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    order=st.sampled_from("CF"),
)
def test_arrays_come_back(array: "numpy.typing.NDArray[Any]", order: Any) -> None:
    array = numpy.asarray(array, order=order)
    out = back(array, numpy.ndarray, "numpy")
    assert (out.dtype, out.shape) == (array.dtype, array.shape)
    assert numpy.ascontiguousarray(out).tobytes() == numpy.ascontiguousarray(array).tobytes()
    assert out.flags.writeable


def test_arrays_of_every_layout() -> None:
    whole = numpy.arange(60.0).reshape(3, 4, 5)
    for array in (whole, whole[::2], whole[:, ::-1], whole.T, whole[..., 0], whole[0:0], whole.astype(">f4")):
        assert numpy.array_equal(back(array), array)
    record = numpy.zeros(3, dtype=[("a", "<i4"), ("b", "<f8", (2,))])
    assert numpy.array_equal(back(record), record)


def test_a_mapped_array_may_be_written_to_and_changes_no_file(tmp_path: Path) -> None:
    encoded = encode(numpy.arange(1000))
    (tmp_path / "file").write_bytes(encoded.data)
    array = decode("numpy", tmp_path / "file", numpy.ndarray)
    array += 1  # type: ignore
    assert (tmp_path / "file").read_bytes() == encoded.data
    assert numpy.array_equal(cast(Any, array), numpy.arange(1000) + 1)


def test_an_array_of_objects_is_never_pickled() -> None:
    with pytest.raises(BadValue, match="astype"):
        encode(numpy.array([{}]))
    pickled = numpy.array([os.system], dtype=object)
    path = pathlib.Path(os.devnull)
    assert path.exists()
    with pytest.raises(BadValue):
        encode({"a": pickled})


FRAME = pandas.DataFrame(
    {"n": [1, 2, 3], "t": pandas.to_datetime(["2020-01-01", None, "2020-01-03"]), "s": ["a", None, "c"]},
    index=pandas.Index([5, 7, 9], name="key"),
)
FRAME["c"] = pandas.Categorical(["x", "y", "x"])


def test_frames_keep_their_index_and_types() -> None:
    for frame in (FRAME, FRAME.reset_index(drop=True), FRAME.set_index(["s", "n"]), FRAME.iloc[:0], FRAME[["n"]].T):
        frame.columns = frame.columns.astype(str)
        pandas.testing.assert_frame_equal(back(frame, pandas.DataFrame, "arrow"), frame)
    for series in (FRAME["n"], FRAME["c"], pandas.Series([1.5, None]), pandas.Series([1], name="")):
        pandas.testing.assert_series_equal(back(series, pandas.Series), series)


def test_tables_batches_and_arrays() -> None:
    table = arrow.table({"a": [1, None], "b": ["x", "y"]}, metadata=None).replace_schema_metadata({"mine": "kept"})
    out = back(table, arrow.Table, "arrow")
    assert out.equals(table, check_metadata=True)
    batch = table.to_batches()[0]
    assert back(batch).equals(batch)
    assert back(table.slice(1)).equals(table.slice(1))
    assert back(arrow.array([[1], None])).equals(arrow.array([[1], None]))
    assert back(arrow.chunked_array([[1], [2]])).equals(arrow.chunked_array([[1], [2]]))
    empty = arrow.table({"a": arrow.array([], arrow.int8())})
    assert back(empty).equals(empty)
    assert (
        back(empty.to_batches()[0] if empty.to_batches() else arrow.RecordBatch.from_pylist([], empty.schema)).schema
        == empty.schema
    )


def test_a_column_of_anything_is_refused_by_name() -> None:
    with pytest.raises(NoCodec, match=r"value\['bad'\]\[0\]"):
        encode(pandas.DataFrame({"bad": [object(), 1]}))


def test_tensors_and_state_dicts() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    state = model.state_dict()
    out = back(state, dict[str, torch.Tensor], "torch")
    assert list(out) == list(state)
    assert isinstance(out, OrderedDict)
    assert all(torch.equal(out[name], state[name]) for name in state)
    model.load_state_dict(out)
    for tensor in (
        torch.tensor(3),
        torch.ones(4, 6).T[1:, ::2],
        torch.ones(2, dtype=torch.bfloat16),
        model[0].weight.detach(),
    ):
        assert torch.equal(back(tensor, torch.Tensor, "torch"), tensor)
    with pytest.raises(BadValue, match="detach"):
        encode(model[0].weight)
    tied = torch.ones(2)
    out = back({"a": tied, "b": tied})
    out["a"] += 1
    assert torch.equal(out["b"], tied)
    assert encode(state).data == encode(state).data


def test_a_module_is_refused_with_the_remedy() -> None:
    import torch

    for value in (torch.nn.Linear(1, 1), {"m": [torch.nn.Linear(1, 1)]}):
        with pytest.raises(NoCodec, match="state_dict"):
            encode(value)
    with pytest.raises(BadValue):
        encode(torch.eye(2).to_sparse())


def test_optimizer_state_comes_back() -> None:
    import torch

    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight])
    weight.sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    out = back(state, dict[str, Any])
    optimizer.load_state_dict(out)
    assert torch.equal(out["state"][0]["exp_avg"], state["state"][0]["exp_avg"])  # the key is still an int


def onnx_model() -> Any:
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    return helper.make_model(graph)


def test_onnx_models() -> None:
    import onnx

    model = onnx_model()
    assert back(model, onnx.ModelProto, "onnx") == model
    external = onnx_model()
    external.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    nested = onnx_model()
    nested.graph.node[0].attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.CopyFrom(external.graph)
    for bad in (external, nested):
        with pytest.raises(BadValue, match=r"onnx\.load"):
            encode(bad)
        with pytest.raises(Undecodable, match="files"):
            decode("onnx", bad.SerializeToString(), onnx.ModelProto)


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(2_000_000)], ids=len)
def test_files_keep_their_name_and_bytes(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "модель v1.bin"
    source.write_bytes(content)
    encoded = encode(source, Path)
    out = decode("file", encoded.data, Path, scratch_folder=tmp_path / "scratch")
    assert isinstance(out, Path)
    assert (out.name, out.read_bytes()) == (source.name, content)
    assert out.is_relative_to(tmp_path / "scratch")
    assert out.stat().st_mode & 0o222 == 0
    (tmp_path / "encoded").write_bytes(encoded.data)
    again = decode("file", tmp_path / "encoded", Path)
    assert again != out
    assert cast(Path, again).read_bytes() == content


def test_only_files_that_exist(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="must have written"):
        encode({"a": tmp_path / "missing"})


@pytest.mark.parametrize(
    "name", [b"", b".", b"..", b"../x", b"/etc/passwd", b"a/b", b"a\\b", b"a\0b", b"\xff", b"x" * 256]
)
def test_a_name_from_outside_is_never_a_path(tmp_path: Path, name: bytes) -> None:
    data = len(name).to_bytes(2, "little") + name + b"content"
    with pytest.raises(Undecodable):
        decode("file", data, Path, scratch_folder=tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()


def test_bytes() -> None:
    assert back(b"\x00\xff", bytes, "bytes") == b"\x00\xff"
    with pytest.raises(WrongType, match="expected str, given bytes"):
        encode(b"", str)


@pytest.mark.parametrize(
    ("value", "annotation", "text"),
    [
        (numpy.ones(1), list[int], "expected list[int], given numpy.ndarray"),
        ([1], numpy.ndarray, "expected numpy.ndarray, given list"),
        (FRAME, numpy.ndarray, "expected numpy.ndarray, given pandas"),
        (numpy.ones(1), int, "expected int, given numpy.ndarray"),
        ({"a": numpy.ones(1)}, dict[str, int], "value['a']"),
    ],
)
def test_wrong_types_are_named(value: object, annotation: object, text: str) -> None:
    with pytest.raises(WrongType) as caught:
        encode(value, annotation)
    assert text in str(caught.value)


def test_a_value_of_another_class_is_not_decoded() -> None:
    with pytest.raises((WrongType, Undecodable)):
        decode("numpy", encode(numpy.ones(1)).data, pandas.DataFrame)
    with pytest.raises(Undecodable, match="not installed"):
        decode("nonesuch", b"", Any)


@pytest.mark.parametrize("codec", ["numpy", "arrow", "torch", "onnx", "file", "bundle"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_decoded_never_worse(
    tmp_path_factory: pytest.TempPathFactory, codec: str, data: st.DataObject
) -> None:
    samples: dict[str, object] = {
        "numpy": numpy.arange(20.0),
        "arrow": arrow.table({"a": [1, 2]}),
        "bundle": {"a": numpy.arange(3), "b": [1]},
    }
    good = encode(samples[codec]).data if codec in samples else b"\x03\x00abc" + bytes(range(64))
    cut = data.draw(st.integers(0, len(good)))
    damaged = bytearray(good[:cut] + data.draw(st.binary(max_size=20)))
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(0, 255))
    try:
        decode(codec, bytes(damaged), Any, scratch_folder=tmp_path_factory.getbasetemp() / "scratch")
    except Undecodable:
        return


def test_a_result_that_is_too_large_is_said() -> None:
    with pytest.raises(ResultTooLarge, match="8128 bytes, the limit is 1000"):
        encode(numpy.zeros(1000), bytes_max=1000)


@dataclasses.dataclass
class Mesh:
    points: list[int]


class MeshCodec:
    name = "mesh"
    types = (f"{Mesh.__module__}.Mesh",)

    def encode(self, value: object, where: str) -> list[bytes]:
        return [bytes(cast(Mesh, value).points)]

    def decode(self, data: memoryview, annotation: object) -> object:
        return Mesh(list(data))


def test_a_codec_of_ones_own() -> None:
    codecs.register(MeshCodec())
    assert back(Mesh([1, 2]), Mesh, "mesh") == Mesh([1, 2])
    assert back({"a": [Mesh([3])]}, dict[str, list[Mesh]], "bundle") == {"a": [Mesh([3])]}


def test_a_codec_of_an_installed_package(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(
        "class Disc:\n    def __init__(self, radius): self.radius = radius\n"
        "class DiscCodec:\n    name = 'disc'\n    types = ('shapes.Disc',)\n"
        "    def encode(self, value, where): return (bytes([value.radius]),)\n"
        "    def decode(self, data, annotation): return Disc(data[0])\n"
        "CODEC = DiscCodec()\n"
    )
    (tmp_path / "shapes-1.dist-info").mkdir()
    (tmp_path / "shapes-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes\nVersion: 1\n")
    (tmp_path / "shapes-1.dist-info" / "entry_points.txt").write_text("[penstock.codecs]\ndisc = shapes:CODEC\n")
    write = "from shapes import Disc; from penstock.codecs import encode; print(encode([Disc(7)]).data.hex())"
    read = (
        "import sys; from penstock.codecs import decode; print(decode('bundle', bytes.fromhex(sys.argv[1]))[0].radius)"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    encoded = subprocess.check_output([sys.executable, "-c", write], env=env, text=True).strip()
    assert subprocess.check_output([sys.executable, "-c", read, encoded], env=env, text=True).strip() == "7"


def test_arrays_of_records() -> None:
    record = numpy.zeros(2, dtype=[("a", "<i4"), ("b", [("c", "<f8"), ("d", "S3")])])
    assert back(record).dtype == record.dtype
    assert back(numpy.zeros(2, dtype=[(f"field{i}", "<i4") for i in range(1000)])).shape == (2,)
    with pytest.raises(BadValue, match="Latin"):
        encode(numpy.zeros(2, dtype=[("поле", "<i4")]))
    with pytest.raises(BadValue, match="table"):
        encode(numpy.zeros(2, dtype=[(f"field{i}", "<i4") for i in range(10_000)]))


def test_the_parts_are_the_data() -> None:
    encoded = Encoded("bytes", (b"a", memoryview(b"bc")), "bytes")
    assert (encoded.data, encoded.size_bytes) == (b"abc", 3)

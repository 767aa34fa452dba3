"""ONNX models as their own protobuf bytes, whole: nothing is kept in files beside them."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from .encoded import Buffer
from .errors import BadValue, Undecodable

PROTOBUF_BYTES_MAX = 2**31 - 1
EXTERNAL = "it keeps tensors in files of its own; load it with onnx.load(path), which reads them into the model"


class OnnxCodec:
    """Models below 2 GiB, protobuf's limit."""

    name = "onnx"
    types = ("onnx.ModelProto",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue if the model is too large or not whole."""
        model = cast(Any, value)
        if _has_external_data(model):
            raise BadValue(where, EXTERNAL)
        if (size := model.ByteSize()) > PROTOBUF_BYTES_MAX:
            raise BadValue(where, f"an ONNX model of {size} bytes is larger than protobuf allows; return files instead")
        return (model.SerializeToString(deterministic=True),)

    def decode(self, data: memoryview, annotation: object) -> object:
        """Refuses models that would read other files."""
        import onnx

        model = onnx.load_model_from_string(bytes(data))
        if _has_external_data(model):
            raise Undecodable(self.name, "it refers to external files")
        return model


def _has_external_data(model: Any) -> bool:
    return any(tensor.data_location == 1 or tensor.external_data for tensor in _tensors(model))


def _tensors(message: Any) -> Iterator[Any]:
    """Every TensorProto of the model, wherever it is: initializers, attributes, subgraphs, functions, training."""
    stack = [message]
    while stack:
        each = stack.pop()
        if each.DESCRIPTOR.name == "TensorProto":
            yield each
            continue
        for field, value in each.ListFields():
            if field.message_type is not None:
                stack.extend(value if _is_repeated(value) else (value,))


def _is_repeated(value: Any) -> bool:
    return not hasattr(value, "DESCRIPTOR")

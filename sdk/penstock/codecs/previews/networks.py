"""ONNX models: what goes in, what comes out, and which operators they need."""

from typing import Any, cast

from .looks import HEAD_BYTES_MAX, Head, NotLooked

PORTS_MAX = 20


def onnx(head: Head) -> dict[str, Any]:
    """Weights are part of the model, so that a large one is not opened."""
    if not head.is_whole or head.size_bytes > HEAD_BYTES_MAX:
        raise NotLooked(f"an ONNX model of more than {HEAD_BYTES_MAX >> 20} MiB is not opened for a preview")
    import onnx as library

    model = cast(Any, library).ModelProto.FromString(bytes(head.data))
    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        "kind": "onnx",
        "opset": {each.domain or "ai.onnx": each.version for each in model.opset_import},
        "producer": " ".join(filter(None, (model.producer_name, model.producer_version))),
        "nodes": len(model.graph.node),
        "inputs": [_port(library, each) for each in model.graph.input if each.name not in weights][:PORTS_MAX],
        "outputs": [_port(library, each) for each in model.graph.output][:PORTS_MAX],
    }


def _port(library: Any, port: Any) -> dict[str, Any]:
    tensor = port.type.tensor_type
    shape = [each.dim_param or (each.dim_value if each.HasField("dim_value") else "?") for each in tensor.shape.dim]
    kind = library.TensorProto.DataType.Name(tensor.elem_type).lower() if port.type.HasField("tensor_type") else "?"
    return {"name": port.name, "type": kind, "shape": shape}

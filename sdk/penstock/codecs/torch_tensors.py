"""torch tensors and state_dicts as safetensors."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from .encoded import Buffer
from .errors import BadValue, Undecodable

if TYPE_CHECKING:
    from torch import Tensor

TENSOR = "tensor"  # name in the file of a value that is one tensor
KEY = "penstock"  # the only key of the metadata: several would be written in any order
INSTALL = "install safetensors where operators run (pip install safetensors)"
SIZE_BYTES = 8  # of the length at the head of a safetensors file


class TorchCodec:
    """Values, shapes and dtypes are kept; tensors come back on the CPU, without gradients, and not sharing memory."""

    name = "torch"
    types = ("torch.Tensor",)
    takes_dicts = True  # a dict of nothing but tensors is one value

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue for layouts and dtypes that safetensors does not have."""
        torch = _torch()
        save = _safetensors(where).save
        alone = not isinstance(value, dict)
        tensors = cast("dict[str, Tensor]", {TENSOR: value} if alone else value)
        kind = TENSOR if alone else "ordered" if isinstance(value, OrderedDict) else "dict"
        for name, tensor in tensors.items():
            if type(tensor) is not torch.Tensor:
                place = where if alone else f"{where}[{name!r}]"
                raise BadValue(
                    place, f"a {type(tensor).__qualname__} would come back as a tensor; return .detach() of it"
                )
        facts = json.dumps({"kind": kind, "names": list(tensors)})
        try:
            return (save(_plain(tensors), {KEY: facts}),)
        except (ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            raise BadValue(where, f"safetensors: {error}") from None

    def decode(self, data: memoryview, annotation: object) -> object:
        """The tensor, or a dict in the order that it was written in."""
        facts = _facts(data)
        tensors = _safetensors("").load(bytes(data))
        if facts.get("kind") == TENSOR:
            return tensors[TENSOR]
        names = cast(list[str], facts.get("names", list(tensors)))
        ordered = {name: tensors[name] for name in names}
        return OrderedDict(ordered) if facts.get("kind") == "ordered" else ordered


def _torch() -> Any:
    import torch

    return torch


def _safetensors(where: str) -> Any:
    try:
        import safetensors.torch
    except ModuleNotFoundError as error:
        if error.name != "safetensors":
            raise
        if where:
            raise BadValue(where, f"tensors need safetensors; {INSTALL}") from None
        raise Undecodable(TorchCodec.name, INSTALL) from None
    return safetensors.torch


def _plain(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Contiguous tensors on the CPU, each with memory of its own, as safetensors wants them."""
    out: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        pointer = plain.untyped_storage().data_ptr()
        out[name] = plain.clone() if pointer in seen else plain
        seen.add(pointer)
    return out


def _facts(data: memoryview) -> dict[str, Any]:
    """What we wrote beside the tensors; nothing if somebody else wrote the file."""
    end = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")
    if end > len(data):
        raise Undecodable(TorchCodec.name, "its header is longer than the data")
    header = json.loads(bytes(data[SIZE_BYTES:end]))
    return json.loads(header.get("__metadata__", {}).get(KEY, "{}"))

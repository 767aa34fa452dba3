"""scikit-learn estimators by skops, which needs no pickle: only classes that it trusts are made again."""

import importlib
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any

from .encoded import Buffer
from .errors import BadValue, Undecodable

INSTALL = "install skops where operators run (pip install skops)"
SCHEMA = "schema.json"
_OBJECT = re.compile(r'("__id__": |"file": ")(\d+)(\b)')
_FILE = re.compile(r"^()(\d+)(\.\w+)$")
EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of its own goes into the archive


class SklearnCodec:
    """Estimators and pipelines of scikit-learn; classes of others within them are refused."""

    name = "sklearn"
    types = ("sklearn.BaseEstimator",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue if it holds what skops does not trust."""
        io_ = _skops(where)
        try:
            data = io_.dumps(value)
        except Exception as error:  # whatever of an estimator skops cannot write
            raise BadValue(where, f"skops cannot write it ({error}); return its learned arrays, or ONNX") from error
        if untrusted := [each for each in io_.get_untrusted_types(data=data) if not _is_class_of_sklearn(each)]:
            names = ", ".join(sorted(untrusted))
            raise BadValue(where, f"it holds {names}, not of scikit-learn; return its learned arrays, or ONNX")
        return (_renumbered(data),)

    def decode(self, data: memoryview, annotation: object) -> object:
        """Raises Undecodable for anything that is not trusted."""
        io_, raw = _skops(""), bytes(data)
        trusted = [each for each in io_.get_untrusted_types(data=raw) if _is_class_of_sklearn(each)]
        return io_.loads(raw, trusted=trusted)


def _is_class_of_sklearn(name: str) -> bool:
    """Whether it is one of the classes that estimators are made of: trees, losses, kernels. No function is."""
    module, _, cls = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    try:
        return isinstance(getattr(importlib.import_module(module), cls, None), type)
    except ImportError:
        return False


def _skops(where: str) -> Any:
    try:
        import skops.io  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError as error:
        if error.name not in ("skops", "skops.io"):
            raise
        if where:
            raise BadValue(where, f"an estimator needs skops; {INSTALL}") from None
        raise Undecodable(SklearnCodec.name, INSTALL) from None
    return skops.io


def _renumbered(data: bytes) -> bytes:
    """The same archive without times, its objects numbered in order and not by where they lay in memory."""
    out, numbers = io.BytesIO(), dict[str, str]()

    def numbered(found: re.Match[str]) -> str:
        number = numbers.setdefault(found[2], str(len(numbers) + 1))
        return f"{found[1]}{number}{found[3]}"

    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        schema = _OBJECT.sub(numbered, old.read(SCHEMA).decode())
        parts = {_FILE.sub(numbered, name): old.read(name) for name in old.namelist() if name != SCHEMA}
        for name in sorted(parts):
            new.writestr(zipfile.ZipInfo(name, EPOCH), parts[name])
        new.writestr(zipfile.ZipInfo(SCHEMA, EPOCH), schema)
    return out.getvalue()

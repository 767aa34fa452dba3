"""Which codec writes values of which class: ours, those of installed plug-ins, and those registered by hand."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from .encoded import Buffer
from .errors import Undecodable

FOLDER = "folder"
ENTRY_POINTS = "penstock.codecs"


@runtime_checkable
class Codec(Protocol):
    """Writes values of some classes as bytes and reads them back, in any process.

    It is found by the names of classes, so that its library is imported only once a value of it is met.
    """

    @property
    def name(self) -> str:
        """On the wire; add a version when the format changes, as in "mesh/2"."""
        ...

    @property
    def types(self) -> Sequence[str]:
        """Classes as "package.Class" or "package.module.Class"; their subclasses are meant as well."""
        ...

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue if this value cannot be written; `where` names it in the error."""
        ...

    def decode(self, data: memoryview, annotation: object) -> object:
        """`data` may be a private mapping of a file: a view into it stays valid and may be written to."""
        ...


class Refusal(NamedTuple):
    """A class that is not written, and what to do instead."""

    remedy: str


_codecs: dict[str, Codec] = {}
_by_class_name: dict[str, Codec | Refusal] = {}
_found: dict[type, Codec | Refusal | None] = {}
_plug_ins_loaded = False


def register(codec: Codec) -> None:
    """Use a codec in this process; the newest wins."""
    _codecs[codec.name] = codec
    for name in codec.types:
        _by_class_name[name] = codec
    _found.clear()


def refuse(names: Sequence[str], remedy: str) -> None:
    """Refuse classes, and their subclasses, by name."""
    for name in names:
        _by_class_name[name] = Refusal(remedy)
    _found.clear()


def find(kind: type) -> Codec | Refusal | None:
    """Return what is known of a class or the nearest of its bases."""
    try:
        return _found[kind]
    except KeyError:
        pass
    found = _look_up(kind)
    if found is None and kind.__module__ != "builtins":
        _load_plug_ins()
        found = _look_up(kind)
    _found[kind] = found
    return found


def of_value(value: object) -> Codec | Refusal | None:
    """Return what is known of a value: of its class, of a dict that is one value, of a path that is a folder."""
    if isinstance(value, dict) and value:
        entries = cast(dict[object, object], value)
        kind: type[Any] = type(next(iter(entries.values())))
        codec = find(kind)
        if getattr(codec, "takes_dicts", False) and _is_uniform(entries, codec):
            return codec
    if isinstance(value, Path) and value.is_dir():
        return named(FOLDER)
    return find(type(cast(object, value)))


def _is_uniform(entries: dict[object, object], codec: object) -> bool:
    return all(type(key) is str and find(type(each)) is codec for key, each in entries.items())


def named(name: str) -> Codec:
    """Return the codec of a name that came with a value; raises Undecodable."""
    if name not in _codecs:
        _load_plug_ins()
    if name not in _codecs:
        raise Undecodable(name, "this codec is not installed here; install the package that provides it")
    return _codecs[name]


def _look_up(kind: type) -> Codec | Refusal | None:
    for each in kind.__mro__:
        package = each.__module__.partition(".")[0]
        for name in (f"{each.__module__}.{each.__qualname__}", f"{package}.{each.__qualname__}"):
            if name in _by_class_name:
                return _by_class_name[name]
    return None


def _load_plug_ins() -> None:
    global _plug_ins_loaded
    if _plug_ins_loaded:
        return
    _plug_ins_loaded = True
    for entry_point in entry_points(group=ENTRY_POINTS):
        register(cast(Codec, entry_point.load()))

"""What a call is: all that decides about its result, by content. Equal calls are executed once."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from penstock.call.failures import raised
from penstock.call.given import Given
from penstock.call.invocation import Call
from penstock.codecs.opened_list import OpenedList
from penstock.codecs.values import Store
from penstock.compiler.fingerprints import BundleCode
from penstock_plan.refs import leaf_of, maps_around, side_of
from penstock_plan.reuse import composed, content
from penstock_plan.spelling import spell
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1.service_pb2 import CallKey, KeyPart
from penstock_proto.plan.v1.plan_pb2 import Expr, Plan
from penstock_proto.value.v1.value_pb2 import Value

from .errors import NoKey
from .grants import node_of_plan

ABSENT = "not installed"


class CallKeys:
    """Makes the keys of calls. What the code of an operator uses is found out once for each."""

    def __init__(self, bundle: str, store: Store) -> None:
        """`bundle` is the folder of the code; empty: it is installed."""
        self._code = BundleCode(Path(bundle)) if bundle else None
        self._store = store
        self._of_operator: dict[tuple[str, str], list[KeyPart]] = {}
        self._opened: tuple[Value, OpenedList] | None = None

    def key_of(self, call: Call, plan: Plan, grant: Grant, given: Given) -> CallKey:
        """Return the key of a call; raises NoKey, ActionError."""
        node = plan.nodes[node_of_plan(grant)]
        operator = plan.operators[node.operator]
        key = CallKey(team=grant.team, operator=call.operator)
        key.parts.extend(self._parts_of(operator.module, operator.qualname))
        for port in operator.outputs:
            key.parts.add(kind="output", name=port.name, value=spell(plan.types, port.type, full=True).encode())
        for name in sorted(operator.secrets):
            key.parts.add(kind="secret", name=name)
        if call.cache_key is not None:
            key.parts.add(kind="key", name="cache_key", value=_own_key(call, given))
            return key
        for argument in sorted(node.arguments, key=lambda each: each.name):
            value = self._identity(plan, argument.value, given)
            key.parts.add(kind="argument", name=argument.name, value=value)
        return key

    def _parts_of(self, module: str, qualname: str) -> list[KeyPart]:
        """Return what an operator's code is, and the packages that this imports."""
        place = (module, qualname)
        if place not in self._of_operator:
            others: set[str] = set()
            pieces: Mapping[str, str] = self._code.of(module, qualname, others) if self._code is not None else {}
            used = others if pieces else {module}
            code = [
                KeyPart(kind="code", name=name, value=bytes.fromhex(digest)) for name, digest in sorted(pieces.items())
            ]
            self._of_operator[place] = [*code, *_packages({name.partition(".")[0] for name in used})]
        return self._of_operator[place]

    def _identity(self, plan: Plan, expr: Expr, given: Given) -> bytes:
        """Return what an argument is by its content."""
        match expr.WhichOneof("kind"):
            case "literal" | "output" | "input":
                value = leaf_of(expr, given)
                assert value is not None, "such an expression has no parts"
                return _content(value)
            case "choice":
                return self._identity(plan, side_of(expr, given), given)
            case "item":
                opened, depth = given[expr.item.node][1 + expr.item.list], len(maps_around(plan, expr.item.node))
                codec, type_name, data = self._list(opened).encoded(given.path[depth])
                return _content(Value(codec=codec, type_name=type_name, inline=bytes(data)))
            case _:
                return composed(plan, expr, lambda part: self._identity(plan, part, given))

    def _list(self, value: Value) -> OpenedList:
        """Return an opened list; the items of a map have the last one in common."""
        if self._opened is None or self._opened[0] != value:
            self._opened = (value, OpenedList(value, self._store))
        return self._opened[1]


def _content(value: Value) -> bytes:
    """Return a hash of a value and its class: two classes may have the same bytes."""
    return hashlib.sha256(content(value) + value.type_name.encode()).digest()


def _own_key(call: Call, given: Given) -> bytes:
    """Return what the operator's own function makes of those arguments that it asks for; raises ActionError."""
    assert call.cache_key is not None
    known = call.arguments_by_name(given)
    try:
        asked = inspect.signature(call.cache_key).parameters
        key = call.cache_key(**{name: known[name] for name in asked if name in known})
        if not isinstance(key, str):
            raise TypeError(f"cache_key of {call.operator} returned {type(key).__qualname__}; expected text")
    except Exception as error:
        raise raised(error) from error
    return key.encode("utf-8", "surrogatepass")


def _packages(names: set[str]) -> Iterator[KeyPart]:
    """Yield the versions of packages; raises NoKey for one whose version nobody knows."""
    yield KeyPart(kind="package", name="python", value=platform.python_version().encode())
    for name in sorted(names - sys.stdlib_module_names - {"__main__"}):
        yield KeyPart(kind="package", name=name, value=_version(name).encode())


@functools.cache
def _version(name: str) -> str:
    """Return the version of what a module is installed by."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
    if found := _distributions().get(name):
        return ", ".join(f"{each} {importlib.metadata.version(each)}" for each in sorted(set(found)))
    if name in sys.builtin_module_names or importlib.util.find_spec(name) is None:
        return ABSENT
    raise NoKey(f"module {name} is neither in the code that was uploaded nor of an installed package with a version")


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()

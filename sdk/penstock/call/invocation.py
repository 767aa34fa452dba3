"""One execution of a node: arguments from literals and values, the call, and its outputs as values."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock_artifact_store import ArtifactStoreError, StoreFull, StoreUnavailable
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Values
from penstock_proto.wire import INLINE_BYTES_MAX

from .. import codecs
from ..declare import signatures, user_code
from ..declare.operators import operator_of
from ..declare.signatures import Signature
from .argument_values import Builder, Builders
from .failures import (
    BadResult,
    NotLoadable,
    NotYet,
    OutOfMemory,
    StoreFailed,
    StoreTrouble,
    described,
    is_out_of_memory,
    raised,
    shown,
)
from .given import Given
from .given_types import LoadOperator

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EROFS}

Invoke = Callable[..., Any]  # of the operator's function, with its arguments


def load(module: str, qualname: str) -> Callable[..., Any]:
    """Import an operator; raises whatever the import raises."""
    with user_code.importing(module):
        found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


class Call:
    """A node's call, understood once and then made any number of times."""

    def __init__(
        self,
        plan: plan_pb2.Plan,
        node: int,
        store: codecs.Store,
        load_operator: LoadOperator = load,
        scratch_folder: Path | None = None,
    ) -> None:
        """Raises NotLoadable. Values decoded to files are put into `scratch_folder`."""
        declared = plan.nodes[node]
        operator = plan.operators[declared.operator]
        self.operator = f"{operator.module}:{operator.qualname}"
        self.secrets = tuple(operator.secrets)
        self._store = store
        self._function, signature, self.cache_key = _load(operator, load_operator)
        self.cache = _caching(operator, declared)
        self._builders = Builders(plan, self.operator, store, scratch_folder, load_operator)
        self._positional, self._named = self._arguments(declared, signature)
        self._parameters = [parameter.name for parameter in signature.positional]
        self._defaults = {name: each.default for name, each in signature.parameters.items() if not each.is_required}
        self._returns = signature.returns
        self._outputs = self._declared_outputs(operator, signature)
        self._shape = operator.output_shape
        self._is_sensor = declared.wait.HasField("sensor")

    def has_new_files(self) -> bool:
        """Whether arguments may have been decoded to files since this was last asked."""
        return self._builders.has_new_files()

    def __call__(self, values: Given, outputs: Values, invoke: Invoke | None = None) -> None:
        """Make the call, by `invoke` if it is given, and add its outputs.

        Raises:
            ActionError: What to report. Some of the outputs may have been added.
        """
        positional, named = self.arguments(values)
        try:
            result = invoke(self._function, *positional, **named) if invoke else self._function(*positional, **named)
        except BaseException as error:
            raise raised(error) from error
        if self._is_sensor and (result is None or result is False):
            raise NotYet("NotYet", f"{self.operator} returned {result}")
        try:
            self._encode(result, outputs)
        except Exception as error:
            raise not_encoded(error, self.operator) from error

    def arguments(self, values: Given) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments by position, and those by name; raises ActionError."""
        try:
            positional = [build(values) for build in self._positional]
            return positional, {name: build(values) for name, build in self._named} if self._named else {}
        except Exception as error:
            raise not_decoded(error, self.operator) from error

    def arguments_by_name(self, values: Given) -> dict[str, Any]:
        """Return all arguments, also those that have their default; raises ActionError."""
        positional, named = self.arguments(values)
        return self._defaults | dict(zip(self._parameters, positional, strict=False)) | named

    def _arguments(self, node: plan_pb2.Node, signature: Signature) -> tuple[list[Builder], list[tuple[str, Builder]]]:
        """By position as far as the leading parameters are given, by name from there on."""
        given = {argument.name: argument.value for argument in node.arguments}
        if unknown := given.keys() - signature.parameters.keys():
            raise _other_code(self.operator, f"unknown argument {', '.join(sorted(unknown))}")
        missing = [name for name, each in signature.parameters.items() if each.is_required and name not in given]
        if missing:
            raise _other_code(self.operator, f"argument {', '.join(missing)} is missing")
        positional: list[Builder] = []
        for parameter in signature.positional:
            if parameter.name not in given:
                break
            positional.append(self._builders.build(given.pop(parameter.name), parameter.annotation, parameter.name))
        named = [
            (name, self._builders.build(value, signature.parameters[name].annotation, name))
            for name, value in given.items()
        ]
        return positional, named

    def _declared_outputs(self, operator: plan_pb2.Operator, signature: Signature) -> list[tuple[str, Any, str]]:
        names = [port.name for port in operator.outputs]
        if signature.shape != operator.output_shape or names != [output.name for output in signature.outputs]:
            raise _other_code(self.operator, f"it should return {', '.join(names) or 'nothing'}")
        return [
            (output.name, output.annotation, f"output {output.name!r} of {self.operator}")
            for output in signature.outputs
        ]

    def _encode(self, result: Any, outputs: Values) -> None:
        room = codecs.INLINE_TOTAL_BYTES_MAX
        for part, annotation, where in self._parts(result):
            encoded = codecs.encode(part, annotation, where=where)
            value = outputs.values.add()
            codecs.write_value(value, encoded, self._store, inline_bytes_max=min(room, INLINE_BYTES_MAX))
            room -= len(value.inline)

    def _parts(self, result: Any) -> list[tuple[Any, Any, str]]:
        if self._shape == plan_pb2.OUTPUT_SHAPE_SINGLE:
            _, annotation, where = self._outputs[0]
            return [(result, annotation, where)]
        if self._shape == plan_pb2.OUTPUT_SHAPE_NONE:
            if result is not None:
                raise codecs.WrongType(f"the result of {self.operator}", "None", type(result).__qualname__)
            return []
        if type(result) is not self._returns:  # of a class below it the rest would be lost
            expected = getattr(self._returns, "__qualname__", str(self._returns))
            exactly = "exactly " if isinstance(result, self._returns) else ""
            raise codecs.WrongType(f"the result of {self.operator}", exactly + expected, type(result).__qualname__)
        return [(getattr(result, name), annotation, where) for name, annotation, where in self._outputs]


def not_decoded(error: Exception, operator: str) -> Exception:
    """Say whose fault it is that arguments could not be decoded."""
    if is_out_of_memory(error):
        return OutOfMemory("MemoryError", f"while the arguments of {operator} were decoded", shown(error))
    if isinstance(error, StoreFull | StoreUnavailable | OSError):
        kind = StoreTrouble if _is_trouble(error) else StoreFailed
        return kind(type(error).__name__, f"arguments of {operator}: {error}")
    trace = "" if isinstance(error, codecs.CodecError | ArtifactStoreError) else shown(error)
    return NotLoadable(type(error).__name__, f"arguments of {operator}: {described(error)}", trace)


def not_encoded(error: Exception, operator: str) -> Exception:
    """Say whose fault it is that a result could not be encoded and stored."""
    if is_out_of_memory(error):
        return OutOfMemory("MemoryError", f"while the result of {operator} was encoded", shown(error))
    if isinstance(error, ArtifactStoreError | OSError):
        kind = StoreTrouble if _is_trouble(error) else StoreFailed
        return kind(type(error).__name__, f"the result of {operator} was not stored: {error}")
    trace = "" if isinstance(error, codecs.CodecError) else shown(error)
    return BadResult(type(error).__name__, described(error), trace)


def _is_trouble(error: Exception) -> bool:
    """Whether a store is full or away, or the machine has no room: nothing that the operator did."""
    return isinstance(error, StoreFull | StoreUnavailable) or (isinstance(error, OSError) and error.errno in NO_ROOM)


def _caching(operator: plan_pb2.Operator, node: plan_pb2.Node) -> plan_pb2.Cache | None:
    """Whether and for how long results of a node are reused; what a sensor finds is not."""
    cache = node.overrides.cache if node.overrides.HasField("cache") else operator.cache
    is_set = operator.HasField("cache") or node.overrides.HasField("cache")
    return cache if is_set and not cache.is_off and not node.HasField("wait") else None


def _load(
    operator: plan_pb2.Operator, load_operator: LoadOperator
) -> tuple[Callable[..., Any], Signature, Callable[..., Any] | None]:
    """Return the function, its signature, and what makes a key of its arguments."""
    name = f"{operator.module}:{operator.qualname}"
    try:
        found = load_operator(operator.module, operator.qualname)
        declared = operator_of(found)
        signature = declared.signature if declared else signatures.read(found)
    except ModuleNotFoundError as error:
        remedy = _where_to_get(operator.module, error.name or "")
        raise NotLoadable("ModuleNotFoundError", f"operator {name}: {error}; {remedy}", shown(error)) from error
    except AttributeError as error:
        text = f"operator {name}: {error}; is it defined at the top of the module, under this name?"
        raise NotLoadable("AttributeError", text, shown(error)) from error
    except (Exception, SystemExit) as error:
        text = f"operator {name}: loading it raised {type(error).__name__}: {described(error)}"
        raise NotLoadable(type(error).__name__, text, shown(error)) from error
    if signature.problems:
        raise _other_code(name, "; ".join(problem.text for problem in signature.problems))
    return (declared.fn if declared else found), signature, declared.settings.cache_key if declared else None


def _where_to_get(module: str, missing: str) -> str:
    if module == missing or module.startswith(missing + "."):
        return "is its file below the folder of the workflow's file, or installed on the worker?"
    return f"install {missing} on the worker"


def _other_code(operator: str, what: str) -> NotLoadable:
    return NotLoadable(
        "OtherCode", f"operator {operator} has changed since the plan was compiled: {what}. Compile and run again"
    )

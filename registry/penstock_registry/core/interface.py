"""What callers of a workflow must know, taken from its plan: inputs, outputs, and the types that they need."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.plan.v1.plan_pb2 import Plan, PlanInput, Port, Type
from penstock_proto.registry.v1.events_pb2 import Interface

from ..errors import BadRequest

# It is kept in the log, and answered as one message.
INTERFACE_BYTES_MAX: Final = 2**20
# Of all classes of one plan: each is kept with the types that it needs.
DEFINITIONS_BYTES_MAX: Final = 4 * 2**20
RECORD: Final = "record"


@dataclass(frozen=True, slots=True)
class Definition:
    """A class with fields, by its qualified name. The first of `types` is the class itself."""

    name: str
    types: tuple[Type, ...]

    @property
    def hash(self) -> bytes:
        """SHA-256: the same for the same fields of the same types."""
        digest = hashlib.sha256()
        for kind in self.types:
            data = kind.SerializeToString(deterministic=True)
            digest.update(len(data).to_bytes(4, "big") + data)
        return digest.digest()


def interface_of(plan: Plan) -> Interface:
    """Return a plan's interface; raise BadRequest if it is too large to be kept."""
    roots = [each.type for each in plan.inputs] + [each.type for each in plan.outputs]
    types, places = _needed(plan.types, roots)
    inputs: list[PlanInput] = []
    for each in plan.inputs:
        own = PlanInput()
        own.CopyFrom(each)
        own.type = places[each.type]
        inputs.append(own)
    outputs = [Port(name=each.name, type=places[each.type], required=True) for each in plan.outputs]
    found = Interface(
        workflow=plan.name,
        doc=plan.doc,
        bundle=plan.bundle,
        nodes=len(plan.nodes),
        types=types,
        inputs=inputs,
        outputs=outputs,
    )
    if (size := found.ByteSize()) > INTERFACE_BYTES_MAX:
        raise BadRequest(
            f"the inputs and outputs of {plan.name} are described in {size:,} bytes; the limit is "
            f"{INTERFACE_BYTES_MAX:,}: shorten the defaults, or make one record of many inputs"
        )
    return found


def definitions_of(interface: Interface) -> list[Definition]:
    """Return the classes with fields among the types, each once, in the order in which they are used.

    Raises:
        BadRequest: They are too large to be kept.
    """
    found: dict[str, Definition] = {}
    size = 0
    for index, kind in enumerate(interface.types):
        if kind.name == RECORD and kind.qualname and kind.qualname not in found:
            types, _ = _needed(interface.types, [index])
            size += sum(one.ByteSize() for one in types)
            if size > DEFINITIONS_BYTES_MAX:
                raise BadRequest(
                    f"the types of the inputs and outputs of {interface.workflow} are described in more than "
                    f"{DEFINITIONS_BYTES_MAX:,} bytes, which is the limit: nest fewer classes within each other"
                )
            found[kind.qualname] = Definition(kind.qualname, tuple(types))
    return list(found.values())


def _needed(types: Sequence[Type], roots: Sequence[int]) -> tuple[list[Type], dict[int, int]]:
    """Return the types that the roots need, from the outside in, and their places by their former indexes."""
    places: dict[int, int] = {}
    order: list[int] = []
    waiting = list(reversed(roots))
    while waiting:
        index = waiting.pop()
        if index in places:
            continue
        places[index] = len(order)
        order.append(index)
        kind = types[index]
        waiting += reversed([*kind.args, *(field.type for field in kind.fields)])
    needed: list[Type] = []
    for index in order:
        own = Type()
        own.CopyFrom(types[index])
        own.args[:] = [places[argument] for argument in own.args]
        for field in own.fields:
            field.type = places[field.type]
        needed.append(own)
    return needed, places

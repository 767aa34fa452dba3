"""What a launch becomes: the id of the run, and its inputs as values."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from penstock.client.run_id import new_run_id
from penstock.client.submission import Prepared
from penstock.client.uploads import Outgoing
from penstock.codecs import to_value
from penstock.codecs.encoded import Encoded
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1 import value_pb2

from ..edge import strict_json
from ..edge.problems import Fault, Problem, escaped
from .requests import GivenInputs, Launch


def run_id_of(deployment_id: str, user: str, key: str) -> uuid.UUID:
    """Return the id of a new run; with a key, always the same one: the State Tracker is what remembers keys.

    It is a UUID of version 8 (RFC 9562): the first bits of a SHA-256.
    """
    if not key:
        return new_run_id()
    digest = hashlib.sha256("\0".join(("penstock run", deployment_id, user, key)).encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    return uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def prepare(plan: plan_pb2.Plan, plan_hash: bytes, launch: Launch) -> Prepared:
    """Return what is submitted; raise Problem. The State Tracker checks the inputs against the plan."""
    store = Outgoing()
    values = input_values(launch, store)
    return Prepared(plan, plan_hash, b"", {}, values, store.artifacts)


def input_values(given: GivenInputs, store: Outgoing) -> dict[str, value_pb2.Value]:
    """Return the inputs as values; raise Problem if one is given twice."""
    if both := sorted(given.inputs.keys() & given.artifacts.keys()):
        faults = [Fault(f"/artifacts/{escaped(name)}", "given as JSON, too") for name in both]
        raise Problem("invalid", f"given twice: {', '.join(both)}", faults)
    values = _json_values(given.inputs, store)
    for name, each in given.artifacts.items():
        values[name] = value_pb2.Value(
            codec=each.codec,
            artifact=bytes.fromhex(each.artifact),
            size_bytes=each.size_bytes,
            type_name=each.type,
        )
    return values


def _json_values(inputs: Mapping[str, Any], store: Outgoing) -> dict[str, value_pb2.Value]:
    """Encode the inputs; those too large for a message go to the store."""
    values: dict[str, value_pb2.Value] = {}
    for name, given in inputs.items():
        encoded = Encoded("json", (strict_json.write(given),), type(given).__name__)
        values[name] = to_value(encoded, store)  # pyright: ignore[reportArgumentType] # it only keeps
    return values

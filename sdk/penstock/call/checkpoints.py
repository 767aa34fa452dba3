"""What an operator keeps for its next attempt, wherever that executes."""

from __future__ import annotations

from typing import Any, TypeVar, cast, overload

from penstock_artifact_store import ArtifactStoreError

from .. import codecs
from ..declare.annotations import is_record
from ..errors import CheckpointFailed
from .context import current

Value = TypeVar("Value")


def checkpoint(value: object, kind: Any = None) -> None:
    """Keep a value for the next attempt of this node, durably, in place of the one kept before.

    `last_checkpoint` returns it in each later attempt, on any worker. Any value will do that operators can exchange:
    a dict of state_dicts, arrays, numbers. It is removed once the node has succeeded or the run has ended. Where an
    operator is called as a plain function, nothing is kept.

    Args:
        kind: The type that says how to encode it, like the annotation of a result, where records are held in lists or
            dicts: `checkpoint(states, list[State])`; None: its own class.

    Raises:
        CodecError: The value has no codec; the message says what to keep instead.
        CheckpointFailed: It could not be stored. Uncaught, the attempt is given back and made again later.
        NotInOperator: It was called in the body of a workflow.
    """
    execution = current("checkpoint")
    if kind is None:
        kind = type(value) if is_record(type(value)) else Any
    encoded = codecs.encode(value, kind, where="the checkpoint")
    if execution is None:
        return
    try:
        execution.keep(encoded)
    except (ArtifactStoreError, OSError) as error:
        raise CheckpointFailed(f"the checkpoint was not stored: {error}") from error


@overload
def last_checkpoint() -> Any: ...
@overload
def last_checkpoint(kind: type[Value]) -> Value | None: ...
def last_checkpoint(kind: Any = Any) -> Any:
    """Return what an earlier attempt of this node kept last, or this one; None if nothing was kept.

    Args:
        kind: The type to decode it to, like the annotation of an argument: of records, such as a dataclass, their
            class, or what was given to `checkpoint`.

    Raises:
        CheckpointFailed: The artifact store does not respond.
        NotInOperator: It was called in the body of a workflow.
    """
    execution = current("last_checkpoint")
    if execution is None:
        return None
    try:
        kept = execution.kept()
    except (ArtifactStoreError, OSError) as error:
        raise CheckpointFailed(f"the last checkpoint cannot be read: {error}") from error
    if kept is None:
        return None
    codec, data = kept
    files = execution.context().folder / "files"  # of paths in it
    return cast(Any, codecs.decode(codec, data, kind, scratch_folder=files))

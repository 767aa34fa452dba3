"""What executions last said of how far they have come: a small file each beside its output, replaced each time.

It is not synced: after a crash of the machine, the operator says it again.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError
from penstock_proto.artifact_store.v1.service_pb2 import Progress

from .incoming import raise_if_full
from .logs import LogKey, folder_of_run, key_of, names, path_of

SUFFIX = ".progress"
PARTIAL = ".partial"
# What a worker sends is shorter.
PROGRESS_BYTES_MAX = 16 * 1024


class ExecutionProgress(NamedTuple):
    """How far one execution has come."""

    key: LogKey
    progress: Progress


def write_progress(root: Path, key: LogKey, progress: Progress) -> None:
    """Replace what an execution said before; raises BadLogKey, StoreFull."""
    path = path_of(root, key, SUFFIX)
    partial = path.with_suffix(PARTIAL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(progress.SerializeToString())
        os.replace(partial, path)
    except OSError as error:
        raise_if_full(error, root)
        raise


def read_progress(root: Path, run_id: bytes, nodes: Iterable[int] = ()) -> Iterator[ExecutionProgress]:
    """Yield what the latest execution of each node said, if any; without `nodes`, of all. Raises BadLogKey."""
    folder = folder_of_run(root, run_id)
    for name in sorted({str(int(node)) for node in nodes}) or names(folder):
        newest: dict[tuple[int, ...], LogKey] = {}
        for file in names(folder / name):
            key = key_of(run_id, folder / name / file) if file.endswith(SUFFIX) else None
            if key is None:
                continue
            known = newest.get(key.item)
            if known is None or (known.attempt, known.grant) < (key.attempt, key.grant):
                newest[key.item] = key
        for key in newest.values():
            if (progress := _read(path_of(root, key, SUFFIX))) is not None:
                yield ExecutionProgress(key, progress)


def _read(path: Path) -> Progress | None:
    try:
        with open(path, "rb") as file:
            return Progress.FromString(file.read(PROGRESS_BYTES_MAX))
    except (OSError, DecodeError):  # removed meanwhile, or cut short by a crash
        return None

"""What operators keep for their next attempt: one file for each node of a run, replaced each time, durable on return.

Files: checkpoints/<run id in hex>/<node>/<item>-<attempt>-<grant>: the bytes, then what is known of them (a
CheckpointHead), then its length. A checkpoint is no artifact: it is not shared, and the one before it is not kept.
"""

import hashlib
import logging
import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from penstock_proto.artifact_store.v1.service_pb2 import CheckpointHead

from .incoming import Incoming, raise_if_full, sync_folder
from .logs import LogKey, folder_of_run, key_of, name_of, names

FOLDER: Final = "checkpoints"
LENGTH_BYTES: Final = 4
log = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """The bytes are mapped: they stay readable when the checkpoint is replaced."""

    head: CheckpointHead
    data: memoryview


def keep_checkpoint(root: Path, key: LogKey, codec: str, incoming: Incoming) -> None:
    """Make what arrived the checkpoint of its node, unless a later attempt has one; raises BadLogKey, StoreFull."""
    folder = folder_of_run(root, key.run_id, FOLDER) / f"{int(key.node)}"
    path = folder / name_of(key)
    head = CheckpointHead(codec=codec, size_bytes=incoming.size, digest=incoming.digest()).SerializeToString()
    others = [each for each in _of_item(folder, key.run_id, key.item) if each != key]
    if any(_age(each) > _age(key) for each in others):
        return
    incoming.write(head + len(head).to_bytes(LENGTH_BYTES, "little"))
    try:
        _make_folders(root, folder)
    except OSError as error:
        raise_if_full(error, root)
        raise
    incoming.keep(path)
    for each in others:
        (folder / name_of(each)).unlink(missing_ok=True)


def find_checkpoint(root: Path, run_id: bytes, node: int, item: Sequence[int] = ()) -> Checkpoint | None:
    """Return what the latest attempt kept, verified; a corrupt one is moved aside, as if it had not been kept."""
    folder = folder_of_run(root, run_id, FOLDER) / f"{int(node)}"
    for key in sorted(_of_item(folder, run_id, tuple(item)), key=_age, reverse=True):
        path = folder / name_of(key)
        try:
            found = _verified(mapped(path))
        except FileNotFoundError:  # replaced by a later attempt meanwhile
            continue
        if found is not None:
            return found
        aside = root / "damaged" / f"checkpoint-{run_id.hex()}-{int(node)}-{path.name}"
        log.warning("the checkpoint %s is corrupt and was moved to %s", path, aside)
        aside.parent.mkdir(exist_ok=True)
        os.replace(path, aside)
    return None


def remove_checkpoints(root: Path, run_id: bytes, node: int = -1, item: Sequence[int] = ()) -> int:
    """Remove what a node kept, or with -1 what all nodes of a run kept, and return the bytes of the latter.

    Harmless when repeated. Raises BadLogKey.
    """
    of_run = folder_of_run(root, run_id, FOLDER)
    if node < 0:
        size = sum(path.stat().st_size for path in of_run.rglob("*") if path.is_file())
        shutil.rmtree(of_run, ignore_errors=True)
        return size
    folder = of_run / f"{int(node)}"
    for key in _of_item(folder, run_id, tuple(item)):
        (folder / name_of(key)).unlink(missing_ok=True)
    for emptied in (folder, of_run):
        try:
            emptied.rmdir()
        except OSError:  # others are in it, or it is gone
            break
    return 0


def mapped(path: Path) -> memoryview:
    """Map a file: read when touched, and private, so that writing to it changes no file."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


def _verified(file: memoryview) -> Checkpoint | None:
    """The parts of a file; None if the bytes are not those that it should have."""
    end = len(file) - LENGTH_BYTES
    length = int.from_bytes(file[max(end, 0) :], "little")
    try:
        head = CheckpointHead.FromString(bytes(file[max(end - length, 0) : max(end, 0)]))
    except DecodeError:
        return None
    data = file[: head.size_bytes]
    right = head.size_bytes == end - length and hashlib.sha256(data).digest() == head.digest
    return Checkpoint(head, data) if right else None


def _of_item(folder: Path, run_id: bytes, item: tuple[int, ...]) -> list[LogKey]:
    keys = (key_of(run_id, folder / name) for name in names(folder))
    return [key for key in keys if key is not None and key.item == item]


def _age(key: LogKey) -> tuple[int, int]:
    return key.attempt, key.grant


def _make_folders(root: Path, folder: Path) -> None:
    """Make the folder, and its names durable."""
    missing = [each for each in (folder.parent.parent, folder.parent, folder) if not each.exists()]
    for each in missing:
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)

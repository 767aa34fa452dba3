"""Results that later calls reuse, by the hash of all that decides about them; and what was decided about each node.

Files: results/<team>/<operator>/<call>: a KeptResult behind its hash; team, operator and call are hashes in hex. Beside
them <call>.running says which execution the result is expected of, `latest` names the operator's latest one, and
`latest-<arguments>` that of the same arguments. decisions/<run id in hex>/<node>[.<item>...]-<attempt>: a decision,
likewise.
Nothing is synced: a file that is lost or cut short costs a call, and is never taken for another one.
"""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.state_tracker.v1.events_pb2 import Reuse

from .incoming import raise_if_full
from .logs import folder_of_run, names

RESULTS: Final = "results"
DECISIONS: Final = "decisions"
LATEST: Final = "latest"
LEASE: Final = ".running"
# An execution that takes longer is not waited for any more.
LEASE_S: Final = 60.0
OF_ARGUMENTS: Final = frozenset({"argument", "key"})
HASH_BYTES: Final = 32
# Code in many small pieces takes a few hundred KiB.
FILE_BYTES_MAX: Final = 8 << 20

OFF: Final = "the run was started without the cache"
NONE: Final = "no such result is kept"
OLD: Final = "the result is older than its operator allows"
GONE: Final = "an artifact of the result is gone or corrupt"
EXPECTING: Final = frozenset({NONE, OLD, GONE})

Kind = TypeVar("Kind", bound=Message)


class Results:
    """The results in a store's folder. Safe for any number of processes at once: files appear whole."""

    def __init__(self, root: Path, is_whole: Callable[[Iterable[bytes]], bool]) -> None:
        """`is_whole` says whether artifacts are there and have their bytes, and keeps sweeps from them for a while."""
        self._root, self._is_whole = root, is_whole

    def find(self, request: pb.FindResultRequest) -> pb.FindResultResponse:
        """Return the result of an equal call, and note what was decided; raises BadLogKey, StoreFull."""
        call = request.call
        path = self._path(call)
        reason = request.problem or (OFF if request.no_cache else "")
        kept = None if reason else _read(path, pb.KeptResult())
        reason = reason or (NONE if kept is None else self._refusal(request, kept))
        if kept is not None and reason == GONE:
            path.unlink(missing_ok=True)
        if request.waits and reason in EXPECTING and self._is_expected(path, request.execution):
            return pb.FindResultResponse(is_expected=True)
        decision = pb.CacheDecision(
            attempt=request.execution.attempt, name=request.name, call=call, reason=reason, at_us=_now_us()
        )
        if not reason and kept is not None:
            decision.hit.CopyFrom(kept.origin)
        elif (latest := _latest(path.parent, call)) is not None:
            decision.nearest.CopyFrom(latest.call)
            decision.nearest_origin.CopyFrom(latest.origin)
        self._write(self._decision(request.execution), decision)
        if reason or kept is None:
            return pb.FindResultResponse()
        return pb.FindResultResponse(found=True, outputs=kept.outputs, reuse=kept.origin)

    def keep(self, request: pb.KeepResultRequest) -> None:
        """Keep what a call returned, in place of what it returned before; raises BadLogKey, StoreFull."""
        done, path = request.execution, self._path(request.call)
        if _read(lease := _lease(path), pb.LogKey()) == done:
            lease.unlink(missing_ok=True)
        if not request.HasField("outputs"):
            return
        if not self._decision(done).exists():  # the run was removed meanwhile
            return
        origin = Reuse(
            run_id=done.run_id, node=done.node, name=request.name, attempt=done.attempt, kept_at_us=_now_us()
        )
        self._write(path, pb.KeptResult(call=request.call, outputs=request.outputs, origin=origin))
        for name in (_latest_name(request.call), LATEST):
            _put(path.parent / name, path.name.encode(), os.replace)

    def decision(self, request: pb.ExplainResultRequest) -> pb.CacheDecision | None:
        """Return what was decided last about a node; None: its result was never asked for. Raises BadLogKey."""
        folder = folder_of_run(self._root, request.run_id, DECISIONS)
        stem = _numbers(pb.LogKey(node=request.node, item=request.item))
        attempts = [int(name.partition("-")[2]) for name in names(folder) if name.startswith(f"{stem}-")]
        return _read(folder / f"{stem}-{max(attempts)}", pb.CacheDecision()) if attempts else None

    def forget(self, request: pb.ForgetResultsRequest) -> int:
        """Remove results of a team; return how many. Raises BadLogKey."""
        if request.run_id:
            node = request.node if request.HasField("node") else None
            return self._remove_made_by(request.run_id, request.team, node)
        of_team = self._root / RESULTS / _hex(request.team)
        operators = [_hex(request.operator)] if request.operator else names(of_team)
        count = 0
        for folder in [of_team / each for each in operators]:
            count += sum(len(name) == 2 * HASH_BYTES for name in names(folder))
            shutil.rmtree(folder, ignore_errors=True)
        return count

    def remove_of_run(self, run_id: bytes) -> None:
        """Remove what a run has computed and what was decided about its nodes; raises BadLogKey."""
        self._remove_made_by(run_id)
        shutil.rmtree(folder_of_run(self._root, run_id, DECISIONS), ignore_errors=True)

    def _remove_made_by(self, run_id: bytes, team: str | None = None, node: int | None = None) -> int:
        """Remove what a run has computed, or one node of it, if it is of that team; return how many results."""
        folder = folder_of_run(self._root, run_id, DECISIONS)
        found: set[Path] = set()
        for name in names(folder):
            decision = _read(folder / name, pb.CacheDecision())
            if decision is None or team not in (None, decision.call.team):
                continue
            path = self._path(decision.call)
            kept = _read(path, pb.KeptResult())
            if kept is not None and kept.origin.run_id == run_id and node in (None, kept.origin.node):
                found.add(path)
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _is_expected(self, path: Path, execution: pb.LogKey) -> bool:
        """Whether another execution of a call began not long ago; if not, this one is expected from now on."""
        lease = _lease(path)
        try:
            age_s = time.time() - lease.stat().st_mtime
        except FileNotFoundError:
            age_s = LEASE_S
        holder = _read(lease, pb.LogKey()) if 0 <= age_s < LEASE_S else None
        if holder is not None and (holder.run_id, holder.node, holder.item) != (
            execution.run_id,
            execution.node,
            execution.item,
        ):
            return True
        if holder is not None or age_s != LEASE_S:
            lease.unlink(missing_ok=True)  # it is old, or of an earlier attempt
        try:
            self._write(lease, execution, is_new=True)
        except FileExistsError:
            return True
        return False

    def _refusal(self, request: pb.FindResultRequest, kept: pb.KeptResult) -> str:
        """Why a result is not reused; empty if it is."""
        if request.lifetime_s and _now_us() - kept.origin.kept_at_us > request.lifetime_s * 1e6:
            return OLD
        return "" if self._is_whole(each.artifact for each in kept.outputs.values if each.artifact) else GONE

    def _path(self, call: pb.CallKey) -> Path:
        key = hashlib.sha256(call.SerializeToString(deterministic=True)).hexdigest()
        return self._root / RESULTS / _hex(call.team) / _hex(call.operator) / key

    def _decision(self, key: pb.LogKey) -> Path:
        return folder_of_run(self._root, key.run_id, DECISIONS) / f"{_numbers(key)}-{int(key.attempt)}"

    def _write(self, path: Path, message: Message, *, is_new: bool = False) -> None:
        """Write a file; with `is_new` raise FileExistsError if there is one."""
        data = message.SerializeToString()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put(path, hashlib.sha256(data).digest() + data, os.link if is_new else os.replace)
        except FileExistsError:
            raise
        except OSError as error:
            raise_if_full(error, self._root)
            raise


def _read(path: Path, into: Kind) -> Kind | None:
    """Return what a file has; None if there is none, or it is not whole."""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_BYTES_MAX)
    except (FileNotFoundError, IsADirectoryError):
        return None
    if hashlib.sha256(data[HASH_BYTES:]).digest() != data[:HASH_BYTES]:
        return None
    try:
        into.ParseFromString(data[HASH_BYTES:])
    except DecodeError:
        return None
    return into


def _lease(path: Path) -> Path:
    """Return the file that says which execution a result is expected of."""
    return path.with_suffix(LEASE)


def _numbers(key: pb.LogKey) -> str:
    return ".".join(f"{int(each)}" for each in (key.node, *key.item))


def _latest(folder: Path, call: pb.CallKey) -> pb.KeptResult | None:
    """Return the operator's latest result, preferably one of the same arguments; None: there is none."""
    for pointer in (_latest_name(call), LATEST):
        try:
            name = (folder / pointer).read_text()
        except (OSError, ValueError):
            continue
        if len(name) == 2 * HASH_BYTES and not set(name) - set("0123456789abcdef"):
            found = _read(folder / name, pb.KeptResult())
            if found is not None:
                return found
    return None


def _latest_name(call: pb.CallKey) -> str:
    given = pb.CallKey(parts=[part for part in call.parts if part.kind in OF_ARGUMENTS])
    return f"{LATEST}-{hashlib.sha256(given.SerializeToString(deterministic=True)).hexdigest()}"


def _put(path: Path, data: bytes, name: Callable[[Path, Path], None]) -> None:
    """Write a file that appears whole, by `name`: os.replace, or os.link, which replaces none."""
    partial = path.with_name(f".{os.getpid()}-{secrets.token_hex(8)}")
    try:
        partial.write_bytes(data)
        name(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _hex(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _now_us() -> int:
    return time.time_ns() // 1000

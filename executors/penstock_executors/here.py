"""The action that a process executes, as its operator sees it through `penstock.context` and its like."""

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from penstock.call.context import OperatorContext
from penstock.codecs.encoded import Buffer, Encoded
from penstock.errors import CheckpointFailed
from penstock_artifact_store import LogKey
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.plan.v1.plan_pb2 import Plan

from .progress import Page


class Checkpoints(Protocol):
    """What of an artifact store is needed here."""

    def put_checkpoint(self, key: LogKey, codec: str, parts: Sequence[Buffer]) -> None:
        """Keep a checkpoint durably."""
        ...

    def checkpoint(self, run_id: bytes, node: int, item: Sequence[int] = ()) -> tuple[str, memoryview] | None:
        """Codec and bytes of what was kept last."""
        ...


class Here:
    """One for all actions of a process: `grant` is the one that executes."""

    def __init__(
        self,
        page: Page,
        store: Checkpoints,
        worker: str,
        scratch: Path,
        plan: Callable[[bytes], Plan],
    ) -> None:
        self.page = page
        self.grant = Grant()
        self._store, self._worker, self._scratch, self._plan = store, worker, scratch, plan
        self._pid = os.getpid()

    def context(self) -> OperatorContext:
        """Who the operator is."""
        grant = self.grant
        return OperatorContext(
            run=uuid.UUID(bytes=grant.run_id),
            node=self._plan(grant.plan).nodes[grant.node].name,
            operator=grant.operator,
            attempt=grant.attempt,
            team=grant.team,
            worker=self._worker,
            folder=self._folder(),
        )

    def report(self, done: float, total: float, text: str) -> None:
        """Say how far it is."""
        self.page.say(done, total, text)

    def keep(self, encoded: Encoded) -> None:
        """Keep a checkpoint durably; raises CheckpointFailed, ArtifactStoreError."""
        self._check_process()
        self._folder().mkdir(mode=0o700, parents=True, exist_ok=True)  # by which the worker knows what to remove
        grant = self.grant
        key = LogKey(grant.run_id, grant.node, tuple(grant.item), grant.attempt, grant.grant)
        self._store.put_checkpoint(key, encoded.codec, encoded.parts)

    def kept(self) -> tuple[str, Buffer] | None:
        """Codec and bytes of the checkpoint; raises CheckpointFailed, ArtifactStoreError."""
        self._check_process()
        found = self._store.checkpoint(self.grant.run_id, self.grant.node, tuple(self.grant.item))
        if found is not None:
            self._folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        return found

    def _folder(self) -> Path:
        return folder_of_node(self._scratch, self.grant.run_id, self.grant.node, self.grant.item)

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise CheckpointFailed(
                "a process that the operator has forked cannot keep or read checkpoints; call it in the operator itself"
            )


def folder_of_node(root: Path, run_id: bytes, node: int, item: Iterable[int] = ()) -> Path:
    """Where a node of a run has its scratch folder: <run id in hex>/<node>[.<item>...], hex and numbers only."""
    return root / run_id.hex() / ".".join(f"{int(each)}" for each in (node, *item))

"""The action that a process executes, as its operator sees it through `penstock.context` and its like."""

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from penstock.call.context import OperatorContext
from penstock.call.control import Control
from penstock.call.failures import NotLoadable
from penstock.call.invocation import Call
from penstock.call.secrets import refuse_undeclared
from penstock.codecs.encoded import Buffer, Encoded
from penstock.errors import CheckpointFailed, SecretUnavailable
from penstock_artifact_store import LogKey
from penstock_plan.secrets import Redactor
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.executors.v1.child_pb2 import GivenSecrets
from penstock_proto.plan.v1.plan_pb2 import Plan

from .grants import node_of_plan
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
        self._secrets: Mapping[str, str] = {}
        self._declared: Sequence[str] = ()
        # Hides the values of the secrets that the operator has; None: it declares none.
        self.redact: Redactor | None = None

    def take_secrets(self, call: Call | Control, message: bytes) -> None:
        """Take the secrets that came with a grant; raise NotLoadable if the worker lacks one."""
        self._declared = call.secrets
        if not call.secrets:
            return
        given = GivenSecrets.FromString(message)
        self._secrets, self.redact = dict(given.values), Redactor(given.values)
        self.grant.DiscardUnknownFields()
        if given.problems:
            raise NotLoadable("SecretUnavailable", "; ".join(text for _, text in sorted(given.problems.items())))

    def secret(self, name: str) -> str:
        """Return the value of a secret that the operator declares."""
        refuse_undeclared(name, self.grant.operator, self._declared)
        if os.getpid() != self._pid:
            raise SecretUnavailable("a process that the operator forked has no secrets; read them before")
        return self._secrets[name]

    def context(self) -> OperatorContext:
        """Who the operator is."""
        grant = self.grant
        return OperatorContext(
            run=uuid.UUID(bytes=grant.run_id),
            node=self.node_name(),
            operator=grant.operator,
            attempt=grant.attempt,
            team=grant.team,
            worker=self._worker,
            folder=self._folder(),
        )

    def node_name(self) -> str:
        """Name of its node; of an item of a map with the item's number."""
        grant = self.grant
        return self._plan(grant.plan).nodes[node_of_plan(grant)].name + "".join(f"[{item}]" for item in grant.path)

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

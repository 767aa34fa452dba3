"""What an operator that is tested as a plain function learns of its run, and what it says and keeps."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import codecs
from ..call.checkpoints import checkpoint as keep
from ..call.context import OperatorContext, execute_as
from ..call.secrets import from_environment, refuse_undeclared
from ..codecs.encoded import Buffer, Encoded


class Reported(NamedTuple):
    """One report of `penstock.progress`; a total of NaN: it was not given."""

    done: float
    total: float
    text: str


class FakeExecution:
    """Stands for an action. `progress` has all reports in order, `checkpoint` what was kept last."""

    def __init__(
        self, faked: OperatorContext, secrets: Mapping[str, str] | None = None, declared: Sequence[str] | None = None
    ) -> None:
        self._secrets, self._declared = secrets, declared
        self.progress: list[Reported] = []
        self._context = faked
        self._kept: tuple[str, bytes] | None = None

    @property
    def checkpoint(self) -> Any:
        """What was kept last, records as dicts; None: nothing."""
        return None if self._kept is None else codecs.decode(*self._kept)

    def context(self) -> OperatorContext:
        return self._context

    def secret(self, name: str) -> str:
        if self._secrets is None or name not in self._secrets:
            if self._declared is not None:
                refuse_undeclared(name, self._context.operator, self._declared)
            return from_environment(name)
        return self._secrets[name]

    def report(self, done: float, total: float, text: str) -> None:
        self.progress.append(Reported(done, total, text))

    def keep(self, encoded: Encoded) -> None:
        self._kept = (encoded.codec, encoded.data)

    def kept(self) -> tuple[str, Buffer] | None:
        return self._kept


@contextlib.contextmanager
def context(
    *,
    run: uuid.UUID | str | None = None,
    node: str = "node",
    operator: str = "test:operator",
    attempt: int = 1,
    team: str = "",
    worker: str = "test",
    scratch: Path | None = None,
    checkpoint: Any = None,
    secrets: Mapping[str, str] | None = None,
    declared: Sequence[str] | None = None,
) -> Generator[FakeExecution]:
    """Let operators that are called in the block as plain functions find a context.

    Args:
        scratch: Their scratch folder; None: an empty one, which is removed at the end.
        secrets: What `penstock.secret` returns, by name; others are those of this process.
        declared: Names of the secrets that the operator declares; None: any may be read.
        checkpoint: What `penstock.last_checkpoint` returns; None: nothing was kept.
    """
    run_id = run if isinstance(run, uuid.UUID) else uuid.UUID(run) if run else uuid.uuid4()
    with contextlib.ExitStack() as until_end:
        if scratch is None:
            temporary = tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True)
            scratch = Path(until_end.enter_context(temporary))
        faked = OperatorContext(
            run=run_id,
            node=node,
            operator=operator,
            attempt=attempt,
            team=team,
            worker=worker,
            folder=scratch,
        )
        execution = FakeExecution(faked, secrets, declared)
        with execute_as(execution):
            if checkpoint is not None:
                keep(checkpoint)
            yield execution

"""Results of operators that are reused: asked for before a call, and kept after it."""

import logging
import time
from typing import Final, Protocol

from penstock.call.given import Given
from penstock.call.invocation import Call
from penstock.codecs.values import Store
from penstock_artifact_store import ArtifactStoreError
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1.service_pb2 import (
    CallKey,
    FindResultRequest,
    FindResultResponse,
    KeepResultRequest,
    LogKey,
)
from penstock_proto.plan.v1.plan_pb2 import Cache, Plan
from penstock_proto.state_tracker.v1.reports_pb2 import Succeeded
from penstock_proto.value.v1.value_pb2 import Values

from .call_keys import CallKeys
from .errors import NoKey

# Of an equal call that executes now.
ASK_AGAIN_S: Final = 0.2
WAIT_S: Final = 60.0
log = logging.getLogger(__name__)


class ResultStore(Store, Protocol):
    """What of an artifact store is needed here."""

    def find_result(self, request: FindResultRequest) -> FindResultResponse:
        """Return the outputs of an earlier execution of the same call, if there is one."""
        ...

    def keep_result(self, request: KeepResultRequest) -> None:
        """Keep the outputs of a call for later ones."""
        ...


class ResultReuse:
    """One for all actions of a process. If the cache cannot be used, the operator is called as if there were none."""

    def __init__(self, store: ResultStore, bundle: str) -> None:
        self._store, self._keys = store, CallKeys(bundle, store)

    def find(
        self, call: Call, cache: Cache, plan: Plan, grant: Grant, given: Given, name: str, done: Succeeded
    ) -> CallKey | None:
        """Fill in the result of an equal call, if there is one. Return the key of the call; None: it has none.

        Raises ActionError if the operator's own function of its arguments fails.
        """
        problem, key = "", CallKey(team=grant.team, operator=call.operator)
        try:
            key = self._keys.key_of(call, plan, grant, given)
        except NoKey as error:
            problem = str(error)
        request = FindResultRequest(
            execution=_execution(grant),
            name=name,
            call=key,
            lifetime_s=cache.lifetime_s,
            no_cache=grant.no_cache,
            problem=problem,
            waits=True,
        )
        try:
            found = self._find(request)
        except (ArtifactStoreError, OSError) as error:
            log.warning("cannot look for the result of %s, calling it: %s", call.operator, error)
            return None
        if found.found:
            done.outputs.CopyFrom(found.outputs)
            done.reuse.CopyFrom(found.reuse)
        return None if problem else key

    def _find(self, request: FindResultRequest) -> FindResultResponse:
        """Ask the store, and wait for a while for an equal call that executes now."""
        give_up_at = time.monotonic() + WAIT_S
        while (found := self._store.find_result(request)).is_expected:
            time.sleep(ASK_AGAIN_S)
            request.waits = time.monotonic() < give_up_at
        return found

    def keep(self, key: CallKey, grant: Grant, name: str, outputs: Values | None) -> None:
        """Keep what a call returned; None: it failed, and nobody need wait for it."""
        request = KeepResultRequest(execution=_execution(grant), name=name, call=key)
        if outputs is not None:
            request.outputs.CopyFrom(outputs)
        try:
            self._store.keep_result(request)
        except (ArtifactStoreError, OSError) as error:
            log.warning("cannot keep the result of %s for later calls: %s", key.operator, error)


def _execution(grant: Grant) -> LogKey:
    return LogKey(run_id=grant.run_id, node=grant.node, item=grant.item, attempt=grant.attempt, grant=grant.grant)

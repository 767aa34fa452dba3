"""The secrets of operators, resolved by the worker for one attempt, and hidden in what that attempt prints."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from penstock_plan import secrets
from penstock_plan.secrets import Redactor, SecretError
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.executors.v1.child_pb2 import DeclaredSecrets, GivenSecrets
from penstock_proto.plan.v1.plan_pb2 import Plan

from .child_process import ChildProcess
from .grants import node_of_plan

PLANS_MAX: Final = 1_024

Names = Mapping[int, tuple[str, ...]]  # by node, those of nodes that have some


class SecretSource:
    """Knows which secrets each node's operator declares, and has their values.

    Args:
        plans: The folder of plans, each under the hex of its hash.
    """

    def __init__(self, plans: Path) -> None:
        self._plans = plans
        self._names: dict[bytes, Names] = {}

    def message(self, grant: Grant, child: ChildProcess) -> bytes | None:
        """Return what a process is sent for a grant; None: not yet.

        A process that executes an operator with secrets is alone with it: nothing is sent to it before or after.
        """
        of_plan = self._of(grant.plan)
        names = of_plan.get(node_of_plan(grant)) if of_plan else None
        if child.sent and (names or child.redact is not None):
            return None
        child.redact = None
        if not names:
            return grant.SerializeToString()
        given = resolve(names)
        child.redact = Redactor(given.values)
        return grant.SerializeToString() + given.SerializeToString()

    def _of(self, plan: bytes) -> Names:
        found = self._names.get(plan)
        if found is None:
            if len(self._names) >= PLANS_MAX:
                self._names.clear()
            found = self._names[plan] = declared((self._plans / plan.hex()).read_bytes())
        return found


def declared(data: bytes) -> Names:
    """Return the names of secrets that the operators of a plan declare, by node."""
    if not any(operator.secrets for operator in DeclaredSecrets.FromString(data).operators):
        return {}
    plan = Plan.FromString(data)
    of_operator = [tuple(operator.secrets) for operator in plan.operators]
    return {index: names for index, node in enumerate(plan.nodes) if (names := of_operator[node.operator])}


def resolve(names: tuple[str, ...]) -> GivenSecrets:
    """Return the values that this worker has, and why it lacks others."""
    given = GivenSecrets()
    for name in names:
        try:
            given.values[name] = secrets.read(name, os.environ, os.environ.get(secrets.FOLDER_VARIABLE, ""))
        except SecretError as error:
            given.problems[name] = str(error)
    return given

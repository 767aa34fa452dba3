"""What every RPC of every service requires: one table. A method that is not in it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from .principal import Role


class Of(Enum):
    """Where the team comes from, in which the role is required."""

    NOBODY = auto()  # no token is needed
    ANY = auto()  # any team: what is asked belongs to none, or is named by a hash that only its readers know
    DEPLOYMENT = auto()  # the deployment: for its admins
    SERVICES = auto()  # only services, and admins of the deployment
    RUN = auto()  # the team of the run that the request names
    WORKFLOW = auto()  # the team of the name in the registry
    REQUEST = auto()  # the team that the request names
    EACH = auto()  # the handler asks for each run or request, and leaves out or refuses those of other teams


@dataclass(frozen=True, slots=True)
class Rule:
    """What one method requires.

    Attributes:
        workers: Workers may call it, whatever the role.
        ends: A stream that ends when the token of its caller does.
        writes_caller: The request's `caller` is written from the token.
    """

    of: Of
    role: Role = Role.VIEWER
    workers: bool = False
    ends: bool = False
    writes_caller: bool = False


OPEN: Final = Rule(Of.NOBODY, Role.NONE)
SERVICES: Final = Rule(Of.SERVICES, Role.ADMIN)
WORKERS_TOO: Final = Rule(Of.SERVICES, Role.ADMIN, workers=True)
ANY: Final = Rule(Of.ANY)
MINE: Final = Rule(Of.EACH)
RUN: Final = Rule(Of.RUN)
ADMINS: Final = Rule(Of.DEPLOYMENT, Role.ADMIN)

RULES: Final[dict[str, Rule]] = {
    "Health/Check": OPEN,
    "Health/List": OPEN,
    "Health/Watch": OPEN,
    "ServerReflection/ServerReflectionInfo": ANY,
    # Clients learn from it where the authority is.
    "StateTrackerService/Info": OPEN,
    "StateTrackerService/PutPlan": Rule(Of.ANY, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/GetPlan": Rule(Of.ANY, workers=True),
    "StateTrackerService/Submit": Rule(Of.REQUEST, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/SubmitMany": Rule(Of.EACH, Role.LAUNCHER),
    "StateTrackerService/Results": Rule(Of.EACH, ends=True),
    "StateTrackerService/GetRun": Rule(Of.RUN, workers=True),
    "StateTrackerService/ListRuns": MINE,
    "StateTrackerService/FindRuns": MINE,
    "StateTrackerService/Cancel": Rule(Of.RUN, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/Signal": Rule(Of.RUN, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/Retry": Rule(Of.RUN, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/Pause": Rule(Of.RUN, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/Resume": Rule(Of.RUN, Role.LAUNCHER, writes_caller=True),
    "StateTrackerService/RemoveRun": Rule(Of.RUN, Role.OPERATOR),
    "StateTrackerService/Validate": ANY,
    "StateTrackerService/ListRemoved": SERVICES,
    "StateTrackerService/References": SERVICES,
    "StateTrackerService/Watch": Rule(Of.RUN, ends=True),
    "StateTrackerService/Read": SERVICES,
    "StateTrackerService/Snapshot": SERVICES,
    "StateTrackerService/Heads": SERVICES,
    "StateTrackerService/ReadValues": Rule(Of.EACH, workers=True),
    "StateTrackerService/ReadReused": RUN,
    "StateTrackerService/Report": SERVICES,
    "StateTrackerService/Diagnose": ADMINS,
    "DependencyManagerService/Read": SERVICES,
    "DependencyManagerService/Snapshot": SERVICES,
    "DependencyManagerService/Heads": SERVICES,
    "ActionService/ListWorkers": ANY,
    "ActionService/ListPools": Rule(Of.ANY, workers=True),
    "ActionService/Why": RUN,
    "ActionService/Fit": ANY,
    "WorkerService/Connect": WORKERS_TOO,
    # A hash is known to those who may read what names it.
    "ArtifactStoreService/Missing": Rule(Of.ANY, Role.LAUNCHER, workers=True),
    "ArtifactStoreService/Put": Rule(Of.ANY, Role.LAUNCHER, workers=True),
    "ArtifactStoreService/Get": Rule(Of.ANY, workers=True),
    "ArtifactStoreService/Sweep": SERVICES,
    "ArtifactStoreService/AppendLog": WORKERS_TOO,
    "ArtifactStoreService/RemoveLogs": SERVICES,
    "ArtifactStoreService/ReadLog": Rule(Of.RUN, ends=True),
    "ArtifactStoreService/ReadProgress": RUN,
    "ArtifactStoreService/PutCheckpoint": WORKERS_TOO,
    "ArtifactStoreService/GetCheckpoint": WORKERS_TOO,
    "ArtifactStoreService/RemoveCheckpoints": WORKERS_TOO,
    "ArtifactStoreService/FindResult": WORKERS_TOO,
    "ArtifactStoreService/KeepResult": WORKERS_TOO,
    "ArtifactStoreService/ExplainResult": RUN,
    "ArtifactStoreService/ForgetResults": Rule(Of.REQUEST, Role.OPERATOR),
    "HistoryService/ListRuns": MINE,
    # Of all teams: whoever passes them on leaves out those of others.
    "HistoryService/CountRuns": MINE,
    "HistoryService/ListChanges": MINE,
    "HistoryService/GetRun": RUN,
    "HistoryService/ListNodes": RUN,
    "HistoryService/Compare": MINE,
    "HistoryService/ListArtifacts": MINE,
    "HistoryService/Statistics": MINE,
    "HistoryService/Status": ANY,
    "HistoryService/Rebuild": ADMINS,
    "NotificationsService/PutChannel": Rule(Of.EACH, Role.OPERATOR, writes_caller=True),
    "NotificationsService/ListChannels": MINE,
    "NotificationsService/RemoveChannel": Rule(Of.EACH, Role.OPERATOR),
    "NotificationsService/TestChannel": Rule(Of.EACH, Role.OPERATOR),
    "NotificationsService/PutRule": Rule(Of.EACH, Role.OPERATOR, writes_caller=True),
    "NotificationsService/ListRules": MINE,
    "NotificationsService/RemoveRule": Rule(Of.EACH, Role.OPERATOR),
    "NotificationsService/ListDeliveries": MINE,
    "NotificationsService/RetryDeliveries": Rule(Of.EACH, Role.OPERATOR),
    "NotificationsService/Status": ANY,
    "RegistryService/Publish": Rule(Of.REQUEST, Role.OPERATOR, writes_caller=True),
    "RegistryService/MoveAlias": Rule(Of.WORKFLOW, Role.OPERATOR, writes_caller=True),
    "RegistryService/Get": Rule(Of.WORKFLOW),
    "RegistryService/List": MINE,
    "RegistryService/ListVersions": Rule(Of.WORKFLOW),
    "RegistryService/Form": Rule(Of.WORKFLOW),
    "RegistryService/Links": MINE,
    "RegistryService/Read": SERVICES,
    "RegistryService/Heads": SERVICES,
    "AuthorityService/Exchange": OPEN,
    "AuthorityService/SignIn": OPEN,
    "AuthorityService/Provider": OPEN,
    "AuthorityService/Keys": OPEN,
    "AuthorityService/WhoAmI": Rule(Of.ANY, Role.NONE, workers=True),
    "AuthorityService/CreateToken": Rule(Of.ANY, Role.NONE),
    "AuthorityService/ListTokens": Rule(Of.ANY, Role.NONE),
    "AuthorityService/RevokeToken": Rule(Of.ANY, Role.NONE),
    "AuthorityService/ListMembers": Rule(Of.EACH),
    "AuthorityService/SetMember": Rule(Of.REQUEST, Role.ADMIN),
    "AuthorityService/RotateKey": ADMINS,
    "AuthorityService/Note": SERVICES,
    "AuthorityService/Audit": ADMINS,
}


def short(method: str) -> str:
    """Return Service/Method of /package.Service/Method, which the table is keyed by."""
    return method.rpartition(".")[2]

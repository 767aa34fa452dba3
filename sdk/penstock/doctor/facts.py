"""The answers of the services, judged by `rules`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock_proto.action_service.v1 import service_pb2 as actions
from penstock_proto.state_tracker.v1 import diagnosis_pb2
from penstock_proto.state_tracker.v1.service_pb2 import InfoResponse

# Position of each shard's log, as one process knows it.
Heads = Mapping[int, int]


class Kind(StrEnum):
    """A service, as its addresses are found."""

    STATE_TRACKER = "State Tracker"
    DEPENDENCY_MANAGER = "Dependency Manager"
    ACTION_SERVICE = "Action Service"
    ARTIFACT_STORE = "artifact store"
    REGISTRY = "registry"
    HISTORY = "history"
    NOTIFICATIONS = "notifications"


@dataclass(slots=True)
class Process:
    """One process of a service.

    Attributes:
        trouble: Why it does not respond; empty if it does.
        serving: Whether it says that it is ready.
        heads: Of a State Tracker or a Dependency Manager.
        later_heads: The same, some `Facts.apart_s` later.
        diagnosis: Of a State Tracker.
        ahead_s: How far a State Tracker's clock is ahead of this machine's, at least.
    """

    kind: Kind
    address: str
    trouble: str = ""
    serving: bool = False
    heads: Heads = field(default_factory=dict[int, int])
    later_heads: Heads = field(default_factory=dict[int, int])
    diagnosis: diagnosis_pb2.DiagnoseResponse | None = None
    ahead_s: float = 0.0


@dataclass(slots=True)
class Disk:
    """The file system of a folder."""

    folder: str
    total_bytes: int
    free_bytes: int
    # Of operators' scratch folders beside the artifacts, where a worker has them.
    scratch_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Access:
    """How callers are verified.

    Attributes:
        trouble: Why the authority does not respond; empty if it does.
        key_age_s: Of the key that signs access tokens.
        ahead_s: How far the authority's clock is ahead of this machine's, at least.
        provider: Identity provider; empty if there is none.
        provider_trouble: Why it does not respond here.
    """

    is_on: bool
    trouble: str = ""
    key_age_s: float = 0.0
    ahead_s: float = 0.0
    provider: str = ""
    provider_trouble: str = ""


@dataclass(slots=True)
class Gateway:
    """The REST API. `trouble`: why it does not respond; empty if it does."""

    url: str
    trouble: str = ""


@dataclass(slots=True)
class Facts:
    """One look at a deployment.

    Attributes:
        version: Of this program.
        apart_s: Seconds between the two looks at heads.
        why: Of the runs that wait for longest: what the Action Service says of each of their nodes.
        undelivered: Notifications that wait, and that are dead; None: the service does not say.
        access: None: nobody could be asked.
        has_client_certificate: Whether this program calls with a certificate of its own.
        certificates_left_s: How long certificates are valid, by address; empty where nothing is encrypted.
        gateway: None: it is not known where it is.
        store_trouble: Why nothing can be stored; empty if something could be; None if it was not tried.
    """

    version: str
    processes: list[Process]
    info: InfoResponse | None = None
    apart_s: float = 1.0
    pools: list[actions.Pool] = field(default_factory=list[actions.Pool])
    workers: list[actions.Worker] = field(default_factory=list[actions.Worker])
    why: dict[uuid.UUID, list[tuple[str, str]]] = field(default_factory=dict[uuid.UUID, list[tuple[str, str]]])
    disks: list[Disk] = field(default_factory=list[Disk])
    store_trouble: str | None = None
    undelivered: tuple[int, int] | None = None
    access: Access | None = None
    has_client_certificate: bool = False
    certificates_left_s: dict[str, float] = field(default_factory=dict[str, float])
    gateway: Gateway | None = None

    def of(self, kind: Kind) -> list[Process]:
        return [process for process in self.processes if process.kind is kind]

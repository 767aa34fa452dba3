"""The suite as processes, with a worker on the far side of a link, and what the faults need of it."""

import shutil
import sqlite3
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import psutil
from penstock_stack.topology import Instance, Topology

from tests.simulation.invariants import demand

from .background import Background
from .checker import Deployment
from .disk import small_disk
from .link import Link

SCALE: Final = {"state-tracker": 2, "dependency-manager": 2, "action-service": 2}
WORKER_CPU: Final = 1
FAR_WORKER: Final = "worker-2"
FAR_DISK: Final = "128m"


@dataclass
class Suite:
    """Everything that runs, and how to break it."""

    topology: Topology
    background: Background
    effects: Path
    # Of the far worker: to the first Action Service, a State Tracker, the artifact store.
    links: list[Link]
    # What faults deleted from the topic.
    erased: list[bytes] = field(default_factory=list[bytes])

    @property
    def deployment(self) -> Deployment:
        """Where its truth is."""
        folder = self.topology.folder
        kafka = self.topology.kafka.address
        return Deployment(self.topology.dsn, folder / "artifacts", self.effects, kafka, erased=self.erased)

    @property
    def marks(self) -> Path:
        """The folder that begins each mark of what operators leave behind."""
        return self.effects.parent

    def names(self, service: str) -> list[str]:
        """Return the instances of a service."""
        return [name for name in self.topology.instances if name.rstrip("-0123456789") == service]

    def instance(self, name: str) -> Instance:
        return self.topology.instances[name]

    def keepers(self, name: str) -> list[psutil.Process]:
        """Return the processes that start a worker's operators."""
        children = psutil.Process(self.instance(name).pid).children()
        return [child for child in children if "penstock_executors.keeper" in _command(child)]

    def operators(self, name: str = "") -> list[psutil.Process]:
        """Return the processes that call operators, of a worker or of all."""
        names = [name] if name else self.names("worker")
        keepers = [keeper for each in names for keeper in self.keepers(each)]
        return [child for keeper in keepers for child in keeper.children()]

    def postgres_processes(self) -> list[psutil.Process]:
        """Return the database server's processes, the one that starts the others first."""
        server = psutil.Process(self.topology.postgres.pid)
        return [server, *server.children()]

    def pool_owner(self) -> str:
        """Return the Action Service that owns the pool, or did last."""
        return self.background.call(_pool_owner(self.topology.dsn))

    def demand_alive(self) -> None:
        """Raise Violation if a process has ended that nobody killed."""
        for name, instance in self.topology.instances.items():
            alive = instance.process is not None and instance.process.poll() is None
            demand(alive, f"{name} ended by itself; its log ends:\n{instance.tail()}")


async def _pool_owner(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT owner FROM penstock_action_service.pools WHERE pool = 'default'")
    finally:
        await connection.close()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def make_effects(folder: Path) -> Path:
    """Make the database in which the operators count their effects."""
    path = folder / "effects.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE effects (key TEXT, value INTEGER, pid INTEGER)")
    return path


@contextmanager
def running(folder: Path) -> Generator[Suite]:
    """Start everything over a folder; stop it at the end."""
    effects = make_effects(folder)
    far = folder / "suite" / FAR_WORKER
    far.mkdir(parents=True)
    with (
        small_disk(far, FAR_DISK),
        Background() as background,
        Topology(folder / "suite", scale=SCALE, cpu=WORKER_CPU) as topology,
    ):
        targets = [topology.addresses(service)[0] for service in ("action-service", "state-tracker", "artifact-store")]
        links = [Link(target) for target in targets]
        suite = Suite(topology, background, effects, links)
        _add_far_worker(suite, [background.call(link.open()) for link in links])
        yield suite
        for link in links:
            background.call(link.close())


def _add_far_worker(suite: Suite, addresses: list[str]) -> None:
    """Start a worker that sees neither the artifacts' folder nor any service but through its links."""
    command = worker_command(FAR_WORKER, suite.topology.folder / FAR_WORKER, addresses, WORKER_CPU)
    log = suite.topology.folder / "logs" / f"{FAR_WORKER}.log"
    worker = Instance(FAR_WORKER, command, {"PENSTOCK_LOG_FORMAT": "json"}, log, "")
    suite.topology.instances[FAR_WORKER] = worker
    worker.start()
    suite.topology.wait_ready()


def worker_command(name: str, folder: Path, addresses: Sequence[str], cpu: int) -> list[str]:
    """Return the command of a worker; addresses: of an Action Service, a State Tracker, the artifact store."""
    connect, tracker, artifacts = addresses
    command = ["penstock", "worker", f"--name={name}", f"--connect={connect}", f"--state-tracker={tracker}"]
    return [*command, f"--artifacts={artifacts}", f"--folder={folder}", f"--cpu={cpu}", "--gpu=0", "--memory=1Gi"]


@contextmanager
def fresh_folder(*, keep: bool) -> Generator[Path]:
    """A folder that Postgres' own user can enter, with a path short enough for its socket."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)
    try:
        yield folder
    except BaseException:
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)

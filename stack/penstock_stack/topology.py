"""The suite as plain processes: what docker-compose.yml describes, on this machine's loopback, without containers.

`python -m penstock_stack.topology --data FOLDER` runs it in the foreground.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from graphlib import TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
from penstock_access.credentials import Channel
from penstock_proto import tls
from penstock_proto.action_service.v1 import service_pb2, service_pb2_grpc
from penstock_proto.channels import open_blocking_channel
from penstock_service.health import is_ready

from . import certificates, compose
from .access import Secured
from .compose import Described
from .errors import NotStarted, StackError
from .kafka import EmbeddedKafka
from .lifeline import tied
from .ports import HOST, choose_port
from .postgres import EmbeddedPostgres

COMPOSE_FILE: Final = Path("docker-compose.yml")
DATABASE: Final = "penstock"
READY_S_MAX: Final = 120.0
# Workers have 50 s to end what they hold.
STOP_S_MAX: Final = 60.0
POLL_S: Final = 0.05
LOG_TAIL_CHARS: Final = 2_000


class Instance:
    """One process of a service: started, killed and started again as a test wants."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path, health: str) -> None:
        self.name, self.log, self.health = name, log, health
        # HOST:PORT of /metrics.
        self.metrics = environment.get("PENSTOCK_METRICS_LISTEN", "")
        # HOST:PORT of the REST API.
        self.http = environment.get("PENSTOCK_HTTP_LISTEN", "")
        self._command, self._environment = command, dict(environment)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise NotStarted(f"{self.name} is not running")
        return self.process.pid

    def set(self, variables: Mapping[str, str]) -> None:
        """Let the process have these variables from its next start on."""
        self._environment |= variables

    def start(self) -> None:
        script = Path(sys.executable).with_name(self._command[0])
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                tied([str(script), *self._command[1:]], signal.SIGTERM),
                env={**_outer_environment(), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever started all of this
            )

    def signal(self, number: int) -> None:
        """Send a signal to the process alone, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self) -> int:
        """End in order; return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_end()

    def wait_end(self) -> int:
        """Return the exit code of what was told to end. What does not end in time is killed."""
        process, self.process = self.process, None
        if process is None:
            return 0
        try:
            return process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]


class Topology:
    """Start it, stop it, and reach its parts by name: `state-tracker`, or `state-tracker-2` of several.

    Args:
        folder: Of data and logs; kept.
        scale: How many instances of a service there are, where it is not one.
        cpu: Cores that each worker offers; what the file says if not given.
        extra: More variables of the environment, for all services.
        encrypted: Give every process a certificate, and accept no caller without one.
        access: Whether services verify who calls.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file: Path = COMPOSE_FILE,
        scale: Mapping[str, int] | None = None,
        cpu: int | None = None,
        extra: Mapping[str, str] | None = None,
        port: int = 0,
        encrypted: bool = False,
        access: bool = False,
    ) -> None:
        self._access = Secured(folder.absolute()) if access else None
        self.folder = folder.absolute()
        self.postgres = EmbeddedPostgres(self.folder / "postgres")
        self.kafka = EmbeddedKafka(self.folder / "kafka")
        self.instances: dict[str, Instance] = {}
        self._file, self._scale, self._cpu, self._port = file, dict(scale or {}), cpu, port
        self._extra = dict(extra or {})
        self._stops = ExitStack()
        self._places: dict[str, list[str]] = {}
        self._stop_order: list[str] = []
        self.dsn = ""
        # Of the authority and all that it issued.
        self.certificates = self.folder / "certificates" if encrypted else None
        # For clients; empty if nothing is encrypted.
        self.tls = tls.Tls()

    @property
    def address(self) -> str:
        """HOST:PORT for clients: the first State Tracker."""
        return self.addresses("state-tracker")[0]

    @property
    def pids(self) -> list[int]:
        """The processes of all parts, database and broker among them."""
        running = [one.pid for one in self.instances.values() if one.process is not None]
        return [*running, self.kafka.pid, self.postgres.pid]

    def addresses(self, service: str) -> list[str]:
        """HOST:PORT of each instance's gRPC server."""
        return [one.health for one in self._of(service)]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; return once runs can be submitted and executed. Raises StackError."""
        used = self._described()
        needs = TopologicalSorter({name: one.needs for name, one in used.items()})
        self._stop_order = [name for name in reversed([*needs.static_order()]) if name in used]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        self._make_authority()
        self._stops.callback(self.postgres.stop)
        self.postgres.start()
        self.dsn = self.postgres.create(DATABASE)
        self._stops.callback(self.kafka.stop)
        self.kafka.start()
        self._places = {"kafka:9092": [self.kafka.address]}
        hosts = {name: self._place(one) for name, one in used.items()}
        for name, one in used.items():
            for number, ports in enumerate(hosts[name]):
                self._add(one, number, ports)
        services = [one for one in self.instances.values() if one.health]
        for instance in services:
            if self._access is not None:
                instance.set(self._access.of_service(self.addresses("registry")[0]))
            instance.start()
        if self._access is not None:  # their tokens come from the authority
            self.wait_ready(workers=False)
            asyncio.run(self._access.make_tokens(self.address, self.tls, workers=True))
        for instance in self.instances.values():
            if not instance.health:
                if self._access is not None:
                    instance.set(self._access.of_worker(self.addresses("registry")[0]))
                instance.start()
        self.wait_ready()

    def stop(self) -> None:
        """Stop in order: each before what it needs, the database last. Harmless when repeated."""
        for service in self._stop_order:
            for instance in self._of(service):
                instance.signal(signal.SIGTERM)
            for instance in self._of(service):
                instance.wait_end()
        self._stops.close()

    def wait_ready(self, *, workers: bool = True) -> None:
        """Return once health says that every running service is ready, and every worker is connected."""
        deadline = time.monotonic() + READY_S_MAX
        for instance in self.instances.values():
            if instance.health and instance.process is not None:
                _wait(lambda instance=instance: is_ready(instance.health, tls=self.tls), instance, deadline)
        expected = [one for one in self.instances.values() if not one.health and one.process is not None]
        if expected and workers:
            _wait(lambda: self.workers() >= len(expected), expected[0], deadline)

    def workers(self) -> int:
        """Return how many workers are connected, to whichever Action Service."""
        token = self.token()
        return sum(_workers(address, self.tls, token) for address in self.addresses("action-service"))

    def token(self) -> str:
        """Return a token of a service, which may do everything for minutes; empty without access."""
        return "" if self._access is None else self._access.token()

    @property
    def admin_token(self) -> Path | None:
        """The file with the token of the first admin; None without access."""
        return None if self._access is None else self._access.admin_token

    def _described(self) -> dict[str, Described]:
        """Read the file; return the services that run here."""
        services = compose.described(compose.load(self._file, {"PENSTOCK_POSTGRES_PASSWORD": "none"}))
        # Traces need a collector, which is not ours: only if the caller names one.
        profiles = {"observability"} if "PENSTOCK_OTLP" in self._extra else set[str]()
        used = {name: one for name, one in services.items() if profiles.issuperset(one.profiles)}
        if unknown := self._scale.keys() - used.keys():
            raise NotStarted(f"unknown service {', '.join(sorted(unknown))}: choose from {', '.join(used)}")
        return used

    def _of(self, service: str) -> list[Instance]:
        return [one for name, one in self.instances.items() if re.fullmatch(rf"{service}(-\d+)?", name)]

    def _place(self, one: Described) -> list[dict[int, int]]:
        """Choose ports for a service's instances: of each, inside -> here."""
        hosts: list[dict[int, int]] = []
        for number in range(self._scale.get(one.name, 1)):
            wished = self._port if one.name == "state-tracker" and not number else 0
            hosts.append({port: choose_port(wished if not at else 0) for at, port in enumerate(one.listens)})
        for inside in one.listens:
            here = [f"{HOST}:{ports[inside]}" for ports in hosts]
            self._places[f"{one.name}:{inside}"] = here
            for outside, published in one.ports.items():
                if published == inside:
                    self._places[f"{HOST}:{outside}"] = here
        return hosts

    def _add(self, one: Described, number: int, ports: Mapping[int, int]) -> None:
        count = self._scale.get(one.name, 1)
        name = one.name if count == 1 else f"{one.name}-{number + 1}"
        own = {f"0.0.0.0:{inside}": [f"{HOST}:{here}"] for inside, here in ports.items()}
        folders = {path: str(self._volume(volume, name)) for path, volume in one.folders.items()}
        environment = compose.environment(one, self._places | own, folders, self.dsn)
        if "PENSTOCK_NAME" in environment:
            environment["PENSTOCK_NAME"] = name
        health = environment.get("PENSTOCK_LISTEN", "")
        if "PENSTOCK_ADVERTISE" in environment:
            environment["PENSTOCK_ADVERTISE"] = health
        command = [compose.mapped(word, self._places | own, folders, several=False) for word in one.command]
        if not health:
            command = self._worker(command, name)
        log = self.folder / "logs" / f"{name}.log"
        extra = self._encryption(one, name) | self._extra
        self.instances[name] = Instance(name, command, environment | extra, log, health)

    def _make_authority(self) -> None:
        """Make what issues certificates, and one for clients; nothing if there is one from before."""
        if self.certificates is not None:
            self.tls = certificates.issue_of(self.certificates, "suite", "user").tls

    def _encryption(self, one: Described, name: str) -> dict[str, str]:
        """Return the variables of an instance that has a certificate of its own."""
        if self.certificates is None:
            return {}
        files = certificates.issue(self.certificates, one.name, name).tls
        return {tls.CA: files.ca, tls.CERTIFICATE: files.certificate, tls.KEY: files.key}

    def _volume(self, volume: str, name: str) -> Path:
        """Return the folder that takes a volume's place, or that of an instance's own."""
        path = self.folder / (volume or name)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _worker(self, command: list[str], name: str) -> list[str]:
        words = [word for word in command if self._cpu is None or not word.startswith("--cpu=")]
        return [*words, f"--name={name}", *([] if self._cpu is None else [f"--cpu={self._cpu}"])]


def _outer_environment() -> dict[str, str]:
    """What a container would not have stays out."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}


def _workers(address: str, files: tls.Tls, token: str) -> int:
    stubs: Any = service_pb2_grpc
    made = open_blocking_channel(address, [("grpc.enable_http_proxy", 0)], files)
    with Channel(made, lambda: token) as channel:
        try:
            answer: Any = stubs.ActionServiceStub(channel).ListWorkers(service_pb2.ListWorkersRequest(), timeout=5.0)
        except grpc.RpcError:
            return 0
    return len(answer.workers)


def _wait(condition: Callable[[], bool], instance: Instance, deadline: float) -> None:
    while not condition():
        if instance.process is None or instance.process.poll() is not None:
            raise NotStarted(
                f"{instance.name} exited while it was starting; the end of {instance.log}:\n{instance.tail()}"
            )
        if time.monotonic() > deadline:
            raise NotStarted(f"{instance.name} was not ready in time; the end of {instance.log}:\n{instance.tail()}")
        time.sleep(POLL_S)


def main() -> int:
    """Run in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m penstock_stack.topology", description="The suite as processes.")
    parser.add_argument("--data", type=Path, help="Keep data and logs in this folder (default: a temporary one).")
    parser.add_argument("--file", type=Path, default=COMPOSE_FILE)
    parser.add_argument(
        "--port", type=int, default=0, help="Let the first State Tracker listen on this port, for clients."
    )
    parser.add_argument("--cpu", type=int, default=os.cpu_count() or 1, help="Offer this many cores per worker.")
    parser.add_argument(
        "--scale",
        action="append",
        type=_scale,
        default=[],
        metavar="SERVICE=N",
        help="Run this many instances of a service.",
    )
    parser.add_argument("--tls", action="store_true", help="Use TLS, and refuse callers without a certificate.")
    parser.add_argument("--access", action="store_true", help="Let services verify who calls: docs/access.md.")
    chosen = parser.parse_args()
    # As root, Postgres runs as another user, who has to reach the folder.
    folder = chosen.data or Path(tempfile.mkdtemp(prefix="penstock-suite-"))
    folder.mkdir(parents=True, exist_ok=True)
    if chosen.data is None:
        folder.chmod(0o755)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        suite = Topology(
            folder,
            file=chosen.file,
            scale=dict(chosen.scale),
            cpu=chosen.cpu,
            port=chosen.port,
            encrypted=chosen.tls,
            access=chosen.access,
        )
        with suite:
            _announce(suite)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if chosen.data is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _scale(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    return name, int(count)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _announce(suite: Topology) -> None:
    for name, instance in suite.instances.items():
        print(f"  {name:<20} process {instance.pid:<8} {instance.health}", file=sys.stderr)
    print(f"  {'postgres':<20} process {suite.postgres.pid}", file=sys.stderr)
    print(f"  {'kafka':<20} process {suite.kafka.pid:<8} {suite.kafka.address}", file=sys.stderr)
    penstock = os.path.relpath(Path(sys.executable).with_name("penstock"))
    print(f"Logs are in {suite.folder / 'logs'}. Ctrl-C stops. In another terminal:", file=sys.stderr)
    print(f"  export PENSTOCK_ADDRESS={suite.address}", file=sys.stderr)
    if suite.tls.is_used:
        for name, path in ((tls.CA, suite.tls.ca), (tls.CERTIFICATE, suite.tls.certificate), (tls.KEY, suite.tls.key)):
            print(f"  export {name}={path}", file=sys.stderr)
    if suite.admin_token is not None:
        print(f"  export PENSTOCK_TOKEN_FILE={suite.admin_token}", file=sys.stderr)
    print(f"  {penstock} run examples/hello.py", file=sys.stderr)
    print(f"  {penstock} workers", file=sys.stderr)
    for name, instance in suite.instances.items():
        if instance.http:
            print(f"  curl http://{instance.http}/v1/runs  # {name}", file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

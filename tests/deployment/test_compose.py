"""docker-compose.yml holds what it promises, as far as that can be seen without a container engine.

`make compose-test` shows the rest with one.
"""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from penstock.cli.app import app
from penstock_access import keys
from penstock_service.certificates import check
from penstock_service.settings import ServiceSettings
from penstock_service.variables import variables
from penstock_stack import certificates, compose
from penstock_stack.errors import NotStarted
from typer.main import get_command

from tests.deployment.described import FILE, OURS, ROOT, SECURE, SERVERS, SERVICES, WORKERS

PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?")
# They have no shell to look from, or nothing to ask.
WITHOUT_HEALTH = {"otel-collector", "jaeger", *WORKERS}


def settings_of(command: str) -> type[ServiceSettings]:
    """The settings class of the service that a console script starts."""
    return importlib.import_module(f"{command.replace('-', '_')}.settings").Settings


def test_it_follows_the_schema_of_compose() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    validator: Any = jsonschema.Draft7Validator(schema)
    validator.check_schema(schema)
    validator.validate(FILE)
    validator.validate(yaml.safe_load((ROOT / "examples" / "docker-compose.yml").read_text()))
    validator.validate(SECURE)
    assert not validator.is_valid({**FILE, "services": {"one": {"imagine": "this"}}})


@pytest.mark.parametrize("name", SERVERS)
def test_the_environment_is_what_the_service_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = SERVERS[name]
    settings = settings_of(one.command[0])
    known = {variable.name for variable in variables(settings)}
    assert {variable for variable in one.environment if variable.startswith("PENSTOCK_")} <= known
    for variable, value in one.environment.items():
        monkeypatch.setenv(variable, value)
    assert settings().listen == one.environment["PENSTOCK_LISTEN"]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_are_started_with_options_that_exist(name: str) -> None:
    assert WORKERS[name].command[:2] == ["penstock", "worker"]
    command: Any = get_command(app)
    worker = command.commands["worker"]
    options = worker.make_context("worker", list(WORKERS[name].command[2:])).params
    assert options["artifacts"] == "artifact-store:7736"


def test_services_name_each_other_by_the_ports_they_listen_on() -> None:
    listens = {f"{name}:{port}" for name, one in OURS.items() for port in one.listens} | {"kafka:9092"}
    named = [word for one in OURS.values() for word in (*one.environment.values(), *one.command)]
    hosts = "|".join([*OURS, "kafka"])
    addresses = {found for word in named for found in re.findall(rf"\b(?:{hosts}):\d+", word)}
    assert addresses and addresses <= listens
    for name, one in SERVERS.items():
        probe = SERVICES[name]["healthcheck"]["test"]
        assert probe[-1].split(":")[1] == one.environment["PENSTOCK_LISTEN"].split(":")[1]


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_pinned_bounded_and_restarted(name: str) -> None:
    entry = SERVICES[name]
    assert PINNED.fullmatch(entry["image"])
    limits = entry["deploy"]["resources"]["limits"]
    assert limits["cpus"] and limits["memory"]
    assert entry["restart"] == "unless-stopped"
    assert entry["logging"]["options"]["max-size"]
    assert ("healthcheck" in entry) != (name in WITHOUT_HEALTH)
    assert all(port.startswith("127.0.0.1:") for port in entry.get("ports", []))


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "gpu-worker"])
def test_every_part_starts_on_two_cores_and_an_older_engine(name: str) -> None:
    # Docker refuses more cores than there are; engines before Docker 25, and podman, refuse start_interval.
    assert float(SERVICES[name]["deploy"]["resources"]["limits"]["cpus"]) <= 2
    assert "start_interval" not in SERVICES[name].get("healthcheck", {})


def test_what_only_watches_is_left_out_unless_it_is_asked_for() -> None:
    watching = {name for name, entry in SERVICES.items() if entry.get("profiles") == ["observability"]}
    assert watching == {"tracer", "otel-collector", "jaeger", "prometheus", "grafana"}
    others = [entry for name, entry in SERVICES.items() if name not in watching]
    assert not watching & {needed for entry in others for needed in entry.get("depends_on", {})}


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_become_more_than_it_is(name: str) -> None:
    entry = SERVICES[name]
    assert entry["security_opt"] == ["no-new-privileges:true"]
    # Postgres' image begins as root, gives itself its folder, and goes on as another user.
    assert entry.get("cap_drop") == (None if name == "postgres" else ["ALL"])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    entry = SERVICES[name]
    assert entry["read_only"]
    assert entry["deploy"]["resources"]["limits"]["pids"]
    assert "user" not in entry and "privileged" not in entry  # the image's own, which is not root


def test_mounted_files_and_volumes_exist() -> None:
    volumes = [volume for entry in SERVICES.values() for volume in entry.get("volumes", [])]
    mounts = [volume.split(":") for volume in volumes if ":" in volume]
    assert [path for path, *_ in mounts if path.startswith(".") and not (ROOT / path).exists()] == []
    assert {name for name, *_ in mounts if not name.startswith(".")} == set(FILE["volumes"])
    assert all(mode == ["ro"] for path, _, *mode in mounts if path.startswith("."))


def test_prometheus_asks_every_service() -> None:
    text = (ROOT / "observability" / "prometheus.yml").read_text()
    jobs = yaml.safe_load(text)["scrape_configs"]
    targets = {target for job in jobs for some in job.get("static_configs", []) for target in some["targets"]}
    targets |= {
        f"{name}:{some['port']}" for job in jobs for some in job.get("dns_sd_configs", []) for name in some["names"]
    }
    expected = {
        f"{name}:{one.environment['PENSTOCK_METRICS_LISTEN'].split(':')[1]}"
        for name, one in OURS.items()
        if "PENSTOCK_METRICS_LISTEN" in one.environment
    }
    assert len(expected) >= len(SERVERS)
    assert expected <= targets
    assert {target.split(":")[0] for target in targets} <= {*SERVICES, "localhost", "127.0.0.1"}


def test_a_missing_password_is_said() -> None:
    with pytest.raises(NotStarted, match="PENSTOCK_POSTGRES_PASSWORD is not set: choose one"):
        compose.load(ROOT / "docker-compose.yml", {})


def test_addresses_of_the_file_become_those_of_this_machine() -> None:
    places = {"one:1": ["127.0.0.1:2", "127.0.0.1:3"], "127.0.0.1:2": ["127.0.0.1:9"]}
    assert compose.mapped("one:1", places, {}, several=True) == "127.0.0.1:2,127.0.0.1:3"
    assert compose.mapped("--connect=one:1", places, {}, several=False) == "--connect=127.0.0.1:2"
    assert compose.mapped("none:1 one:11", places, {}, several=True) == "none:1 one:11"
    folders = {"/data": "/here", "/data/deep": "/there"}
    assert compose.mapped("/data/deep/x /data/y", places, folders, several=True) == "/there/x /here/y"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What docs/deployment.md has people make before they start the secure variant."""
    folder = tmp_path_factory.mktemp("secure") / "certificates"
    for name in (*SERVERS, "worker"):
        certificates.issue_of(folder, "penstock", name, hosts=[*certificates.LOCAL, name])
    keys.create_file(folder / "service.key")
    for name in WORKERS:
        (folder / f"{name}.token").touch(0o640)
    for path in folder.glob("*-key.pem"):
        path.chmod(0o640)
    return folder


def secret(word: str, made: Path) -> str:
    """The file that a path in a container stands for."""
    name = word.removeprefix("/run/secrets/")
    return str(made / Path(SECURE["secrets"][name]["file"]).name) if name != word else word


def test_the_secure_variant_secures_every_part() -> None:
    assert set(SECURE["services"]) == set(OURS)
    for name, entry in SECURE["services"].items():
        inside = {word.rpartition("/")[2] for word in entry["environment"].values() if "/run/secrets/" in word}
        assert inside == set(entry["secrets"])
        # Its own key and nobody else's; that of the authority is in no container.
        role = "worker" if name in WORKERS else name
        assert {one for one in inside if one.endswith("-key")} - {"service-key"} == {f"{role}-key"}
    assert not [one for one in SECURE["secrets"].values() if "ca-key" in one["file"]]


@pytest.mark.parametrize("name", SERVERS)
def test_a_service_of_the_secure_variant_accepts_its_settings(
    name: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = SERVERS[name].environment | SECURE["services"][name]["environment"]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, secret(value, made))
    settings = settings_of(SERVERS[name].command[0])()
    assert settings.access and settings.has_verified_callers and not settings.allow_insecure_bind
    check(settings.tls)
    assert settings.service_key_file is not None
    keys.read_file(settings.service_key_file)

"""The Dockerfile: what it would build, and that the services run from exactly that."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.deployment.described import OURS, ROOT, SERVICES
from tests.waiting import WAIT_S

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LINES = (ROOT / ".dockerignore").read_text().splitlines()
LET_IN = {line.removeprefix("!") for line in LINES if line.startswith("!")}
LEFT_OUT = [line.removeprefix("**/") for line in LINES if line.startswith("**/")]
MEMBERS: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
# Only what trains models needs them.
HEAVY = {"torch", "onnxruntime", "sklearn", "pytest"}


def sync_command() -> list[str]:
    """The words of the Dockerfile's own `uv sync`, without its variables."""
    found = re.search(r"uv sync ([-a-z ]+) --package", DOCKERFILE)
    assert found is not None
    return ["uv", "sync", *found[1].split(), "--quiet"]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the engine would be sent."""
    folder = tmp_path_factory.mktemp("context")
    for name in LET_IN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_the_context_is_the_members_and_what_pins_them() -> None:
    assert LINES[1] == "*"
    assert {"pyproject.toml", "uv.lock", *MEMBERS, "LICENSE"} == LET_IN


@pytest.mark.parametrize("name", OURS)
def test_the_service_runs_from_what_is_built(name: str, context: Path, tmp_path: Path) -> None:
    arguments: dict[str, str] = SERVICES[name]["build"]["args"]
    extra = ["--extra", arguments["EXTRA"]] if "EXTRA" in arguments else []
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PENSTOCK_", "VIRTUAL_ENV"))}
    subprocess.run(
        [*sync_command(), "--package", f"penstock-{arguments['SERVICE']}", *extra],
        cwd=context,
        env={**environment, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "app")},
        check=True,
    )
    words = [str(tmp_path / "app" / "bin" / OURS[name].command[0]), *OURS[name].command[1:2], "--help"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()
    (packages,) = (tmp_path / "app" / "lib").glob("python*/site-packages")
    installed = {path.name for path in packages.iterdir()}
    assert not installed & HEAVY
    assert not list(packages.glob("__editable__*"))


def test_it_is_built_from_pinned_images_in_two_stages_and_does_not_run_as_root() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert images == ["ghcr.io/astral-sh/uv:0.13.9", "python:${PYTHON}", "python:${PYTHON}"]
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0


def test_folders_of_volumes_belong_to_the_user_that_writes_them() -> None:
    # An empty volume takes its owner from the folder of the image that it covers; without one, it is root's.
    (made,) = re.findall(r"mkdir -p (.+?) && chown -R penstock:penstock /data", DOCKERFILE)
    assert {path for one in OURS.values() for path in one.folders} == set(made.split())


def test_the_examples_worker_is_the_worker_with_what_the_examples_need() -> None:
    text = (ROOT / "examples" / "Dockerfile").read_text()
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert images == [re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)[0], SERVICES["worker"]["image"]]
    assert (
        re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] == re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]
    )
    required = (ROOT / "examples" / "requirements.txt").read_text().splitlines()[1:]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert required == groups["examples"]

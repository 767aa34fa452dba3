"""The services as processes that encrypt all calls, and let in nobody without a certificate."""

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock import AsyncClient, Client
from penstock.client import Unreachable
from penstock.compiler.loader import load_workflow
from penstock_proto import tls
from penstock_stack import certificates
from penstock_stack.topology import Topology

from tests.deployment.described import ROOT
from tests.waiting import WAIT_S, wait_for

PENSTOCK = Path(sys.executable).with_name("penstock")
PROGRAM = """
from penstock import operator, workflow


@operator(cpu=0.1, memory=0)
def make(n: int) -> bytes:
    return b"x" * n


@operator(cpu=0.1, memory=0)
def size(data: bytes) -> int:
    return len(data)


@workflow
def sized(n: int = 200_000) -> int:
    return size(make(n))
"""
SIZE, RUNS = 200_000, 20


@pytest.fixture(scope="module")
def suite() -> Iterator[Topology]:
    folder = Path(tempfile.mkdtemp(prefix="penstock-suite-"))
    folder.chmod(0o755)
    try:
        with Topology(folder, file=ROOT / "docker-compose.yml", cpu=2, encrypted=True) as suite:
            yield suite
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def program(tmp_path: Path) -> str:
    (tmp_path / "program.py").write_text(PROGRAM)
    return f"{tmp_path / 'program.py'}:sized"


@pytest.fixture(autouse=True)
def caller(suite: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_chosen", suite.tls)


def environment(suite: Topology, role: str, name: str) -> dict[str, str]:
    """Return the variables of a process with a certificate of its own."""
    assert suite.certificates is not None
    files = certificates.issue(suite.certificates, role, name).tls
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
    return kept | {tls.CA: files.ca, tls.CERTIFICATE: files.certificate, tls.KEY: files.key}


def test_runs_are_executed_and_read_over_rest(suite: Topology, program: str) -> None:
    with Client(suite.address) as client:
        run = client.submit(load_workflow(program))
        assert client.result(run, timeout_s=WAIT_S) == SIZE
    gateway = suite.instances["gateway"].http
    with urllib.request.urlopen(f"http://{gateway}/v1/runs/{run.id}", timeout=WAIT_S) as answer:
        assert b'"succeeded"' in answer.read()


def test_doctor_finds_every_service(suite: Topology) -> None:
    command = [PENSTOCK, "doctor", "--json", "--address", f"grpcs://{suite.address}"]
    done = subprocess.run(
        command, env=environment(suite, "user", "ada"), capture_output=True, text=True, check=False, timeout=WAIT_S
    )
    assert '"healthy": true' in done.stdout.replace('"healthy":true', '"healthy": true'), done.stdout + done.stderr


def test_operators_of_a_worker_without_the_store_fetch_over_tls(suite: Topology, program: str, tmp_path: Path) -> None:
    (action_service,) = suite.addresses("action-service")
    before = suite.workers()
    command = [PENSTOCK, "worker", f"--connect={action_service}", "--pool=gpu", f"--folder={tmp_path / 'worker'}"]
    worker = subprocess.Popen(
        [*command, "--cpu=1", "--gpu=0", "--memory=1Gi"], env=environment(suite, "worker", "gpu-1")
    )
    try:
        wait_for(lambda: suite.workers() > before)
        with Client(suite.address) as client:
            assert client.result(client.submit(load_workflow(program), pool="gpu"), timeout_s=WAIT_S) == SIZE
    finally:
        worker.terminate()
        assert worker.wait(WAIT_S) == 0


def test_renewed_certificates_lose_nothing(suite: Topology, program: str) -> None:
    """Services that are started again have new ones, and those that go on take theirs up."""
    assert suite.certificates is not None
    workflow = load_workflow(program)
    with Client(suite.address) as client:
        runs = [client.submit(workflow, n=number) for number in range(RUNS)]
        for name in suite.instances:
            certificates.issue(suite.certificates, "renewed", name)
        certificates.issue(suite.certificates, "user")
        suite.instances["state-tracker"].kill()
        suite.instances["state-tracker"].start()
        runs += [client.submit(workflow, n=number) for number in range(RUNS, 2 * RUNS)]
        assert [client.result(run, timeout_s=WAIT_S) for run in runs] == list(range(2 * RUNS))


async def test_who_has_no_certificate_is_not_let_in(suite: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_chosen", tls.Tls(suite.tls.ca))
    for address in (one.health for one in suite.instances.values() if one.health):
        async with AsyncClient(address, patience_s=0) as client:
            with pytest.raises(Unreachable, match="it may require a client certificate"):
                await client.info()

"""TLS between services: who is let in, what is said to others, and renewal under load."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from penstock.client import AsyncClient, CertificateUnusable, Unreachable
from penstock_proto import channels, tls
from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc
from penstock_proto.tls import Tls
from penstock_service import certificates as rules
from penstock_service import grpc_server
from penstock_service.certificates import BadCertificate, peer_identity
from penstock_service.health import is_ready
from penstock_stack import certificates

REQUEST = service_pb2.InfoRequest()
AGO = datetime.now(UTC) - timedelta(days=9)


class Asked(service_pb2_grpc.StateTrackerServiceServicer):
    """Says who asks, and streams until its caller has enough."""

    async def Info(self, request: Any, context: Any) -> Any:
        return service_pb2.InfoResponse(deployment_id=peer_identity(context))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        while True:
            yield service_pb2.WatchResponse()
            await asyncio.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certificates.make_authority(tmp_path / "certificates", "fleet")
    return tmp_path / "certificates"


@pytest.fixture
def stranger(tmp_path: Path) -> Tls:
    certificates.make_authority(tmp_path / "elsewhere", "fleet")
    return certificates.issue(tmp_path / "elsewhere", "worker").tls


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[grpc_server.Server]:
    files = certificates.issue(folder, "state-tracker", "st-1").tls
    options = grpc_server.ServerOptions(tls=files, client_certificates=True, public="127.0.0.1:0")
    server = grpc_server.server(options)
    service_pb2_grpc.add_StateTrackerServiceServicer_to_server(Asked(), server.grpc)
    await server.start()
    await server.set_serving()
    yield server
    await server.stop(0)


@pytest.fixture(autouse=True)
def unchosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test of this process chose is not for these."""
    monkeypatch.setattr(tls, "_chosen", None)


async def asked(address: str, files: Tls) -> str:
    async with channels.open_channel(address, [], files) as channel:
        answer: Any = await service_pb2_grpc.StateTrackerServiceStub(channel).Info(REQUEST, timeout=30)
        return answer.deployment_id


async def refused(address: str, files: Tls) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked(address, files)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    return tls.failure(str(caught.value.details()), files)


async def test_the_identity_of_a_caller_is_proven_by_its_certificate(server: grpc_server.Server, folder: Path) -> None:
    worker = certificates.issue(folder, "worker", "gpu-7").tls
    assert await asked(server.address, worker) == "spiffe://fleet/worker/gpu-7"
    assert await asyncio.to_thread(is_ready, server.address, tls=worker)


async def test_callers_without_a_certificate_have_an_address_of_their_own(
    server: grpc_server.Server, folder: Path
) -> None:
    without = Tls(str(folder / "ca.pem"))
    assert await asked(f"127.0.0.1:{server.public_port}", without) == ""
    assert "may require a client certificate" in await refused(server.address, without)


async def test_who_is_not_let_in_hears_why(server: grpc_server.Server, folder: Path, stranger: Tls) -> None:
    good = certificates.issue(folder, "worker").tls
    assert "not of an authority that is trusted here" in await refused(server.address, stranger)
    forged = Tls(good.ca, stranger.certificate, stranger.key)
    assert "may not accept the certificate" in await refused(server.address, forged)
    late = certificates.issue(folder, "worker", "late", days=1, now=AGO).tls
    assert "may not accept the certificate" in await refused(server.address, late)
    assert "may require TLS" in await refused(server.address, Tls())


@pytest.mark.parametrize(
    ("hosts", "days", "said"),
    [(["other.example"], 90, "is for other names"), (["127.0.0.1"], 1, "certificate has expired")],
)
async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    folder: Path, hosts: list[str], days: int, said: str
) -> None:
    files = certificates.issue(folder, "state-tracker", hosts=hosts, days=days, now=AGO).tls
    server = grpc_server.server(grpc_server.ServerOptions(tls=files))
    service_pb2_grpc.add_StateTrackerServiceServicer_to_server(Asked(), server.grpc)
    await server.start()
    assert said in await refused(server.address, Tls(files.ca))
    await server.stop(0)


async def test_a_server_without_tls_is_not_spoken_to(folder: Path) -> None:
    server = grpc_server.server()
    await server.start()
    assert "does not use TLS" in await refused(server.address, Tls(str(folder / "ca.pem")))
    await server.stop(0)


async def test_certificates_are_renewed_under_load(
    server: grpc_server.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that are out of an authority that is replaced, too: for a while both are trusted."""
    monkeypatch.setattr(channels, "LOOK_EVERY_S", 0.0)
    mine = certificates.issue(folder, "worker", "w").tls
    failures: list[BaseException] = []
    calls = 0
    is_over = False

    async def call(channel: Any) -> None:
        nonlocal calls
        stub = service_pb2_grpc.StateTrackerServiceStub(channel)
        while not is_over:
            try:
                await stub.Info(REQUEST, timeout=30)
            except grpc.aio.AioRpcError as error:
                failures.append(error)
            calls += 1

    async with channels.open_channel(server.address, [], mine) as channel:
        watching = service_pb2_grpc.StateTrackerServiceStub(channel).Watch(service_pb2.WatchRequest())
        await watching.read()
        callers = [asyncio.create_task(call(channel)) for _ in range(4)]
        for _ in range(channels.RETIRED_MAX):
            certificates.issue(folder, "state-tracker", "st-1")
            certificates.issue(folder, "worker", "w")
            reached = calls + 50
            while calls < reached:
                await asyncio.sleep(0.01)
        assert await watching.read() is not grpc.aio.EOF  # what was open goes on
        is_over = True
        await asyncio.gather(*callers)
        watching.cancel()
    assert failures == []


async def test_a_server_presents_the_renewed_certificate(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = certificates.issue(folder, "state-tracker", hosts=["other.example"]).tls
    server = grpc_server.server(grpc_server.ServerOptions(tls=files))
    service_pb2_grpc.add_StateTrackerServiceServicer_to_server(Asked(), server.grpc)
    await server.start()
    assert "is for other names" in await refused(server.address, Tls(files.ca))
    certificates.issue(folder, "worker")
    Path(files.certificate).write_bytes((folder / "worker.pem").read_bytes())  # without its key
    assert "is for other names" in await refused(server.address, Tls(files.ca))
    assert "the key does not belong to the certificate" in caplog.text
    Path(files.key).write_bytes((folder / "worker-key.pem").read_bytes())
    assert await asked(server.address, Tls(files.ca)) == ""
    await server.stop(0)


async def test_a_client_says_at_once_why_a_server_is_not_trusted(
    server: grpc_server.Server, folder: Path, stranger: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"grpcs://127.0.0.1:{server.public_port}"
    async with AsyncClient(address, patience_s=600) as client:
        with pytest.raises(Unreachable, match="PENSTOCK_TLS_CA has to name the right one"):
            await client.info()
    monkeypatch.setenv(tls.CA, stranger.ca)
    async with AsyncClient(address.replace("grpcs", "https"), patience_s=600) as client:
        with pytest.raises(Unreachable, match="not of an authority that is trusted here"):
            await client.info()
    monkeypatch.setenv(tls.CA, str(folder / "ca.pem"))
    async with AsyncClient(f"127.0.0.1:{server.public_port}") as client:
        assert (await client.info()).deployment_id == ""
    async with AsyncClient(f"grpc://127.0.0.1:{server.public_port}", patience_s=0) as client:
        with pytest.raises(Unreachable, match="may require TLS"):
            await client.info()
    monkeypatch.setenv(tls.CERTIFICATE, str(folder / "st-1.pem"))
    async with AsyncClient(server.address) as client:
        with pytest.raises(CertificateUnusable, match="belong together"):
            await client.info()


def broken(folder: Path) -> Iterator[tuple[Tls, str]]:
    """Files that a service refuses to start with, and what it says."""
    good = certificates.issue(folder, "state-tracker").tls
    other = certificates.issue(folder, "worker").tls
    yield Tls(good.ca), "needs its own certificate"
    yield Tls(good.ca, good.certificate), "needs its own certificate"
    yield Tls(good.ca, good.certificate, other.key), "the key does not belong to the certificate"
    yield Tls(good.ca, str(folder / "none.pem"), good.key), "none.pem cannot be read: No such file"
    yield Tls(good.ca, good.key, good.key), "not a certificate and a key in PEM format"
    yield Tls(good.key, good.certificate, good.key), "has no certificates in PEM format"
    old = certificates.issue(folder, "registry", days=1, now=AGO).tls
    yield old, "expired at"
    early = certificates.issue(folder, "history", now=datetime.now(UTC) + timedelta(days=2)).tls
    yield early, "is valid from"
    nameless = certificates.issue(folder, "gateway", hosts=[]).tls
    yield nameless, "names no host"
    Path(other.key).chmod(0o644)
    yield other, "is open to every user of this machine: chmod 600"


def test_files_that_cannot_work_are_refused_at_the_start(folder: Path) -> None:
    rules.check(Tls())
    for files, said in broken(folder):
        with pytest.raises(BadCertificate) as caught:
            rules.check(files)
        assert said in str(caught.value)
        assert "PRIVATE KEY" not in str(caught.value)

"""The HTTP server: HTTPS with a certificate that is renewed while it runs, and a port that several share."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from penstock_gateway.edge.server import HttpServer
from penstock_proto.tls import Tls
from penstock_service.errors import PortInUse
from penstock_stack import certificates
from starlette.responses import PlainTextResponse

from tests.waiting import WAIT_S


async def serial(port: int, ca: Path) -> int:
    """Return the number of the certificate that a new connection is shown."""
    from cryptography import x509

    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    assert reader is not None
    return x509.load_der_x509_certificate(shown).serial_number


async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    ca = certificates.make_authority(tmp_path / "certificates", "fleet")
    files = certificates.issue(tmp_path / "certificates", "gateway").tls
    tls = Tls(certificate=files.certificate, key=files.key)
    server = HttpServer(PlainTextResponse("hello"), "127.0.0.1", 0, tls)
    await server.start()
    try:
        context = ssl.create_default_context(cafile=ca)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            assert (await client.get(f"https://127.0.0.1:{server.port}/")).text == "hello"
            first = await serial(server.port, ca)
            certificates.issue(tmp_path / "certificates", "gateway")
            async with asyncio.timeout(WAIT_S):
                while await serial(server.port, ca) == first:
                    await asyncio.sleep(0.05)
            assert (await client.get(f"https://127.0.0.1:{server.port}/")).text == "hello"
    finally:
        await server.stop()


async def answers(port: int) -> set[str]:
    """Return what many new connections are told."""
    found: set[str] = set()
    for _ in range(64):
        async with httpx.AsyncClient(trust_env=False) as client:
            found.add((await client.get(f"http://127.0.0.1:{port}/")).text)
    return found


async def test_several_share_a_port_and_one_that_ends_takes_nobody_along() -> None:
    first = HttpServer(PlainTextResponse("first"), "127.0.0.1", 0, is_shared=True)
    await first.start()
    second = HttpServer(PlainTextResponse("second"), "127.0.0.1", first.port, is_shared=True)
    try:
        with pytest.raises(PortInUse):
            await HttpServer(PlainTextResponse("uninvited"), "127.0.0.1", first.port).start()
        await second.start()
        assert await answers(first.port) == {"first", "second"}
        await second.stop()
        assert await answers(first.port) == {"first"}
    finally:
        await first.stop()

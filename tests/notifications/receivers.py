"""What gets notifications in tests: an HTTP server and a mail server, both real, on this machine."""

import asyncio
import contextlib
import datetime
import ssl
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass
class Receiver:
    """An HTTP server. `answer` makes each answer; what it got is kept."""

    answer: Callable[["Receiver"], bytes] = lambda _: b"HTTP/1.1 204 No Content\r\n\r\n"
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    hosts: list[str | None] = field(default_factory=list[str | None])  # of SNI
    port: int = 0

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@asynccontextmanager
async def receiving(
    receiver: Receiver | None = None, *, port: int = 0, context: ssl.SSLContext | None = None
) -> AsyncGenerator[Receiver]:
    """Run an HTTP server."""
    one = receiver or Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            one.got.append((headers | {":request": lines[0]}, body))
            writer.write(one.answer(one))
            await writer.drain()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            writer.close()
            await writer.wait_closed()

    if context is not None:
        context.sni_callback = lambda _socket, name, _context: one.hosts.append(name)
    server = await asyncio.start_server(serve, HOST, port, ssl=context)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()


@dataclass
class Mailbox:
    """What a mail server got."""

    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list[tuple[str, list[str], bytes]])
    signed_in: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    encrypted: list[bool] = field(default_factory=list[bool])
    refuses: str = ""

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return self.refuses
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 taken"


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, context: ssl.SSLContext | None = None, starttls: bool = False
) -> AsyncGenerator[int]:
    """Run a mail server that wants the user penstock with the password "s3cret"; yield its port."""

    def sign_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        mailbox.signed_in.append((data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (b"penstock", b"s3cret"))

    loop = asyncio.get_running_loop()

    def make() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it takes passwords on unencrypted connections
            return SMTP(
                mailbox,
                tls_context=context if starttls else None,
                require_starttls=starttls,
                authenticator=sign_in,
                auth_require_tls=starttls,
                auth_required=True,
                loop=loop,
            )

    server = await loop.create_server(make, HOST, 0, ssl=None if starttls else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """Return what a server of this host needs, and the file with the authority that signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file

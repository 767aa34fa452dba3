"""E-mail by the SMTP server of the deployment."""

import email.errors
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

import aiosmtplib

from ..core import messages
from ..errors import NotDelivered, Undeliverable
from ..settings import Sending

PERMANENT = range(500, 600)
# What a server says to somebody who may not sign in yet, or because of its own mistakes; the operator can mend it.
SIGN_IN = range(530, 540)


def compose(identity: str, body: bytes, sender: str, to: Sequence[str]) -> EmailMessage:
    """Return the message about a body; its Message-ID is the same in every attempt."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        message["To"] = ", ".join(to)
        message["Subject"] = messages.subject(body)
        message["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2] or 'penstock'}>"
    except (ValueError, email.errors.MessageError) as error:
        raise Undeliverable(f"the e-mail cannot be written: {error}") from None
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(messages.text(body))
    return message


async def send(identity: str, body: bytes, to: Sequence[str], settings: Sending, secret: Callable[[str], str]) -> None:
    """Return once the server has taken the message; raise NotDelivered."""
    if not settings.smtp or not settings.smtp_from:
        raise NotDelivered(
            "e-mail is not set up: set PENSTOCK_SMTP and PENSTOCK_SMTP_FROM of the notifications service"
        )
    host, _, port = settings.smtp.rpartition(":")
    message = compose(identity, body, settings.smtp_from, to)
    encryption = settings.smtp_tls
    try:
        await aiosmtplib.send(
            message,
            hostname=host.removeprefix("[").removesuffix("]"),
            port=int(port),
            use_tls=encryption == "tls",
            start_tls=encryption == "starttls",
            tls_context=ssl.create_default_context() if encryption != "none" else None,
            username=settings.smtp_user or None,
            password=secret(settings.smtp_password_secret) if settings.smtp_user else None,
            timeout=settings.notify_timeout_s,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        text = f"the SMTP server refuses the recipients: {codes}"
        raise (Undeliverable if all(code in PERMANENT for code in codes) else NotDelivered)(text) from None
    except aiosmtplib.SMTPResponseException as error:
        text = f"the SMTP server answered {error.code}: {messages.one_line(error.message)[:200]}"
        if error.code in PERMANENT and error.code not in SIGN_IN:
            raise Undeliverable(text) from None
        raise NotDelivered(text) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        said = messages.one_line(str(error))[:200] or type(error).__name__
        raise NotDelivered(f"the SMTP server cannot be used: {said}") from None

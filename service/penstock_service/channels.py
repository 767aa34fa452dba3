"""Connections to other services, with the settings that all of them share."""

from typing import Any, Final, cast

import grpc.aio
from penstock_access.credentials import Channel, Header
from penstock_proto import channels

MESSAGE_BYTES_MAX: Final = 4 * 2**20
KEEPALIVE_EVERY_S: Final = 20
KEEPALIVE_ANSWER_S: Final = 10
CONNECT_MAX_S: Final = 3.0
RECONNECT_MIN_S: Final = 0.1
RECONNECT_MAX_S: Final = 1.0


# Of this process; None: access control is off.
_credential: Header | None = None


def use_credential(credential: Header | None) -> None:
    """Let every channel that this process opens from now on carry a token; None: none."""
    global _credential
    _credential = credential


def open_channel(address: str, message_bytes_max: int = MESSAGE_BYTES_MAX) -> grpc.aio.Channel:
    """Open a channel that reconnects by itself, encrypted if this process uses TLS, with its token; raise TlsError."""
    channel = channels.open_channel(
        address,
        options=[
            ("grpc.max_receive_message_length", message_bytes_max),
            ("grpc.max_send_message_length", message_bytes_max),
            ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_S * 1000),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_S * 1000),
            ("grpc.initial_reconnect_backoff_ms", int(RECONNECT_MIN_S * 1000)),
            # Despite its name, how long one attempt to connect may take. A busy machine needs more than the back-off.
            ("grpc.min_reconnect_backoff_ms", int(CONNECT_MAX_S * 1000)),
            ("grpc.max_reconnect_backoff_ms", int(RECONNECT_MAX_S * 1000)),
            ("grpc.enable_http_proxy", 0),
        ],
    )
    return cast(Any, Channel(channel, _credential)) if _credential is not None else channel

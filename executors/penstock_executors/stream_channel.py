"""The socket of an operator process where the system has no message sockets of this kind: a stream, cut by lengths."""

import socket
from collections.abc import Iterator

BUFFER_BYTES = 512 * 1024  # so that a message fits whole
SEND_S = 5.0  # for a process that is ready to read
HEADER_BYTES = 4


class StreamChannel:
    """The worker's end. What was sent cannot be had back, so a process gets one action at a time."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (self._near, self._far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._near.setblocking(False)
        self._arrived = bytearray()
        self.is_ended = False

    @property
    def fd(self) -> int:
        """Readable when the process has sent something, or has ended."""
        return self._near.fileno()

    @property
    def far_fd(self) -> int:
        """The process's end, to be inherited."""
        return self._far.fileno()

    def close_far_end(self) -> None:
        """The process has its end: only with its own end does the stream end."""
        self._far.close()

    def send(self, message: bytes) -> bool:
        """Send a message whole; False if that is not possible."""
        self._near.settimeout(SEND_S)
        try:
            self._near.sendall(framed(message))
        except OSError:  # the process ends, or has stopped reading
            return False
        finally:
            self._near.setblocking(False)
        return True

    def receive(self, count_max: int) -> Iterator[memoryview]:
        """Messages that have arrived, each valid until the next is asked for."""
        try:
            data = self._near.recv(BUFFER_BYTES)
        except BlockingIOError:
            data = None
        except ConnectionResetError:
            data = b""
        self.is_ended |= data == b""
        self._arrived += data or b""
        for _ in range(count_max):
            size = int.from_bytes(self._arrived[:HEADER_BYTES], "big")
            if len(self._arrived) < HEADER_BYTES or len(self._arrived) < HEADER_BYTES + size:
                return
            message = bytes(self._arrived[HEADER_BYTES : HEADER_BYTES + size])
            del self._arrived[: HEADER_BYTES + size]
            yield memoryview(message)

    def take_back(self) -> list[bytes]:
        """Nothing: it may have been read."""
        return []

    def close(self) -> None:
        """The process, if it still lives, reads the end of the stream and ends."""
        self._near.close()
        self._far.close()


class StreamLink:
    """The process's end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._file = end.makefile("rb")

    def receive(self) -> bytes:
        """Wait for a message; b"" at the end of the stream."""
        return self._file.read(int.from_bytes(self._file.read(HEADER_BYTES), "big"))

    def send(self, message: bytes) -> None:
        """Send a message whole."""
        self._end.sendall(framed(message))


def framed(message: bytes) -> bytes:
    """The message with its length before it."""
    return len(message).to_bytes(HEADER_BYTES, "big") + message

"""The socket of an operator process: it keeps the bounds of messages, so that reading one is claiming it."""

import socket
from collections.abc import Iterator

MESSAGE_BYTES_MAX = 180 * 1024  # a message larger than the socket's buffer could never be sent
BUFFER_BYTES = MESSAGE_BYTES_MAX + 1


class Channel:
    """The worker's end. It keeps the other end open too: what the process has not read, the worker can take back."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._near.setblocking(False)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

        self.is_ended = False  # never told by this socket: the worker holds both ends

    @property
    def fd(self) -> int:
        """Readable when the process has sent something."""
        return self._near.fileno()

    @property
    def far_fd(self) -> int:
        """The process's end, to be inherited."""
        return self._far.fileno()

    def close_far_end(self) -> None:
        """The process has its end."""

    def send(self, message: bytes) -> bool:
        """Send a message whole; False if there is no room now."""
        try:
            self._near.send(message)
        except BlockingIOError:
            return False
        return True

    def receive(self, count_max: int) -> Iterator[memoryview]:
        """Messages that have arrived, each valid until the next is asked for."""
        for _ in range(count_max):
            try:
                size = self._near.recv_into(self._buffer)
            except (BlockingIOError, ConnectionResetError):
                return
            if not size:
                return
            yield self._buffer[:size]

    def take_back(self) -> list[bytes]:
        """Remove and return messages that the process has not read; it may read some meanwhile."""
        back: list[bytes] = []
        while True:
            try:
                size = self._far.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionResetError):
                return back
            if not size:
                return back
            back.append(bytes(self._buffer[:size]))

    def close(self) -> None:
        """The process, if it still lives, reads the end of the stream and ends."""
        self._near.close()
        self._far.close()


class Link:
    """The process's end."""

    def __init__(self, end: socket.socket) -> None:
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._receive = end.recv_into
        self.send = end.send

    def receive(self) -> bytes:
        """Wait for a message; b"" at the end of the stream."""
        return bytes(self._buffer[: self._receive(self._buffer)])

"""One operator process as the worker sees it: what it was handed, what it printed, how it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from penstock_proto.action_service.v1.worker_pb2 import Grant

from .channel import Channel
from .output import Tail
from .stream_channel import StreamChannel

LINUX = sys.platform == "linux"  # has sockets that keep the bounds of messages, and files that stand for processes


class ChildProcess:
    """Blank until it is bound to a bundle and GPUs, then never bound to others."""

    __slots__ = (
        "_popen", "bound", "bundle", "channel", "code", "gpus", "killed_for", "number", "pidfd", "ready", "sent",
        "setup_sent", "slot", "tail", "waiting",
    )  # fmt: skip

    def __init__(self, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        """Raises OSError if the system has no room for a process."""
        self.number = number
        self.bound = False
        self.bundle = b""
        self.gpus: tuple[str, ...] = ()
        self.setup_sent = self.ready = False
        self.slot: int | None = None
        self.waiting: deque[Grant] = deque()  # not yet sent
        self.sent: deque[Grant] = deque()  # in order; only the first may have begun
        self.killed_for: set[int] = set()
        self.code: int | None = None
        work = folder / f"work-{number}"
        work.mkdir(exist_ok=True)
        self.channel = Channel() if LINUX else StreamChannel()
        self.tail = Tail(folder / f"output-{number}")
        arguments = [str(self.channel.far_fd), str(os.getpid())]
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-m", "penstock_executors.child", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self.tail.fd,
                stderr=self.tail.fd,
                pass_fds=[self.channel.far_fd],
                start_new_session=True,
                cwd=work,
                env=environment,
            )
        except OSError:
            self.channel.close()
            self.tail.close()
            raise
        self.channel.inherited()
        self.pidfd = os.pidfd_open(self._popen.pid) if LINUX else -1  # readable once the process has ended

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._popen.pid

    @property
    def idle(self) -> bool:
        """Whether nothing is handed to it."""
        return not self.sent and not self.waiting

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def take_back(self) -> list[Grant]:
        """Remove what has not begun, in order."""
        back: list[Grant] = []
        if self.ready:  # before that, only the setup is on its way
            unread = {Grant.FromString(message).grant for message in self.channel.take_back()}
            back = [grant for grant in self.sent if grant.grant in unread]
            self.sent = deque(grant for grant in self.sent if grant.grant not in unread)
        back += self.waiting
        self.waiting.clear()
        return back

    def buried(self) -> int:
        """The process has ended: end what it left of its group, and return its exit code."""
        self.signal(signal.SIGKILL)  # before it is reaped, so that its group's number is still its own
        self.code = self._popen.wait()
        return self.code

    def close(self) -> None:
        """Let go of everything that belongs to the dead process."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.channel.close()
        self.tail.close()

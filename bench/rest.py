"""What the REST API costs: streams of events that many watch, and requests per second, in CPU of one gateway.

`python -m bench.rest --streams 1000` starts a stack and a gateway of its own, and prints a table.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
from penstock import AsyncClient
from penstock.client.discovery import find
from penstock.compiler.loader import load_workflow
from penstock_stack.ports import choose_port

SCRIPTS = Path(sys.executable).parent
START_S_MAX = 60.0
T = TypeVar("T")
CONNECTIONS = 16
REQUESTS = 2_000
RUNS = 50
PROGRAM = """
import time

from penstock import operator, workflow


@operator(cpu=0.05, memory=0)
def nap(n: int) -> int:
    time.sleep(0.2)
    return n


@workflow
def naps(count: int = 0) -> list[int]:
    return [nap(each) for each in range(400)]


@workflow
def one(n: int = 0) -> int:
    return nap(n)
"""


@dataclass
class Figures:
    """What one measurement took: wall seconds, and CPU seconds of the gateway."""

    count: int
    wall_s: float
    cpu_s: float

    @property
    def line(self) -> str:
        per_second, each_ms = self.count / self.wall_s, 1000 * self.cpu_s / max(self.count, 1)
        return f"{self.count:>9,} {per_second:>10,.0f} {each_ms:>10.3f} {self.cpu_s / self.wall_s:>10.0%}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.rest", description=__doc__)
    parser.add_argument("--streams", type=int, default=1_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-rest-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
        up = [str(SCRIPTS / "penstock"), "up", "--data", str(folder / "data"), "--port", "0", "--cpu", "2"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        stack = subprocess.Popen([*up, "--http-port", "0"], env=environment, **quiet)
        try:
            asyncio.run(measure(folder, environment, chosen.streams))
        finally:
            stack.terminate()
            stack.wait()


async def measure(folder: Path, environment: dict[str, str], streams: int) -> None:
    address = await until(lambda: getattr(find(folder / "data"), "address", ""))
    port = choose_port(0)
    own = {"PENSTOCK_STATE_TRACKER": address, "PENSTOCK_HTTP_LISTEN": f"127.0.0.1:{port}"}
    own["PENSTOCK_LISTEN"] = f"127.0.0.1:{choose_port(0)}"
    gateway = await asyncio.create_subprocess_exec(
        str(SCRIPTS / "penstock-gateway"), env=environment | own, stderr=subprocess.DEVNULL
    )
    try:
        await until(lambda: listens(port))
        (folder / "rest_bench.py").write_text(PROGRAM)
        print(f"{'':<28}{'count':>9} {'per second':>10} {'CPU ms':>10} {'of a core':>10}")
        await all_of_it(folder, address, psutil.Process(gateway.pid), port, streams)
    finally:
        gateway.terminate()
        await gateway.wait()


async def all_of_it(folder: Path, address: str, gateway: psutil.Process, port: int, streams: int) -> None:
    naps, one = (load_workflow(f"{folder / 'rest_bench.py'}:{name}") for name in ("naps", "one"))
    async with AsyncClient(address) as client:
        ids = [(await client.submit(one, n=n)).id for n in range(RUNS)]
        for run_id in ids:
            await client.wait_ended(run_id)
        for name, path in (("GET a run", f"/v1/runs/{ids[0]}"), ("GET a list of 50 runs", "/v1/runs")):
            figures = await timed(gateway, lambda path=path: requests(port, path))
            print(f"{name:<28}{figures.line}")
        before = gateway.memory_info().rss
        run = await client.submit(naps)
        figures = await timed(gateway, lambda: watch(port, str(run.id), streams))
        print(f"{f'messages to {streams} streams':<28}{figures.line}")
        print(f"memory of the gateway: {before >> 20} MiB, with the streams {gateway.memory_info().rss >> 20} MiB")


async def timed(gateway: psutil.Process, work: Callable[[], Awaitable[int]]) -> Figures:
    times, began = gateway.cpu_times(), time.monotonic()
    count = await work()
    after = gateway.cpu_times()
    cpu_s = after.user + after.system - times.user - times.system
    return Figures(count, time.monotonic() - began, cpu_s)


async def requests(port: int, path: str) -> int:
    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(REQUESTS // CONNECTIONS):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return REQUESTS


async def watch(port: int, run: str, streams: int) -> int:
    async def read() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /v1/runs/{run}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        count, text = 0, b""
        while part := await reader.read(2**16):
            count += part.count(b"event: changes")
            text = (text + part)[-2_000:]
        writer.close()
        assert b'"kind":"ended"' in text, text
        return count

    return sum(await asyncio.gather(*(read() for _ in range(streams))))


def listens(port: int) -> bool:
    return any(one.laddr.port == port and one.status == "LISTEN" for one in psutil.net_connections("tcp"))


async def until(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + START_S_MAX
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not start")
        await asyncio.sleep(0.1)
    return found


if __name__ == "__main__":
    main()

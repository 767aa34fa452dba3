"""A whole worker: the agent and real operator processes, with the Action Service's side in the hand of the test."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
from penstock.compiler import bundle
from penstock_artifact_store import LocalStore
from penstock_executors.agent import Agent
from penstock_executors.errors import TrackersAway
from penstock_executors.process import ProcessExecutor
from penstock_proto.action_service.v1.worker_pb2 import Grant, Orders
from penstock_proto.artifact_store.v1.service_pb2 import Progress
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Value, Values

from tests.waiting import WAIT_S

RUN = b"r" * 16
Inputs = Sequence[Any]


class Worker:
    """Grants in, reports out."""

    def __init__(self, folder: Path, source: str, executor: ProcessExecutor, grace_s: float) -> None:
        self.folder = folder
        self.store = LocalStore(folder / "store")
        self.reports: list[Report] = []
        self.lines: dict[int, list[str]] = {}
        self.said: dict[int, list[Progress]] = {}
        self.ended_runs: set[bytes] = set()
        self.executor = executor
        self._plans: dict[bytes, bytes] = {}
        self._news = asyncio.Event()
        self._given = 0
        self.away = 0  # so many times, no State Tracker answers
        self.bundle = b""
        self.edit(source)
        self.agent = Agent(
            worker="w1",
            executor=executor,
            store=self.store,
            plan=self._plan,
            read_values=self._read_values,
            send_reports=self._receive,
            output=self,
            ended_runs=self._ended_runs,
            scratch=folder / "scratch",
            grace_s=grace_s,
        )

    async def __aenter__(self) -> Self:
        await self.agent.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.agent.close()

    def edit(self, source: str) -> None:
        """Change the project's only file; what is given from now on runs the new code."""
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        (project / "ops.py").write_text(source)
        packed = bundle.build(project)
        self.bundle = self.store.put(packed.data)

    def grant(
        self,
        operator: str,
        *arguments: object,
        outputs: Sequence[str] = ("result",),
        timeout_s: float = 0.0,
        cpu: float = 1.0,
        gpu: int = 0,
        inputs: Inputs = (),
        module: str = "ops",
    ) -> Grant:
        """A grant for a plan of one node; `inputs` become inputs of the run, which follow the literal arguments."""
        self._given += 1
        plan = pl.Plan(schema=1, name="ops:test", bundle=self.bundle)
        shape = pl.OUTPUT_SHAPE_SINGLE if list(outputs) == ["result"] else pl.OUTPUT_SHAPE_FIELDS
        ports = [pl.Port(name=name) for name in outputs]
        plan.operators.add(
            module=module, qualname=operator, outputs=ports, output_shape=shape if outputs else pl.OUTPUT_SHAPE_NONE
        )
        node = plan.nodes.add(name=operator, kind=pl.NODE_KIND_TASK)
        for index, argument in enumerate(arguments):
            node.arguments.add(name="abc"[index]).value.literal.CopyFrom(value(argument))
        for index in range(len(inputs)):
            node.arguments.add(name="abc"[len(arguments) + index]).value.input = index
        data = plan.SerializeToString(deterministic=True)
        name = hashlib.sha256(data).digest()
        self._plans[name] = data
        grant = Grant(grant=self._given, run_id=RUN, attempt=1, plan=name, bundle=self.bundle, timeout_s=timeout_s)
        grant.operator = f"{module}:{operator}"
        grant.resources.cpu_milli, grant.resources.gpu = int(cpu * 1000), gpu
        if inputs:
            grant.inputs.add(node=-1).values.values.extend(map(value, inputs))
        return grant

    def join(self, operator: str, seqs: Iterable[int]) -> Grant:
        """A grant whose only argument lists what is recorded at positions of the log, one node each."""
        seqs = list(seqs)
        self._given += 1
        plan = pl.Plan(schema=1, name="ops:test", bundle=self.bundle)
        plan.operators.add(module="ops", qualname=operator, outputs=[pl.Port(name="result")], output_shape=1)
        for number in range(len(seqs)):
            plan.nodes.add(name=f"n{number}", kind=pl.NODE_KIND_TASK)
        argument = plan.nodes.add(name="join", kind=pl.NODE_KIND_TASK).arguments.add(name="items")
        argument.value.sequence.kind = "list"
        for number in range(len(seqs)):
            argument.value.sequence.items.add().output.node = number
        data = plan.SerializeToString(deterministic=True)
        name = hashlib.sha256(data).digest()
        self._plans[name] = data
        grant = Grant(grant=self._given, run_id=RUN, node=len(seqs), attempt=1, plan=name, bundle=self.bundle)
        grant.resources.cpu_milli = 1000
        for number, seq in enumerate(seqs):
            grant.refs.add(node=number, seq=seq)
        return grant

    def order(self, *grants: Grant, stop: Sequence[int] = (), recorded: Sequence[int] = ()) -> list[int]:
        """Give orders; return the numbers of the grants."""
        self.agent.on_orders(Orders(grants=grants, stop=stop, recorded=recorded))
        return [grant.grant for grant in grants]

    async def run(self, operator: str, *arguments: object, **options: Any) -> Report:
        """Execute one action and return its terminal report."""
        (number,) = self.order(self.grant(operator, *arguments, **options))
        return await self.ended(number)

    async def ended(self, number: int) -> Report:
        """The terminal report of a grant."""
        return await self.reported(number, lambda report: not report.HasField("started"))

    async def started(self, number: int) -> Report:
        """The report that it has started."""
        return await self.reported(number, lambda report: report.HasField("started"))

    async def reported(self, number: int, which: Callable[[Report], bool]) -> Report:
        async with asyncio.timeout(WAIT_S):
            while True:
                for report in self.reports:
                    if report.grant == number and which(report):
                        return report
                self._news.clear()
                await self._news.wait()

    async def printed(self, number: int, text: str) -> None:
        """Wait until a line of a grant's output is this text."""
        await until(lambda: text in self.lines.get(number, []))

    def ends(self, number: int) -> list[Report]:
        """The terminal reports that came about a grant; one that was repeated counts once."""
        ends = [each for each in self.reports if each.grant == number and not each.HasField("started")]
        return list({each.SerializeToString(deterministic=True): each for each in ends}.values())

    async def _plan(self, name: bytes) -> bytes:
        if self.away:
            self.away -= 1
            raise TrackersAway("nobody answers")
        return self._plans[name]

    async def _read_values(self, shard: int, seqs: Sequence[int]) -> dict[int, Values]:
        """A log in which each position has its own number."""
        if self.away:
            self.away -= 1
            raise TrackersAway("nobody answers")
        return {seq: Values(values=[value(seq)]) for seq in seqs}

    def _receive(self, reports: list[Report]) -> None:
        self.reports += reports
        self._news.set()

    def __call__(self, grant: Grant, lines: Sequence[str]) -> None:
        self.lines.setdefault(grant.grant, []).extend(lines)

    def progress(self, grant: Grant, progress: Progress) -> None:
        self.said.setdefault(grant.grant, []).append(progress)

    async def _ended_runs(self, run_ids: Sequence[bytes]) -> set[bytes]:
        return self.ended_runs & set(run_ids)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition about the outside holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # nothing tells when the outside changes
            await asyncio.sleep(0.01)


def value(plain: object) -> Value:
    data = json.dumps(plain).encode()
    return Value(codec="json", inline=data, size_bytes=len(data), type_name=type(plain).__name__)


def result(report: Report, index: int = 0) -> Any:
    """The plain value of an output that is small JSON."""
    assert report.HasField("succeeded"), report
    return json.loads(report.succeeded.outputs.values[index].inline)


def keeper_of_this_process() -> psutil.Process:
    """The keeper of the worker that this process is; it may have other children, such as a Postgres."""
    (keeper,) = [each for each in psutil.Process().children() if "penstock_executors.keeper" in each.cmdline()]
    return keeper

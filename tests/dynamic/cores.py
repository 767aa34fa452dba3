"""One run through the cores of State Tracker and Dependency Manager, executed in memory, in any order that they allow.

At random moments a core is replaced by one made from its snapshot or from the log, as after a restart.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from penstock.call.argument_values import Builders
from penstock.call.control import call_of
from penstock.call.failures import ActionError
from penstock.call.given import Given
from penstock.client.forks import Origin, done_of
from penstock.client.view import NodeState, RunView
from penstock.compiler.compilation import Compiled, compile
from penstock.compiler.literals import Literals
from penstock.declare.workflows import Workflow
from penstock.testing.run import MemoryStore
from penstock_dependency_manager.core import Graph
from penstock_plan.check import validation
from penstock_plan.graph import PlanGraph
from penstock_plan.reuse import Decided, Side, decide
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INPUTS_NODE
from penstock_state_tracker.api.forks import nodes_taken_over
from penstock_state_tracker.api.values import carried
from penstock_state_tracker.core.shard import Shard

from tests.reopening import reopening_of

RUN = uuid.UUID(int=7).bytes


class CoreRun:
    """A run of a workflow; `drive` executes it to its end."""

    def __init__(
        self,
        workflow: Workflow[..., Any],
        inputs: dict[str, Any],
        seed: int,
        folder: Path,
        origin: CoreRun | None = None,
        **changed: str,
    ) -> None:
        """`origin` is the run that it is forked from, with the same inputs; `changed` is the code of operators."""
        self.compiled: Compiled = compile(workflow, bundle_hash=b"", local=True)
        validation.check(self.compiled.plan)
        plan_hash = self.compiled.hash
        self.id = RUN if origin is None else uuid.UUID(int=int.from_bytes(origin.id, "big") + 2**32).bytes
        self.plans = {} if origin is None else origin.plans
        self.plans[plan_hash] = PlanGraph.of(self.compiled.plan, plan_hash)
        self.changed, self.now = changed, 0.0
        self.random = random.Random(seed)
        self.store = MemoryStore(folder, self.compiled.artifacts) if origin is None else origin.store
        self.shard = Shard(0, self.plans) if origin is None else origin.shard
        self.graph = Graph(0, self.plans) if origin is None else origin.graph
        self.log: list[ev.Event] = [] if origin is None else origin.log
        self.first = len(self.log)
        self.starts: dict[int, act.Start] = {}
        self.names_of: dict[int, str] = {}
        self.executed: list[tuple[int, int]] = []
        literals = Literals()
        given = [
            literals.encode(value, workflow.signature.parameters[name].annotation) for name, value in inputs.items()
        ]
        submitted = ev.RunSubmitted(
            plan=plan_hash, inputs=value_pb2.Values(values=given), nodes=self.plans[plan_hash].size
        )
        if origin is not None:
            submitted.reused.CopyFrom(self._reused(origin).known)
        self.record(self.shard.submit(submitted, self.id, 0.0))

    def drive(self, look: Callable[[], None] = lambda: None) -> ev.RunEnded:
        """Execute until the run has ended; look at it before each step."""
        while not self.log[-1].HasField("run_ended"):
            look()
            if not self.starts and self.has_waits:
                continue
            assert self.starts, "the run is open, and nothing of it may start"
            self.step()
            if self.random.random() < 0.1:
                self._restart()
        return self.log[-1].run_ended

    @property
    def has_waits(self) -> bool:
        """Whether time or a signal may let it go on."""
        return bool(self.plans[self.compiled.hash].waits)

    def reopen(self) -> None:
        """Let the run go on, which has ended."""
        event = reopening_of(self.id, self.log, self.plans)
        self.record(self.shard.reopen(self.id, event, 0.0))

    def view(self) -> RunView:
        """The run as clients see it."""
        view = RunView(self.compiled.plan, self.id)
        for seq, event in enumerate(self.log, 1):
            if event.run_id == self.id:
                view.apply(st.RecordedEvent(seq=seq, event=event))
        return view

    def _reused(self, origin: CoreRun) -> Decided:
        view = origin.view()
        sides = {
            node.index: int(self.log[node.output_seq - 1].action_succeeded.outputs.values[0].inline)
            for node in view.nodes
            if node.kind == "branch" and node.state is NodeState.SUCCEEDED
        }
        inputs = list(self.log[origin.first].run_submitted.inputs.values)
        done = done_of(Origin(view, inputs, {}, sides), (), failed_again=False)
        old, new = (
            Side(
                run.compiled.plan,
                inputs,
                [{each.qualname: run.changed.get(each.qualname, "")} for each in run.compiled.plan.operators],
            )
            for run in (origin, self)
        )
        self.decided = decide(old, new, done, (), lambda before, after: [*before] if before != after else [])
        request = st.SubmitRequest(run_id=self.id, plan=self.compiled.hash)
        request.fork.reused.CopyFrom(self.decided.known)
        nodes_taken_over(request.fork, self.plans[self.compiled.hash])
        return self.decided

    def step(self) -> None:
        """Execute one of the nodes that may start."""
        self._execute(self.starts.pop(self.random.choice(sorted(self.starts))))

    def names(self, nodes: Iterable[int]) -> set[str]:
        """What these nodes are called."""
        return {self.names_of[node] for node in nodes}

    def result(self) -> Any:
        """What the workflow returns."""
        values = Given({INPUTS_NODE: self.log[self.first].run_submitted.inputs.values})
        for ref in self.log[-1].run_ended.outputs:
            if ref.node >= 0:
                values[ref.node] = self.log[ref.seq - 1].action_succeeded.outputs.values
        builders = Builders(self.compiled.plan, "test", self.store, load=self._load)
        annotations = self.compiled.shape.annotations
        return self.compiled.shape(
            {
                output.name: builders.build(output.value, annotations[output.name], output.name)(values)
                for output in self.compiled.plan.outputs
            }
        )

    def _load(self, module: str, qualname: str) -> Any:
        return self.compiled.operators[module, qualname]

    def _execute(self, start: act.Start) -> None:
        assert (start.node, start.attempt) not in self.executed, "executed twice"
        self.executed.append((start.node, start.attempt))
        given = Given()
        given.path = start.path
        for ref in start.inputs:
            given[ref.node] = carried(self.log[ref.seq - 1]).values
        report = reports_pb2.Report(run_id=self.id, node=start.node, attempt=start.attempt, grant=1, worker="w")
        node = start.template if start.path else start.node
        try:
            report.succeeded.SetInParent()
            if start.kind != plan_pb2.NODE_KIND_PASS:
                call_of(self.compiled.plan, node, self.store, self._load)(given, report.succeeded.outputs)
        except ActionError as error:
            report.failed.cause, report.failed.final = error.cause, error.final
            report.failed.failure.CopyFrom(error.failure())
        self.record(self.shard.report(report, self.now))

    def record(self, events: list[ev.Event]) -> None:
        """Append to the log, and let the Dependency Manager follow."""
        before = len(self.log)
        self.log += events
        assert self.shard.seq == len(self.log)
        if (run := self.shard.runs.get(self.id)) is not None:
            self.names_of = {node: run.graph.name_of(node) for node in range(run.graph.size)}
        batch = ev.EventBatch(shard=0, epoch=1, from_seq=before + 1, events=events)
        for instruction in self.graph.advance(batch, 0.0):
            self._take(instruction)
        started = {start.node for start in self.starts.values()}
        for event in events:
            assert not started.intersection(event.nodes_skipped.nodes), "what is skipped may start"
        described = act.ActionBatch().instructions
        for _ in self.graph.describe(described):
            pass
        for instruction in described:
            self._take(instruction)

    def _take(self, instruction: act.Instruction) -> None:
        match instruction.WhichOneof("kind"):
            case "start":
                self.starts[instruction.start.node] = instruction.start
            case "stop":
                self.starts.pop(instruction.stop.node, None)
            case _:
                pass

    def _restart(self) -> None:
        """Replace a core by one that has read of the run only what is kept of it."""
        runs = list(self.shard.snapshot(self.now))
        match self.random.choice((0, 2) if self.has_waits else (0, 1, 2)):  # a replay lets waits begin anew
            case 0:
                kept = [st.OpenRun.FromString(run.SerializeToString()) for run in runs]
                seq, self.shard = self.shard.seq, Shard(0, self.plans)
                self.shard.restore(kept, seq, 1, self.now)
            case 1:
                self.shard = Shard(0, self.plans)
                for event in self.log:
                    self.shard.apply(event, 0.0)
            case _:
                self.graph = Graph(0, self.plans)
                self.graph.load(runs, self.shard.seq, 1, 0.0)
                starts = {start.node: start for start in self.graph.starts(0.0)}
                assert starts.keys() == self.starts.keys()
                for node, start in starts.items():
                    assert list(start.inputs) == list(self.starts[node].inputs)
                self.starts = starts
        assert list(self.shard.snapshot(self.now)) == runs

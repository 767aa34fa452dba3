"""What the core costs: many starts with a worker that ends everything at once. Not a test; prints a number.

python tests/action_service/throughput.py [--profile]
"""

import argparse
import cProfile
import pstats
import time

from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.effects import Publish, ToWorker
from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.reports_pb2 import Report

ACTIONS = 20_000
BATCH = 200


def batches() -> list[ActionBatch]:
    made: list[ActionBatch] = []
    for first in range(0, ACTIONS, BATCH):
        batch = ActionBatch(shard=0, epoch=1, from_seq=first, to_seq=first + BATCH)
        for number in range(first, first + BATCH):
            start = batch.instructions.add().start
            start.run_id = (number // 10).to_bytes(16, "big")
            start.node, start.attempt, start.kind = number % 10, 1, 1
            start.plan = start.bundle = b"p" * 32
            start.resources.CopyFrom(Resources(cpu_milli=1000))
            start.team, start.pool, start.operator = "a", "default", "app:noop"
            start.inputs.add(node=-1, seq=1)
        made.append(batch)
    return made


def report_of(granted) -> Report:
    start = granted.start
    report = Report(run_id=start.run_id, node=start.node, attempt=1, grant=granted.grant, worker="w")
    report.succeeded.duration_us = 30
    return report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    pool = Pool("default", 1)
    pool.register(Register(worker="w", incarnation="1", capacity=Resources(cpu_milli=2000)), 0.0)
    inbox = batches()
    profile = cProfile.Profile() if arguments.profile else None
    inside_s, now, seq, ended, flushes, most = 0.0, 0.0, ACTIONS, 0, 0, 0
    recorded: list[ActionBatch] = []
    reports: list[Report] = []
    while ended < ACTIONS and flushes < 10 * ACTIONS:
        now += 0.001
        flushes += 1
        began = time.process_time()
        if profile:
            profile.enable()
        if inbox:
            pool.actions(inbox.pop(0), now)
        for batch in recorded:
            pool.actions(batch, now)
        pool.reports("w", reports, now)
        effects = pool.decide(now)
        if profile:
            profile.disable()
        inside_s += time.process_time() - began
        recorded, reports = [], []
        for effect in effects:
            if isinstance(effect, ToWorker):
                most = max(most, len(effect.grants))
                reports += [report_of(granted) for granted in effect.grants]
            elif isinstance(effect, Publish):
                batch = ActionBatch(shard=1, epoch=1, from_seq=seq, to_seq=seq + len(effect.reports))
                for report in effect.reports:
                    done = batch.instructions.add().recorded
                    done.run_id, done.node, done.attempt = report.run_id, report.node, 1
                    done.grant, done.seq = report.grant, seq
                seq += len(effect.reports)
                ended += len(effect.reports)
                recorded.append(batch)
    print(f"{inside_s / ACTIONS * 1e6:.1f} us an action, {flushes} flushes, at most {most} grants in one")
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()

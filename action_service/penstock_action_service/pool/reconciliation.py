"""What comes back: snapshots, workers that hold something already, reports under grants of somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_proto.action_service.v1.worker_pb2 import Grant, Register
from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_PASS
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_LOST
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import outcomes
from .keys import UNCLAIMED, State, key_of
from .records import Action, Worker

if TYPE_CHECKING:
    from .book import Book

CANCELLED = "the run was cancelled"


def take_over(book: Book, start: Start, shard: int, now: float) -> Action:
    """Take an attempt of a snapshot; return its record."""
    key = key_of(start)
    action = book.open.get(key)
    if action is None:
        action = book.admit(key, shard, start, now)
        action.may_be_recorded = True
        _place(book, action, start, now)
    elif action.shard == UNCLAIMED:
        claim(book, action, start, shard, now)
    elif start.running_grant:
        action.may_be_recorded = True
    if start.stopping:
        stop(book, action, now)
    return action


def _place(book: Book, action: Action, start: Start, now: float) -> None:
    if start.running_grant:
        worker = start.running_worker
        book.wait_for(action, worker, start.running_grant)
        if worker in book.placement.workers:  # it has said what it holds, and this was not among it
            lose_awaited(book, action, worker, now)
    elif start.stopping:
        book.delay(action, 0.0, now)
    elif start.delay_s > 0:
        book.delay(action, start.delay_s, now)
    elif book.former and start.kind != NODE_KIND_PASS:
        book.hold_back(action)
    else:
        book.make_ready(action, now)


def claim(book: Book, action: Action, start: Start, shard: int, now: float) -> None:
    """The log names what a worker holds: it is wanted."""
    del book.by_shard[UNCLAIMED][action]
    book.file(action, shard)
    action.start, action.timeout_s, action.may_be_recorded = start, start.timeout_s, True
    is_recorded = start.running_grant == action.grant
    if action.is_started and not is_recorded and action.worker is not None:
        book.publish_start(action, outcomes.started(action.key, action.grant, action.worker.name), now)
    action.is_started = action.is_started or is_recorded
    if action.state is State.ENDED and action.report is not None:
        book.end(action, action.report, now)


def lose_awaited(book: Book, action: Action, worker: str, now: float) -> None:
    book.unlist(action)
    book.lose(action, worker, now)


def stop(book: Book, action: Action, now: float) -> None:
    """Nothing of the attempt shall run; where the log may say that it runs, its end must be reported."""
    match action.state:
        case State.QUEUED | State.DELAYED if action.may_be_recorded:
            book.unlist(action)
            book.fail(action, CAUSE_CANCELLED, CANCELLED, now)
        case State.QUEUED | State.DELAYED:
            book.forget(action)
        case State.GRANTED:
            action.is_stopping = True
            if action.worker is not None:
                book.tell_stop(action.worker, action.grant)
        case State.AWAITED:
            action.is_stopping = True
        case State.ENDED | State.FORGOTTEN:
            pass


def register(book: Book, register: Register, now: float, *, settled: bool) -> None:
    """Compare what a worker holds with what it should hold."""
    name = register.worker
    worker = book.placement.workers.get(name)
    if worker is None:
        worker = Worker(register, now)
        book.join(worker, now)
    else:
        worker.is_connected, worker.heard_at = True, now
        book.placement.resume(worker)
        worker.forget_orders()
    held = {grant.grant: grant for grant in register.held}
    for action in [action for grant, action in worker.held.items() if grant not in held]:
        _release_missing(book, worker, action, now)
    for grant in held.values():
        _adopt_held(book, worker, grant, now, settled=settled)
    for action in list(book.awaited.get(name, ())):
        lose_awaited(book, action, name, now)
    book.freed[worker] = None
    if name in book.former:
        book.former.discard(name)
        if not book.former:
            book.release_held_back(now)


def _release_missing(book: Book, worker: Worker, action: Action, now: float) -> None:
    """The worker does not hold what was granted to it: the order never arrived, or it has lost it."""
    book.release(action)
    if action.state is not State.GRANTED:
        return
    if action.shard == UNCLAIMED:
        book.forget(action)
    elif action.is_started:
        book.lose(action, worker.name, now)
    else:
        book.requeue(action, now)


def _adopt_held(book: Book, worker: Worker, held: Grant, now: float, *, settled: bool) -> None:
    grant = held.grant
    action = worker.held.get(grant)
    if action is not None:
        if action.is_stopping or action.is_pulled or action.state is not State.GRANTED:
            book.tell_stop(worker, grant)
        return
    key = key_of(held)
    action = book.open.get(key)
    if action is not None and action.report is not None and action.report.grant == grant:
        if action.report.failed.cause == CAUSE_LOST:  # it was not
            book.tell_stop(worker, grant)
        return
    if action is None and not settled:
        action = book.admit(key, UNCLAIMED, _start_of(held), now)
    elif action is None or not _is_adoptable(action, grant):
        book.tell_stop(worker, grant)
        return
    else:
        action.is_started = action.state is State.AWAITED
        book.unlist(action)
    book.hold(action, worker, grant, now)
    if action.is_stopping:
        book.tell_stop(worker, grant)


def _is_adoptable(action: Action, grant: int) -> bool:
    """A grant that executes already is kept, unless another one does too: that one stays."""
    if action.state is State.AWAITED:
        return grant >= action.grant  # one that was given later: the former one was given back
    return action.state in (State.QUEUED, State.DELAYED)


def _start_of(held: Grant) -> Start:
    """Put together the start of what a worker holds, until its log tells it."""
    return Start(
        run_id=held.run_id,
        node=held.node,
        item=held.item,
        attempt=held.attempt,
        plan=held.plan,
        bundle=held.bundle,
        resources=held.resources,
        timeout_s=held.timeout_s,
        team=held.team,
        operator=held.operator,
        traceparent=held.traceparent,
    )


def take_foreign(book: Book, worker: Worker, report: Report, now: float, *, settled: bool) -> None:
    """Take a report under a grant that its sender was not given here, or that has ended already."""
    grant = report.grant
    key = key_of(report)
    action = book.open.get(key)
    if action is not None and action.report is not None and action.report.grant == grant:
        return  # said again
    if report.WhichOneof("kind") == "started":
        if action is not None or settled:
            book.tell_stop(worker, grant)
    elif report.failed.cause == CAUSE_CANCELLED:  # as it was told to
        book.tell_recorded(worker.name, grant)
    elif action is None and not settled:
        start = Start(run_id=report.run_id, node=report.node, item=report.item, attempt=report.attempt)
        action = book.admit(key, UNCLAIMED, start, now)
        action.state, action.report, action.reporter = State.ENDED, report, worker.name
    elif action is None or action.state is State.ENDED:
        book.tell_recorded(worker.name, grant)
    else:
        _end_elsewhere(book, worker, action, report, now)


def _end_elsewhere(book: Book, worker: Worker, action: Action, report: Report, now: float) -> None:
    """The attempt ended under another grant: the first end wins; whoever else executes it is stopped when recorded."""
    if action.state is not State.GRANTED:
        book.unlist(action)
    action.reporter = worker.name
    if action.shard == UNCLAIMED:
        action.state, action.report = State.ENDED, report
    else:
        book.end(action, report, now)

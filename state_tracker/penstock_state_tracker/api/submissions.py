"""New runs: checked, decided once, and answered when they are in the log. The same request gets the same answer."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock_access import calling
from penstock_access.principal import Kind
from penstock_access.rules import RULES
from penstock_plan.children import CHILD_DEPTH_MAX
from penstock_plan.waits import WAIT_S_MAX
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import HASH_BYTES, RUN_ID_BYTES
from penstock_service.answers import Answer
from penstock_service.database import Row
from penstock_service.errors import DatabaseAway
from penstock_service.guard import enforce

from ..core.run import Run
from ..errors import BadRequest, Overloaded, RunExists, ShardAway
from ..log.committer import PENDING_EVENTS_FOR_SUBMITS
from ..log.shard_state import Owned
from ..ownership.routing import Routing
from ..plans import Plans
from . import runs
from .forks import Forks
from .lookup import Found, Lookup

REQUESTS_MAX: Final = 1_000
# What a form is told of one input, and of all.
PROBLEMS_EACH_MAX, PROBLEMS_MAX = 20, 100
NAME_CHARS_MAX: Final = 200
LABELS_MAX: Final = 64
CHANNELS_MAX: Final = 10
CALLER_BYTES_MAX: Final = 4 * 1024
OPTIONS_BYTES_MAX: Final = 8 * 1024
# An event has to fit a message to everybody who follows the log.
EVENT_BYTES_MAX: Final = 2**20
RETRY_AFTER_S: Final = 0.5

SUBMIT: Final = RULES["StateTrackerService/Submit"]

Outcome = api.RunSummary | Answer


@dataclass(slots=True)
class Submission:
    """A request on its way."""

    request: api.SubmitRequest
    run_id: bytes
    shard: int
    digest: bytes
    owned: Owned | None = None
    run: Run | None = None
    commit: asyncio.Future[None] | None = None
    outcome: Outcome | None = None


class Submissions:
    """Submits of all callers.

    Args:
        lookups: By shard; shards of one database share one.
    """

    def __init__(self, routing: Routing, plans: Plans, lookups: Mapping[int, Lookup], forks: Forks) -> None:
        self._routing = routing
        self._forks = forks
        self._plans = plans
        self._lookups = lookups
        # Requests whose outcome is not known yet: another one with the same id waits for it.
        self._deciding: dict[bytes, asyncio.Event] = {}

    async def submit(self, request: api.SubmitRequest) -> api.RunSummary:
        """Start a run; raise what SubmitMany would answer."""
        outcome = (await self.submit_many([request]))[0]
        if isinstance(outcome, Answer):
            raise outcome
        return outcome

    async def problems(self, request: api.ValidateRequest) -> list[api.InputProblem]:
        """Return what is wrong with the inputs of a run that nobody starts; raise PlanNotFound."""
        await self._plans.ensure([request.plan])
        found = self._plans.inputs(request.plan).problems(request.inputs, PROBLEMS_EACH_MAX)
        return [api.InputProblem(input=one.input, pointer=one.pointer, detail=one.text) for one in found[:PROBLEMS_MAX]]

    async def submit_many(self, requests: Sequence[api.SubmitRequest]) -> list[Outcome]:
        """Start runs; one outcome for each request, in their order. One that is refused harms no other."""
        if len(requests) > REQUESTS_MAX:
            raise BadRequest(f"{len(requests)} requests at once; at most {REQUESTS_MAX} are taken")
        outcomes: list[Outcome | None] = [None] * len(requests)
        left = list(range(len(requests)))
        while left:
            now, later = await self._reserve(requests, left, outcomes)
            try:
                await self._answer([submission for _, submission in now])
            finally:
                for _, submission in now:
                    self._release(submission)
            for index, submission in now:
                outcomes[index] = submission.outcome
            left = later
        return [outcome for outcome in outcomes if outcome is not None]

    async def _reserve(
        self, requests: Sequence[api.SubmitRequest], left: Sequence[int], outcomes: list[Outcome | None]
    ) -> tuple[list[tuple[int, Submission]], list[int]]:
        """Take those whose ids nobody else is deciding now; the others' turn comes after theirs."""
        now: list[tuple[int, Submission]] = []
        later: list[int] = []
        for index in left:
            try:
                enforce(calling.claim(requests[index], SUBMIT))
                submission = self._checked(requests[index])
            except Answer as refusal:
                outcomes[index] = refusal
                continue
            if submission.run_id in self._deciding:
                later.append(index)
            else:
                self._deciding[submission.run_id] = asyncio.Event()
                now.append((index, submission))
        if later and not now:
            await self._deciding[bytes(requests[later[0]].run_id)].wait()
        return now, later

    def _release(self, submission: Submission) -> None:
        """Let others decide about this id; not before a commit that is on the way, or they would not see it."""
        committing = submission.commit
        if committing is not None and not committing.done():  # the caller went away meanwhile
            committing.add_done_callback(lambda _: self._deciding.pop(submission.run_id).set())
        else:
            self._deciding.pop(submission.run_id).set()

    def _checked(self, request: api.SubmitRequest) -> Submission:
        run_id = request.run_id
        shard = self._routing.shard(run_id)
        _check_request(request)
        committer = self._routing.committers[shard]
        if committer.away:
            raise DatabaseAway(committer.away)
        if committer.pending_events > PENDING_EVENTS_FOR_SUBMITS:
            raise Overloaded(f"{committer.pending_events:,} events wait to be committed", RETRY_AFTER_S)
        return Submission(request, run_id, shard, digest_of(request))

    async def _answer(self, submissions: Sequence[Submission]) -> None:
        await self._load(submissions)
        for submission in submissions:
            if submission.outcome is None:
                self._decide(submission)
        for submission in submissions:
            await _wait_recorded(submission)

    async def _load(self, submissions: Sequence[Submission]) -> None:
        """Read what the decisions need: the runs that exist already, which answers their submits, and the plans."""
        for submission, row in zip(submissions, await self._find_rows(submissions), strict=True):
            if row is not None:
                submission.outcome = _again(submission, row)
        new = [submission for submission in submissions if submission.outcome is None]
        await self._load_plans(new)
        if any(submission.request.HasField("fork") for submission in new):
            await self._check_forks(new)

    async def _find_rows(self, submissions: Sequence[Submission]) -> list[Row]:
        """Return the row of each run that was submitted before, None for the others."""
        by_lookup: dict[Lookup, list[Submission]] = {}
        for submission in submissions:
            by_lookup.setdefault(self._lookups[submission.shard], []).append(submission)
        found: Found = {}
        for lookup, of_database in by_lookup.items():
            try:
                found.update(await lookup.find([submission.run_id for submission in of_database]))
            except DatabaseAway as away:
                for submission in of_database:
                    submission.outcome = away
        return [found.get(submission.run_id) for submission in submissions]

    async def _load_plans(self, submissions: Sequence[Submission]) -> None:
        unknown: dict[bytes, Answer] = {}
        plans = {submission.request.plan for submission in submissions}
        for plan in plans:
            try:
                # In doubt its client stores it again, so that a database that is away is in nobody's way.
                await self._plans.ensure([plan], sure=False)
            except Answer as error:
                unknown[plan] = error
        for submission in submissions:
            if submission.request.plan not in unknown:
                await self._keep_plan_with(submission)
        # All at once, so that none was evicted for another.
        await self._plans.ensure(plans - unknown.keys())
        for submission in submissions:
            submission.outcome = submission.outcome or unknown.get(submission.request.plan)

    async def _check_forks(self, submissions: Sequence[Submission]) -> None:
        for submission in submissions:
            if submission.outcome is None and submission.request.HasField("fork"):
                try:
                    await self._forks.check(submission.request, self._plans.graphs[submission.request.plan])
                except Answer as error:
                    submission.outcome = error
        # It took a while: none was evicted meanwhile.
        await self._plans.ensure(one.request.plan for one in submissions if one.outcome is None)

    async def _keep_plan_with(self, submission: Submission) -> None:
        plan, database = submission.request.plan, self._routing.databases[submission.shard]
        if self._plans.is_with(plan, database):
            return
        try:
            await self._plans.ensure([plan])
            await self._plans.keep_with(plan, database, submission.request.caller)
        except Answer as error:
            submission.outcome = error

    def _decide(self, submission: Submission) -> None:
        """Open the run; from here on it exists in memory, and its commit is on the way."""
        try:
            owned = self._routing.mine(submission.shard)
            event = self._event(submission.request)
        except Answer as refusal:
            submission.outcome = refusal
            return
        run_id = submission.run_id
        owned.digests[run_id] = submission.digest
        with self._routing.guard_decision(owned):
            events = owned.core.submit(event, run_id, time.monotonic())
        submission.owned, submission.run = owned, owned.core.runs.get(run_id)
        submission.outcome = _accepted(submission, event, owned.core.seq)
        submission.commit = owned.pending_commit()
        self._routing.committers[submission.shard].add(owned, events)

    def _event(self, request: api.SubmitRequest) -> ev.RunSubmitted:
        graph = self._plans.graphs[request.plan]
        event = ev.RunSubmitted(
            plan=graph.hash,
            plan_name=graph.name,
            caller=request.caller,
            inputs=self._plans.inputs(request.plan).fill(request.inputs),
            options=request.options,
            nodes=graph.size,
        )
        if request.HasField("fork"):
            event.forked_from = request.fork.run_id
            event.reused.CopyFrom(request.fork.reused)
        if request.HasField("parent"):
            parent = request.parent
            event.parent_run_id, event.parent_node, event.depth = parent.run_id, parent.node, parent.depth
        if (size := event.ByteSize()) > EVENT_BYTES_MAX:
            raise BadRequest(f"the run's inputs and what it reuses take {size:,} bytes; at most 1 MiB is taken")
        return event


def _accepted(submission: Submission, event: ev.RunSubmitted, first_seq: int) -> api.RunSummary:
    return api.RunSummary(
        run_id=submission.run_id,
        plan=event.plan,
        plan_name=event.plan_name,
        caller=event.caller,
        team=event.options.team or event.caller.team,
        state=ev.RUN_STATE_RUNNING,
        shard=submission.shard,
        first_seq=first_seq,
        options=event.options,
        nodes=event.nodes,
    )


async def _wait_recorded(submission: Submission) -> None:
    """Wait for the commit and complete the answer by when it was."""
    owned, accepted = submission.owned, submission.outcome
    if owned is None or not isinstance(accepted, api.RunSummary):
        return
    try:
        if submission.commit is not None:
            await asyncio.shield(submission.commit)
    except ShardAway as away:
        submission.outcome = away
        return
    run = submission.run
    accepted.submitted_at_us = (run.submitted_at_us if run is not None else 0) or owned.recorded_at_us


def digest_of(request: api.SubmitRequest) -> bytes:
    """Return the SHA-256 that tells whether a request is the same one again.

    The client's version, its token and its trace context do not count: another process may repeat the request.
    """
    caller, options = ev.Caller(), request.options
    caller.CopyFrom(request.caller)
    traceparent = options.traceparent
    # Also where they were empty: an absent message and an empty one are the same.
    request.caller.client = request.caller.credential = request.caller.source = request.caller.request_id = ""
    options.traceparent = ""
    try:
        return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    finally:
        request.caller.CopyFrom(caller)
        options.traceparent = traceparent


def _again(submission: Submission, row: Row) -> Outcome:
    """Answer a request whose id is taken."""
    if row["digest"] != submission.digest:
        return RunExists(submission.run_id)
    return runs.summary(row)


def _check_request(request: api.SubmitRequest) -> None:
    if len(request.plan) != HASH_BYTES:
        raise BadRequest(f"plan is the SHA-256 of a plan's bytes, {HASH_BYTES} bytes, not {len(request.plan)}")
    options = request.options
    if request.HasField("parent"):
        _check_parent(request.parent)
    check_caller(request.caller)
    check_name("options.team", options.team)
    check_name("options.pool", options.pool)
    if len(options.labels) > LABELS_MAX or options.ByteSize() > OPTIONS_BYTES_MAX:
        raise BadRequest(
            f"the options have {len(options.labels)} labels and {options.ByteSize():,} bytes; "
            f"at most {LABELS_MAX} and {OPTIONS_BYTES_MAX:,} are taken"
        )
    if not 0 <= options.deadline_s <= WAIT_S_MAX:  # also refuses NaN
        raise BadRequest(f"invalid deadline of {options.deadline_s:g} s: expected 0 (without limit) to {WAIT_S_MAX:g}")
    if len(options.notify) > CHANNELS_MAX:
        raise BadRequest(f"at most {CHANNELS_MAX} channels can get a message about a run, not {len(options.notify)}")
    for channel in options.notify:
        check_name("options.notify", channel)


def _check_parent(parent: api.Parent) -> None:
    check_service("parent")
    if len(parent.run_id) != RUN_ID_BYTES or parent.node < 0 or not 1 <= parent.depth <= CHILD_DEPTH_MAX:
        raise BadRequest(f"parent names a run, its node, and a depth from 1 to {CHILD_DEPTH_MAX}")


def check_service(what: str) -> None:
    """Raise BadRequest where somebody else than a service calls; without access control anybody may be one."""
    principal = calling.caller()
    if principal is not None and principal.kind is not Kind.SERVICE:
        raise BadRequest(f"{what} is set by State Trackers alone, which start child runs")


def check_caller(caller: ev.Caller) -> None:
    """Raise BadRequest for what no event should hold."""
    for name, text in (("user", caller.user), ("team", caller.team), ("client", caller.client)):
        check_name(name, text)
    if (size := caller.ByteSize()) > CALLER_BYTES_MAX:
        raise BadRequest(f"the caller is described in {size:,} bytes; at most {CALLER_BYTES_MAX:,} are taken")


def check_name(name: str, text: str) -> None:
    """Raise BadRequest for what no column or screen can hold."""
    if len(text) > NAME_CHARS_MAX or "\0" in text:
        raise BadRequest(
            f"{name} has {len(text)} characters or a zero byte; at most {NAME_CHARS_MAX} are taken, no zero"
        )

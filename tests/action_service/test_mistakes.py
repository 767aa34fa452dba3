"""A mistake of ours in one attempt costs that attempt, and nothing else stops."""

from typing import Any

import pytest
from penstock_action_service.pool import reconciliation
from penstock_action_service.pool.book import Book
from penstock_action_service.pool.placement import Placement
from penstock_action_service.shell.grant_values import Filler
from penstock_proto.state_tracker.v1.events_pb2 import RUN_STATE_FAILED, RUN_STATE_SUCCEEDED

from tests.action_service.pools import Driven, start, succeeded
from tests.action_service.test_shell import services  # noqa: F401 # a fixture
from tests.action_service.world import FakeWorker, World, connected
from tests.state_tracker.running import chain, wide

POISON = 1  # the node that raises


def poisoned(monkeypatch: pytest.MonkeyPatch, owner: type | Any, name: str, node_of: Any) -> None:
    """Let a function raise for the poisoned node."""
    original = getattr(owner, name)

    def raising(*arguments: Any, **named: Any) -> Any:
        if node_of(*arguments) == POISON:
            raise OverflowError("int too large to convert")
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, raising)


def outcome(pool: Driven) -> dict[int, str]:
    """How each attempt ends that a worker takes, and each that none gets."""
    ended: dict[int, str] = {}
    for _ in range(10):
        granted = pool.granted()
        ended |= {report.node: report.WhichOneof("kind") or "" for report in pool.published()}
        pool.reports(*(succeeded(each) for each in granted))
    return ended


EXPECTED = {0: "succeeded", POISON: "failed", 2: "succeeded"}


def test_an_attempt_that_cannot_be_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, Book, "make_ready", lambda book, action, now: action.key[1])
    pool = Driven()
    pool.worker()
    pool.say(start(0), start(POISON), start(2))
    assert outcome(pool) == EXPECTED
    assert len(pool.core.problems) == 1


def test_an_attempt_that_cannot_be_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, Placement, "choose", lambda placement, action, now: action.key[1])
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0), start(POISON), start(2))
    assert outcome(pool) == EXPECTED


def test_an_attempt_of_a_snapshot_that_cannot_be_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, reconciliation, "_place", lambda book, action, begun, now: action.key[1])
    pool = Driven(caught_up=False)
    pool.snapshot(start(0), start(POISON), start(2))
    pool.core.note_caught_up(pool.now)
    pool.worker()
    assert outcome(pool) == EXPECTED


def test_a_report_that_cannot_be_taken_does_not_take_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Driven()
    pool.worker(cpus=3)
    pool.say(start(0), start(POISON), start(2))
    granted = pool.granted()
    poisoned(monkeypatch, Book, "end", lambda book, action, report, now: action.key[1])
    pool.core.reports("w", [succeeded(each) for each in granted], pool.now)
    pool.take()
    assert sorted(report.node for report in pool.published()) == [0, 2]


async def test_a_grant_that_cannot_be_made(services: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    poisoned(monkeypatch, Filler, "_blank", lambda filler, begun: begun.node)
    async with services.action_service() as service, connected(FakeWorker(), service):
        assert await services.state(await services.run(wide(3))) == RUN_STATE_FAILED
        assert await services.state(await services.run(chain(1))) == RUN_STATE_SUCCEEDED


async def test_a_tick_that_raises_is_followed_by_others(services: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    async with services.action_service() as service:
        core = service.hosts["default"].core

        def raising(now: float) -> None:
            raise OverflowError("int too large to convert")

        monkeypatch.setattr(core, "tick", raising)
        async with connected(FakeWorker(), service):
            assert await services.state(await services.run(chain(3))) == RUN_STATE_SUCCEEDED

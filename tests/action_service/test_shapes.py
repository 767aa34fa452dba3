"""Many different needs cost little, and none of them stands before another that a worker has room for."""

import pytest
from penstock_action_service.pool.shapes import Shapes, rounded
from penstock_proto.plan.v1.plan_pb2 import Resources

from tests.action_service.pools import Driven, start, succeeded

GIB = 2**30


def impossible(kind: str, number: int) -> dict[str, object]:
    """A need that no worker here has."""
    match kind:
        case "memory":
            return {"memory_bytes": (100 + number) * GIB}
        case "gpu":
            return {"gpu": 1 + number}
        case "cores":
            return {"cpus": 1000 + number}
        case _:
            return {}


def sized(kind: str, number: int, node: int) -> object:
    made = start(node, **impossible(kind, number))  # type: ignore[arg-type]
    if kind == "label":
        made.resources.labels["part"] = str(number)
    return made


@pytest.mark.parametrize("kind", ["memory", "gpu", "cores", "label"])
def test_what_fits_nowhere_does_not_stand_before_what_fits(kind: str) -> None:
    pool = Driven()
    pool.worker(cpus=1, memory_bytes=8 * GIB)
    pool.say(*(sized(kind, number, number) for number in range(500)))  # type: ignore[arg-type]
    assert not pool.granted()
    pool.say(start(1000), start(1001))
    (granted,) = pool.granted()
    assert granted.start.node == 1000
    assert "all workers that have it are busy" in pool.why()[-1]
    pool.reports(succeeded(granted))
    assert pool.nodes() == [1001]
    assert "no worker in pool default has" in pool.why()[0]


def test_what_is_busy_elsewhere_does_not_stand_before_what_fits() -> None:
    pool = Driven()
    pool.worker("large", cpus=64, memory_bytes=100 * GIB)
    pool.worker("small", cpus=1, memory_bytes=GIB)
    pool.say(start(0, cpus=64, memory_bytes=100 * GIB))
    assert pool.nodes("large") == [0]
    pool.say(*(start(1 + number, memory_bytes=(10 + number % 80) * GIB + number) for number in range(200)))
    pool.say(start(1000, memory_bytes=GIB))
    assert pool.nodes() == [1000]


def test_what_fits_nowhere_runs_once_a_worker_joins_that_has_room() -> None:
    pool = Driven()
    pool.worker("small", cpus=1, memory_bytes=GIB)
    pool.say(*(start(number, memory_bytes=(2 + number) * GIB) for number in range(100)))
    assert not pool.granted()
    pool.worker("large", cpus=200, memory_bytes=20_000 * GIB)
    assert sorted(pool.nodes("large")) == list(range(100))


def test_what_only_a_worker_that_is_away_has_waits_for_it() -> None:
    pool = Driven()
    pool.worker("away", cpus=4)
    pool.core.disconnect("away", pool.now)
    pool.say(*(start(number, cpus=2 + number / 100) for number in range(100)))
    pool.worker("here", cpus=1)
    pool.say(start(1000))
    assert pool.nodes() == [1000]
    pool.worker("away", cpus=4)
    assert pool.nodes() == [0]


def test_what_only_a_draining_worker_has_does_not_stand_before_others() -> None:
    pool = Driven()
    pool.worker("old", cpus=4)
    pool.core.drain("old")
    pool.say(*(start(number, cpus=2 + number / 100) for number in range(100)))
    pool.worker("new", cpus=1)
    pool.say(start(1000))
    assert pool.nodes() == [1000]


@pytest.mark.parametrize("what", ["memory_bytes", "cpu_milli"])
def test_thousands_of_different_needs_share_few_shapes(what: str) -> None:
    shapes = Shapes()
    for number in range(8_000):
        shapes.of(Resources(**{what: 2**26 + number * 4096}))  # type: ignore[arg-type]
    assert len(shapes) < Shapes.EXACT_MAX + 100


def test_rounding_adds_a_sixteenth_at_most_and_never_goes_over_an_edge() -> None:
    for amount in (1, 15, 31, 33, 1000, 2**26 + 4096, 3 * GIB + 7):
        assert amount <= rounded(amount, ()) <= amount * 17 / 16
    assert rounded(1001, [1005]) == 1005
    assert rounded(1001, [1001]) == 1001


def test_a_need_that_was_rounded_fits_a_worker_that_has_just_as_much() -> None:
    pool = Driven()
    pool.say(*(start(number, memory_bytes=GIB + number * 4096) for number in range(2_000)))
    most = GIB + 1_999 * 4096
    pool.worker("exact", cpus=2_000, memory_bytes=most)
    ran: list[int] = []
    while granted := pool.granted():
        ran += [each.start.node for each in granted]
        pool.reports(*(succeeded(each, "exact") for each in granted))
    assert sorted(ran) == list(range(2_000))


def test_needs_on_both_sides_of_a_new_worker_are_told_apart() -> None:
    pool = Driven()
    pool.say(*(start(number, memory_bytes=GIB + number * 4096) for number in range(2_000)))
    pool.worker("middle", cpus=10, memory_bytes=GIB + 1_000 * 4096)
    ran: list[int] = []
    while granted := pool.granted():
        ran += [each.start.node for each in granted]
        pool.reports(*(succeeded(each, "middle") for each in granted))
    assert sorted(ran) == list(range(1_001))
    assert all("no worker in pool default has" in text for text in pool.why()[1_001:])

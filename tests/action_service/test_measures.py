"""What is measured of a pool: as long as it is owned, and with a bounded number of teams."""

from penstock_action_service.measures import OTHER_TEAMS, TEAMS_MAX, Measures, bounded
from penstock_observability import metrics
from penstock_observability.scraped import Scraped

from tests.action_service.pools import Driven, start

POOL = "measured"  # no other test's
GIB = 2**30


def shown(metric: Scraped) -> dict[tuple[str, ...], float]:
    """Return what is shown of this test's pool, by the other labels."""
    samples = [sample for family in metric.collect() for sample in family.samples]
    return {
        tuple(sample.labels[label] for label in metric.labels if label != "pool"): sample.value
        for sample in samples
        if sample.labels["pool"] == POOL
    }


def test_a_pool_is_shown_as_it_was_a_moment_ago() -> None:
    pool, measures = Driven(), Measures(POOL)
    pool.worker(cpus=2, gpu=1, memory_bytes=8 * GIB)
    pool.say(start(0, gpu=1, memory_bytes=GIB), start(1, cpus=1), start(2, cpus=1), start(3, cpus=1, team=""))
    pool.take()
    pool.now += 7
    measures.look(pool.core, pool.now)
    assert (shown(metrics.WORKERS), shown(metrics.GRANTED), shown(metrics.QUEUED)) == ({(): 1}, {(): 2}, {(): 2})
    assert (shown(metrics.CPU_CAPACITY), shown(metrics.CPU_USED)) == ({(): 2}, {(): 2})
    assert (shown(metrics.GPU_CAPACITY), shown(metrics.GPU_USED)) == ({(): 1}, {(): 1})
    assert (shown(metrics.MEMORY_CAPACITY), shown(metrics.MEMORY_USED)) == ({(): 8 * GIB}, {(): GIB})
    assert shown(metrics.QUEUED_SECONDS) == {(): 7}
    assert sum(shown(metrics.TEAM_QUEUED).values()) == 2
    assert set(shown(metrics.TEAM_QUEUED)) == {("a",), ("-",)}
    measures.stop()


def test_it_is_looked_at_once_a_second() -> None:
    pool, measures = Driven(), Measures(POOL)
    measures.look(pool.core, pool.now)
    pool.say(start(0))
    measures.look(pool.core, pool.now + 0.5)
    assert shown(metrics.QUEUED) == {(): 0}
    measures.look(pool.core, pool.now + 1.0)
    assert shown(metrics.QUEUED) == {(): 1}
    measures.stop()


def test_a_pool_that_another_owns_is_not_shown() -> None:
    measures = Measures(POOL)
    assert shown(metrics.QUEUED) == {(): 0}
    measures.stop()
    assert shown(metrics.QUEUED) == shown(metrics.TEAM_QUEUED) == {}


def test_teams_beyond_the_limit_are_counted_together() -> None:
    queued = {f"team {number}": number for number in range(TEAMS_MAX + 3)} | {"": 100}
    most = bounded(queued)
    assert len(most) == TEAMS_MAX + 1
    assert (most["-"], most[OTHER_TEAMS]) == (100, 0 + 1 + 2 + 3)
    assert sum(most.values()) == sum(queued.values())

"""What a worker gives back goes to another, or to the same one later, and no attempt is used up."""

from penstock_action_service.pool import book

from tests.action_service.pools import LEASE_S, Driven, held, returned, start, succeeded


def test_what_is_given_back_goes_to_another_worker() -> None:
    pool = Driven()
    pool.worker("a", cpus=1)
    pool.say(start())
    (first,) = pool.granted("a")
    pool.worker("b", cpus=1)
    pool.reports(returned(first, "a"))
    assert not pool.granted() and not pool.published()
    assert pool.told("recorded", "a") == [first.grant]
    assert pool.why() == ["worker a returned it (: the plan could not be fetched); waits for its retry"]
    pool.keep_alive(book.RETURNED_MIN_S, "a", "b")
    (second,) = pool.granted("b")
    assert second.start.attempt == first.start.attempt and second.grant != first.grant
    pool.reports(succeeded(second, "b"))
    pool.take()
    assert [report.grant for report in pool.published()] == [second.grant]


def test_the_only_worker_is_asked_again_and_again_ever_later() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    waits: list[float] = []
    (granted,) = pool.granted()
    for _ in range(10):
        pool.reports(returned(granted))
        begun = pool.now
        while not (again := pool.granted()):
            pool.keep_alive(0.5, "w")
            assert not pool.published()
        (granted,) = again
        waits.append(pool.now - begun)
    assert waits == sorted(waits) and waits[0] < 2 and waits[-1] == book.RETURNED_MAX_S


def test_what_is_given_back_after_a_cancel_has_ended() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.stop()
    pool.reports(returned(granted))
    pool.take()
    assert [report.grant for report in pool.published()] == [granted.grant]


def test_what_is_given_back_for_a_day_is_a_failure() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.reports(returned(granted))
    pool.keep_alive(book.RETURNED_FOR_S, "w")
    (granted,) = pool.granted()
    pool.keep_alive(1.0, "w")
    pool.reports(returned(granted))
    pool.take()
    assert [report.grant for report in pool.published()] == [granted.grant]


def test_a_worker_that_holds_a_later_grant_than_the_log_names_keeps_it() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (first,) = pool.granted()
    pool.reports(returned(first))
    pool.keep_alive(book.RETURNED_MIN_S, "w")
    (second,) = pool.granted()
    again = Driven(epoch=2, caught_up=False)
    again.snapshot(start(running_grant=first.grant, running_worker="x"))
    again.core.note_caught_up(again.now)
    again.worker(held=[held(second)])
    again.take()
    assert not again.told("stop")
    again.keep_alive(LEASE_S + 1, "w")
    again.take()
    assert not again.published() and not again.granted()

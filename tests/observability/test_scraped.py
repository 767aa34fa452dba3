"""Metrics that are looked up when Prometheus asks, and the server that answers it."""

import socket
import urllib.request
from collections.abc import Iterable, Sequence

import pytest
from penstock_observability import metrics
from penstock_observability.scraped import Scraped
from prometheus_client import CollectorRegistry, generate_latest

from tests.waiting import WAIT_S


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def lines(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_it_shows_what_is_there_when_it_is_asked(registry: CollectorRegistry) -> None:
    queue: list[int] = []
    Scraped("queued", "Waiting.", registry=registry).register_one(lambda: len(queue))
    assert lines(registry) == ["queued 0.0"]
    queue.append(1)
    assert lines(registry) == ["queued 1.0"]


def test_nothing_is_shown_where_nobody_watches(registry: CollectorRegistry) -> None:
    stop = Scraped("queued", "Waiting.", registry=registry).register_one(lambda: 1)
    stop()
    stop()
    assert lines(registry) == []


@pytest.mark.parametrize(("combine", "number"), [("sum", 5.0), ("max", 3.0), ("min", 2.0)])
def test_several_that_look_at_the_same_make_one_number(
    registry: CollectorRegistry, combine: str, number: float
) -> None:
    scraped = Scraped("lag", "Behind.", ["topic"], combine=combine, registry=registry)  # pyright: ignore[reportArgumentType]
    scraped.register(lambda: [(("events",), 2)])
    scraped.register(lambda: [(("events",), 3), (("actions",), 7)])
    assert lines(registry) == [f'lag{{topic="events"}} {number}', 'lag{topic="actions"} 7.0']


def test_what_changes_while_it_is_read_is_left_out_this_time(registry: CollectorRegistry) -> None:
    def changing() -> Iterable[tuple[Sequence[str], float]]:
        raise RuntimeError("dictionary changed size during iteration")

    scraped = Scraped("lag", "Behind.", ["topic"], registry=registry)
    scraped.register(changing)
    scraped.register(lambda: [(("events",), 3)])
    assert lines(registry) == ['lag{topic="events"} 3.0']


def test_a_counter_that_is_looked_up_is_a_counter(registry: CollectorRegistry) -> None:
    Scraped("lost_total", "Lost.", kind="counter", registry=registry).register_one(lambda: 4)
    assert "# TYPE lost_total counter" in generate_latest(registry).decode()
    assert lines(registry) == ["lost_total 4.0"]


def test_metrics_are_served_until_stopped() -> None:
    port, stop = metrics.serve(0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as response:
        assert "penstock_open_runs" in response.read().decode()
    with pytest.raises(OSError, match="in use"):
        metrics.serve(port)
    stop()
    again, stop = metrics.serve(port)
    assert again == port
    stop()


def test_who_connects_and_asks_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REQUEST_S_MAX", 0.1)
    port, stop = metrics.serve(0)
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as idle:
        assert idle.recv(1) == b""
    stop()

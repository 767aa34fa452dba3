"""Metrics that are looked up when Prometheus asks, and cost nothing between: the state is there already."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

# Label values, and the number. Called from the scraper's thread: it only reads, and copies what may change meanwhile.
Look = Callable[[], Iterable[tuple[Sequence[str], float]]]
Stop = Callable[[], None]

log = logging.getLogger(__name__)

COMBINE: Final[dict[str, Callable[[float, float], float]]] = {"sum": lambda a, b: a + b, "max": max, "min": min}


class Scraped(Collector):
    """One metric of this process, from whoever watches over a part of it.

    Args:
        kind: A counter's name ends with `_total`.
        combine: What two that look at the same labels make together.
    """

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        *,
        kind: Literal["gauge", "counter"] = "gauge",
        combine: Literal["sum", "max", "min"] = "sum",
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self.name, self.labels = name, tuple(labels)
        self._text, self._kind = text, kind
        self._combine = COMBINE[combine]
        self._looks: list[Look] = []
        registry.register(self)

    def register(self, look: Look) -> Stop:
        """Ask from now on; the answer ends that."""
        self._looks.append(look)

        def stop() -> None:
            if look in self._looks:
                self._looks.remove(look)

        return stop

    def register_one(self, look: Callable[[], float]) -> Stop:
        """Ask for the one number of a metric without labels."""
        return self.register(lambda: [((), look())])

    def describe(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        return [self._family()]

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Return what is known now; nothing where nobody watches."""
        found: dict[tuple[str, ...], float] = {}
        for look in tuple(self._looks):
            try:
                for labels, number in look():
                    key = tuple(labels)
                    found[key] = number if key not in found else self._combine(found[key], number)
            except RuntimeError:  # what it reads changed while it was read; the next scrape sees it
                log.debug("cannot read %s", self.name)
        family = self._family()
        for labels, number in found.items():
            family.add_metric(labels, number)
        return [family]

    def _family(self) -> GaugeMetricFamily | CounterMetricFamily:
        family = GaugeMetricFamily if self._kind == "gauge" else CounterMetricFamily
        return family(self.name, self._text, labels=self.labels)

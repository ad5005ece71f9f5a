"""Metrics that are a state: asked for at each scrape of whoever knows it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

Sample: TypeAlias = "tuple[Live, tuple[str, ...], float]"
"""A metric, the values of its labels, and its value."""


@dataclass(frozen=True, slots=True)
class Live:
    """The name, help text and labels of a metric that is computed at each scrape."""

    name: str
    documentation: str
    labelnames: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


class LiveMetrics(Collector):
    """Asks its sources at each scrape; what several of them say of the same labels is added up."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Answer the scrapes of a registry, if one is given."""
        self._sources: list[Callable[[], Iterable[Sample]]] = []
        if registry is not None:
            registry.register(self)

    def add(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Ask this one too; it is called in the thread of the scrape, and must neither wait nor raise."""
        self._sources.append(source)

    def remove(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Ask it no more: its series end."""
        self._sources.remove(source)

    def collect(self) -> Iterator[Metric]:
        """Compute every metric that has a value now."""
        return families(sample for source in [*self._sources] for sample in source())


def families(samples: Iterable[Sample]) -> Iterator[Metric]:
    """Put samples together into metrics, as they are exposed."""
    values: defaultdict[Live, defaultdict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for live, labels, value in samples:
        values[live][labels] += value
    for live, series in values.items():
        make = CounterMetricFamily if live.kind == "counter" else GaugeMetricFamily
        family = make(live.name, live.documentation, labels=live.labelnames)
        for labels, value in series.items():
            family.add_metric(labels, value)
        yield family

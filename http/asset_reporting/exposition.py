"""What a scrape of this process answers: the registry, and what its health knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from asset_reporting import metrics
from asset_reporting.live_metrics import Sample, families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from asset_reporting.health import Health


class Exposition(Collector):
    """The metrics of one process; its health is that of the probes beside which they are served."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Compute everything that is exposed."""
        yield from metrics.REGISTRY.collect()
        yield from families(_of_health(self._health))


def _of_health(health: Health) -> Iterator[Sample]:
    yield metrics.READY, (), float(health.ready)
    for name, ok in health.conditions().items():
        yield metrics.CONDITION, (name,), float(ok)
    if (age_s := health.heartbeat_age_s) is not None:
        yield metrics.HEARTBEAT_AGE, (), age_s

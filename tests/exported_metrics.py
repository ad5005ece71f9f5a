"""The series that a Prometheus has of us, and what a query asks for that is not among them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase
from promql import parsed

from asset_reporting import metrics

TARGET = {"job", "instance", "namespace", "pod"}
"""Labels that Prometheus itself adds to whatever it scrapes; the latter two in Kubernetes."""

FOREIGN = {"up": set[str](), "kafka_consumergroup_lag": {"consumergroup", "topic", "partition"}}
"""Series that others make: Prometheus, and kafka-exporter."""

_SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}


def exported() -> dict[str, set[str]]:
    """Every series that a process of ours exports, by name, with its own labels."""
    labels = {
        family.name: {*metric._labelnames}
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for family in metric.describe()
    }
    series: dict[str, set[str]] = {}
    for family in metrics.REGISTRY.collect():
        own = labels.get(family.name, {label for sample in family.samples for label in sample.labels} - {"le"})
        for suffix in _SUFFIXES.get(family.type, [""]):
            series[family.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    return series


def strangers(expression: str) -> list[str]:
    """What a query names that does not exist: it would be empty for good, and nobody would notice."""
    return [*_strangers(expression)]


def _strangers(expression: str) -> Iterator[str]:
    known = exported() | FOREIGN
    query = parsed(expression)
    at_hand = set(TARGET)
    for name, labels in query.selectors:
        if name not in known:
            yield f"no metric {name}"
            continue
        at_hand |= known[name]
        yield from (f"{name} has no label {label}" for label in labels if label not in known[name] | TARGET)
    yield from (f"no label {label} here" for label in query.grouping if label not in at_hand)

"""The series that a Prometheus has of us, and what a query asks for that is not among them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase
from promql import parsed

from asset_reporting import metrics
from asset_reporting.live_metrics import Live

TARGET = {"job", "instance", "namespace", "pod"}
"""Labels that Prometheus itself adds to whatever it scrapes; the latter two in Kubernetes."""

FOREIGN = {"up": set[str](), "kafka_consumergroup_lag": {"consumergroup", "topic", "partition"}}
"""Series that others make: Prometheus, and kafka-exporter."""


def described() -> list[Live]:
    """Every metric of ours, whether it is kept or computed at each scrape, as `asset_reporting.metrics` names it."""
    kept = [
        Live(
            family.name + ("_total" if family.type == "counter" else ""),
            family.documentation,
            metric._labelnames,
            family.type,  # type: ignore[arg-type] # a histogram, too
        )
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for family in metric.describe()
    ]
    return [*kept, *(metric for metric in vars(metrics).values() if isinstance(metric, Live))]


def exported() -> dict[str, set[str]]:
    """Every series that a process of ours exports, by name, with its own labels."""
    standard = {
        family.name + suffix: {label for sample in family.samples for label in sample.labels} - {"le"}
        for family in metrics.REGISTRY.collect()
        if not family.name.startswith("asset_bridge_")
        for suffix in (["_total"] if family.type == "counter" else [""])
    }
    ours: dict[str, set[str]] = {}
    for one in described():
        if one.kind in {"gauge", "counter"}:
            ours[one.name] = {*one.labelnames}
        else:
            ours |= {one.name + suffix: {*one.labelnames} for suffix in ("_sum", "_count")}
            ours[f"{one.name}_bucket"] = {*one.labelnames, "le"}
    return standard | ours


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

"""Say in the readiness document what the consumer's loop knows: ready means records flow, or would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.missing_right import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asset_consumer.assignment import Assignment
    from asset_consumer.backoff import Backoff
    from asset_consumer.in_band import BrokerWatch
    from asset_reporting.health import Health


def show_readiness(
    health: Health, assignment: Assignment, outage: Backoff | None, brokers: BrokerWatch, unusable: Mapping[str, str]
) -> None:
    """Set the loop's five conditions; an empty assignment is a healthy one, for a group larger than its partitions."""
    lanes = assignment.lanes.values()
    health.set("assignment", assignment.joined, "the group has not assigned partitions yet")
    health.set("storage", outage is None, outage.reason if outage else "")
    _set_joined(
        health,
        "partitions",
        (f"{x.name}: {x.stopped or (x.hold.reason if x.hold else '')}" for x in lanes if x.stopped or x.hold),
    )
    _set_joined(health, "dead_letters", (f"{topic}: {named(why, 'WRITE', 'it')}" for topic, why in unusable.items()))
    troubles = brokers.troubles.items()
    named_troubles = (
        f"{topic or 'brokers'}: {named(name, 'READ', 'it' if topic else 'group')}" for topic, name in troubles
    )
    _set_joined(health, "broker", named_troubles)
    health.note("assigned", len(lanes))


def _set_joined(health: Health, name: str, reasons: Iterable[str]) -> None:
    text = "; ".join(sorted(reasons))
    health.set(name, not text, text)

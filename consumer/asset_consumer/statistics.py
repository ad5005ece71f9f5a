"""What librdkafka's statistics say of brokers and partitions (its STATISTICS.md); kept until the next ones come."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asset_consumer import happenings

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOTSTRAP = -1
"""The node id of addresses of which it is not known yet which brokers they are."""

_ERRORS = {"transmit": "txerrs", "receive": "rxerrs", "timeout": "req_timeouts"}


@dataclass(frozen=True, slots=True)
class BrokerStatistics:
    """One broker: whether it is connected, seconds of a round trip (None before the first), failures by their kind."""

    up: bool
    rtt_s: float | None
    errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Brokers by their ids, and how many records are prefetched, by topic and partition."""

    brokers: Mapping[str, BrokerStatistics] = field(default_factory=dict[str, BrokerStatistics])
    prefetched: Mapping[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])


class Statistics:
    """Keeps the latest statistics; read from any thread, since a snapshot never changes."""

    def __init__(self) -> None:
        self.latest = Snapshot()

    def on_statistics(self, text: str) -> None:
        """Take the client's statistics; called by it from within `poll`."""
        try:
            self.latest = snapshot(json.loads(text))
        except Exception as error:  # noqa: BLE001 # an exception in a callback destroys fetched records
            happenings.callback_failed("stats_cb", error)


def snapshot(statistics: Mapping[str, Any]) -> Snapshot:
    """Pick out what is exported."""
    brokers = [broker for broker in statistics["brokers"].values() if broker["nodeid"] != _BOOTSTRAP]
    prefetched = {
        (topic, partition["partition"]): partition["fetchq_cnt"]
        for topic, found in statistics["topics"].items()
        for partition in found["partitions"].values()
        if partition["partition"] >= 0  # the others are librdkafka's own
    }
    return Snapshot({str(broker["nodeid"]): _broker(broker) for broker in brokers}, prefetched)


def _broker(broker: Mapping[str, Any]) -> BrokerStatistics:
    rtt = broker["rtt"]
    errors = {kind: broker[name] for kind, name in _ERRORS.items()}
    return BrokerStatistics(broker["state"] == "UP", rtt["avg"] / 1e6 if rtt["cnt"] else None, errors)

"""The spans that the bridge makes, as tests expect them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from traces import Spans

if TYPE_CHECKING:
    from broker import Broker


def headers_of(carried: dict[str, str]) -> list[tuple[str, bytes | None]]:
    return [(name, value.encode()) for name, value in carried.items()]


def processed(broker: Broker, offset: int, outcome: str, *below: Spans, **more: Any) -> Spans:
    return Spans(
        f"process {broker.topic}",
        "CONSUMER",
        {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": broker.topic,
            "messaging.destination.partition.id": "0",
            "messaging.consumer.group.name": broker.group,
            "messaging.kafka.offset": offset,
            "asset_bridge.outcome": outcome,
            **more,
        },
        below,
    )


def recorded_of_batch(event_id: int) -> Spans:
    attributes = {
        "db.system.name": "sqlite",
        "asset_bridge.events": 1,
        "asset_bridge.asset_keys": ["a"],
        "asset_bridge.batch.events": pytest.approx(1.5, abs=0.5),  # one or both, as the client hands them over
        "asset_bridge.event_ids": [event_id],
    }
    return Spans("record", "INTERNAL", attributes)


def sent_to(topic: str) -> Spans:
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
    }
    return Spans(f"send {topic}", "PRODUCER", attributes)


VALIDATED = Spans("validate", "INTERNAL")


def refused(code: str) -> Spans:
    return Spans("validate", "INTERNAL", {"error.type": code})


def answered(route: str, path: str, status: int, *below: Spans, **more: Any) -> Spans:
    attributes = {
        "http.request.method": "POST",
        "http.route": route,
        "url.path": path,
        "url.scheme": "http",
        "http.response.status_code": status,
    }
    return Spans(f"POST {route}", "SERVER", attributes | more, below)


def recorded(keys: list[str], event_ids: list[int], **more: Any) -> Spans:
    attributes = {
        "db.system.name": "sqlite",
        "asset_bridge.events": len(keys),
        "asset_bridge.asset_keys": keys,
        "asset_bridge.event_ids": event_ids,
    }
    return Spans("record", "INTERNAL", attributes | more)

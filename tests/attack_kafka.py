"""Hostile records, and what the consumer makes of each: events, or a reason with which it is dead-lettered."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from attack_bytes import Bytes
from attack_http import RULES
from attack_watch import Watch

from asset_consumer.classify import classify
from asset_consumer.dead_letter import dead_letter
from asset_consumer.lane import Item
from asset_consumer.options import ConsumerOptions
from asset_consumer.record import Record
from asset_events import EVENT_TYPES, EventType
from asset_reporting.scopes import parse_scopes

RUNS: Final = "runs"
ANY: Final = "any"
BOUND: Final[dict[str, EventType]] = {f"bound-{event_type}": event_type for event_type in EVENT_TYPES}
TOPICS: Final = {ANY: None, "scoped": None, RUNS: None, **BOUND}

OPTIONS: Final = [
    ConsumerOptions(
        topics=TOPICS,
        dead_letter_topics=dict.fromkeys(TOPICS, "letters"),
        run_event_topics=frozenset({RUNS}),
        lineage=RULES,
        scopes={"scoped": parse_scopes(["check:a/b"])},
        schema_registry=schema_registry,
        event_time_from_record=schema_registry,
        unknown_fields="ignore" if schema_registry else "reject",
    )
    for schema_registry in (False, True)
]

_FAILED_AT: Final = datetime(2024, 1, 15, tzinfo=UTC)
_NAMES: Final = [
    "content-type", "content-encoding", "event-type", "Event-Type", "idempotency-key", "ce_specversion", "ce_type",
    "ce_source", "ce_id", "ce_subject", "ce_time", "ce_datacontenttype", "ce_", "__value_schema_id",
    "asset-bridge.dlq.version", "asset-bridge.dlq.id", "asset-bridge.dlq.replays", "asset-bridge.dlq.code",
    "__connect.errors.topic", "traceparent", "", "\N{REPLACEMENT CHARACTER}",
]  # fmt: skip
_VALUES: Final = [
    b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json", b"1.0", b"1", b"0",
    b"asset_check", b"asset_materialization", b"com.acme.asset_observation", b"gzip", b"identity", b"", None, b"\xff",
    b"2024-01-15T10:30:00Z", b"in/0/1", b"in/0/99999999999999999999", b"a/b", b"application/json; charset=utf-16",
]  # fmt: skip


class Records:
    """Draws records; the same seed, the same ones."""

    def __init__(self, drawn: random.Random) -> None:
        self._drawn, self._bytes = drawn, Bytes(drawn)

    def any(self) -> Record:
        drawn = self._drawn
        topic = drawn.choice(list(TOPICS))
        kind = "run" if topic == RUNS else BOUND.get(topic, drawn.choice(("any", "any", "cloud")))
        value = self._bytes.body(kind) if drawn.random() < 0.97 else drawn.choice((None, b""))
        headers: list[tuple[str, bytes | None]] = [("content-type", b"application/cloudevents+json")] * (
            kind == "cloud"
        )
        headers += [(self._name(), self._value()) for _ in range(drawn.choice((0, 0, 0, 0, 1, 2, 6)))]
        return Record(
            topic=topic,
            partition=0,
            offset=drawn.randrange(2**40),
            key=drawn.choice((None, b"", self._bytes.canary().encode(), b"\xff\0")),
            value=value,
            headers=tuple(headers),
            timestamp_ms=drawn.choice((None, 0, -1, 1705314600000, 2**62)),
            timestamp_type=drawn.choice(("CreateTime", "NoTimestampType")),
        )

    def _name(self) -> str:
        return self._drawn.choice(_NAMES) if self._drawn.random() < 0.95 else self._bytes.canary()

    def _value(self) -> bytes | None:
        if self._drawn.random() < 0.6:
            return self._drawn.choice(_VALUES)
        return self._bytes.text().encode("utf-8", "surrogatepass")


@dataclass
class Judge:
    """Lets the consumer decide over records, and looks at what it says."""

    watch: Watch
    codes: Counter[str] = field(default_factory=Counter[str])

    def judge(self, record: Record, options: ConsumerOptions) -> Item | None:
        item: Item | None = None
        with self.watch.over(record):
            item = classify(options, record)
            self._look_at(record, item)
        return item

    def _look_at(self, record: Record, item: Item) -> None:
        self.watch.check(item.failure is None, f"failed: {item.failure}", record)
        if item.reason is None:
            self.codes["framed" if item.unread else "accepted"] += 1
            return
        self.codes[item.reason.code] += 1
        letter = dead_letter(record, item.reason, group="g", app="a/1", failed_at=_FAILED_AT)
        own = letter.headers[len(record.headers) :] if letter.headers[: len(record.headers)] == record.headers else ()
        told = f"{item.reason!r} {own!r}"
        self.watch.check_kept(told, "dead-lettered with a value", record, record.value or b"")


def as_record(route: str, body: bytes) -> Record:
    """What a plain request to this endpoint says, as a record of the topic that is bound to the same."""
    topic = f"bound-{route.removeprefix('/report_')}"
    return Record(topic if topic in BOUND else RUNS, 0, 1, None, body, (("content-type", b"application/json"),))

"""One function per thing that happens while consuming; each writes its log line and moves its metric; nobody else does.

Levels follow one rule: DEBUG per record, INFO for what an operator did or waited for, WARNING for trouble in which no
event is lost, ERROR when a person must act. An error of the client is named by its code: its text may hold addresses.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from asset_consumer.record_span import about
from asset_reporting import metrics
from asset_reporting.happenings import event_recorded, event_rejected
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asset_consumer.lane import Item
    from asset_consumer.record import Record
    from asset_events import EventType
    from asset_reporting.outcomes import Recorded
    from asset_reporting.pauses import Pause

_log = logging.getLogger("asset_bridge.consumer")

_A_PERSON_MUST_ACT = ("internal", "dlq.too_large", "registry: HTTP 401", "registry: HTTP 403", "registry: HTTP 404")
"""Holds that no passing of time will end."""


def consumed(topics: Iterable[str]) -> None:
    """Records were taken from the brokers: the topic of each."""
    for topic, records in Counter(topics).items():
        metrics.CONSUMED.labels(topic).inc(records)


def recorded(item: Item, recorded: Sequence[Recorded]) -> None:
    """A record's events are in Dagster."""
    at = _at(item.record)
    with about(item):
        for event, outcome in zip(item.events, recorded, strict=True):
            event_recorded("kafka", event, outcome.event_id, replayed=outcome.replayed, at=at)


def settled(records: int, seconds: float) -> None:
    """A batch of records was worked off, as far as it could be."""
    metrics.BATCH_RECORDS.observe(records)
    metrics.BATCH_SECONDS.observe(seconds)


def dead_lettered(items: Sequence[Item]) -> None:
    """Records are acknowledged on the dead-letter topic: a line for all of them, and one at DEBUG for each."""
    codes = Counter((item.record.topic, item.reason.code) for item in items if item.reason)
    for (topic, code), records in codes.items():
        metrics.DEAD_LETTERS.labels(topic, code).inc(records)
    if codes:
        told = {f"{topic} {code}": records for (topic, code), records in codes.items()}
        fields = {"happening": "dead_lettered", "records": codes.total(), "codes": told}
        _log.warning("%s records were dead-lettered.", codes.total(), extra=fields)
    for item in items:
        if item.reason is not None:
            at = _at(item.record)
            with about(item):
                event_rejected("kafka", item.record.identity, _event_type(item), item.reason.errors, at=at)


def dead_letter_refused(topic: str, reason: str) -> None:
    """A dead letter was not acknowledged: the record stays open, and `lane_held` says so."""
    metrics.DEAD_LETTER_FAILURES.labels(topic, reason).inc()


def isolated(item: Item, reason: str) -> None:
    """A record is given up to the dead letters for an unforeseen failure of its own, which is a defect of ours."""
    fields = {
        "happening": "event_failed",
        "road": "kafka",
        "where": item.record.identity,
        "event_type": _event_type(item),
        "code": "internal",
        "reason": reason,
        **_at(item.record),
    }
    with about(item):
        _log.error("An event could not be processed: %s.", reason, extra=fields)


def assigned(partitions: list[str], added: int) -> None:
    """The group gave this consumer Kafka partitions."""
    metrics.REBALANCES.labels("assigned").inc()
    _log.info("Kafka partitions were assigned.", extra={"happening": "assigned", "added": added, "owned": partitions})


def revoked(partitions: list[str]) -> None:
    """The group took Kafka partitions away in an orderly rebalance."""
    metrics.REBALANCES.labels("revoked").inc()
    _log.info("Kafka partitions were revoked.", extra={"happening": "revoked", "partitions": partitions})


def lost(partitions: list[str]) -> None:
    """Kafka partitions were lost without notice: another consumer may have them already and repeats what was open."""
    metrics.REBALANCES.labels("lost").inc()
    _log.warning("Kafka partitions were lost.", extra={"happening": "lost", "partitions": partitions})


def left_group(*, in_time: bool) -> None:
    """The consumer has committed and left its group, or it goes without the coordinator's word for it."""
    text = "The consumer left its group." if in_time else "The group's coordinator did not let the consumer go in time."
    _log.log(logging.INFO if in_time else logging.WARNING, text, extra={"happening": "left_group", "in_time": in_time})


def outage_began(reason: str) -> None:
    """The storage stopped working: everything is held, nothing is dead-lettered for it."""
    text = "Dagster's storage does not work; all partitions are held until it does: %s."
    _log.warning(text, reason, extra={"happening": "outage_began", "reason": reason})


def outage_over(reason: str) -> None:
    """The storage works again."""
    text = "Dagster's storage works again; all partitions go on."
    _log.info(text, extra={"happening": "outage_over", "reason": reason})


def lane_held(partition: str, reason: str) -> None:
    """One Kafka partition waits; its records are safe and it is tried again by itself."""
    text = "Kafka partition %s is held and tried again: %s."
    level = logging.ERROR if reason.startswith(_A_PERSON_MUST_ACT) else logging.WARNING
    _log.log(level, text, partition, reason, extra={"happening": "held", **_lane(partition), "reason": reason})


def released(partition: str, reason: str) -> None:
    """One Kafka partition goes on."""
    text = "Kafka partition %s goes on."
    _log.info(text, partition, extra={"happening": "released", **_lane(partition), "reason": reason})


def paused_by_operator(topic: str, pause: Pause) -> None:
    """An operator has paused a topic, or has given another reason for it."""
    fields = {"happening": "paused_by_operator", "topic": topic, **pause.as_dict()}
    _log.info("Topic %s is paused by %s: %s.", topic, pause.by, pause.reason, extra=fields)


def resumed_by_operator(topic: str, pause: Pause) -> None:
    """An operator has ended a pause."""
    fields = {"happening": "resumed_by_operator", "topic": topic, **pause.as_dict()}
    _log.info("Topic %s goes on; it was paused by %s: %s.", topic, pause.by, pause.reason, extra=fields)


def pauses_unreadable(reason: str) -> None:
    """The database answers, and does not let us read what operators have paused."""
    fields = {"happening": "pauses_unreadable", "reason": reason}
    _log.warning("Operators' pauses cannot be read; what was paused before stays so: %s.", reason, extra=fields)


def lane_stopped(partition: str, reason: str, *, offset: int | None, low: int, high: int) -> None:
    """One Kafka partition cannot go on without an operator: its offset is missing, or lies outside the log."""
    fields = {"happening": "stopped", **_lane(partition), "reason": reason}
    offsets = {"offset": offset, "log_begins": low, "log_ends": high}
    text = "Kafka partition %s is stopped (%s): reset the group's offset, or change kafka.start or kafka.out_of_range."
    _log.error(text, partition, reason, extra={**fields, **offsets})


def reset_followed(partition: str, *, ledger: int, to: int) -> None:
    """The committed offset was not set beside the ledger: mostly an operator's reset, and the ledger follows."""
    fields = {"happening": "reset_followed", **_lane(partition), "ledger": ledger, "to": to}
    _log.warning("Kafka partition %s: an operator's offset reset is followed.", partition, extra=fields)


def fenced(partitions: list[str]) -> None:
    """The ledger is not where a batch began: another consumer, or this one's own lost commit, had moved it."""
    metrics.FENCED.inc()
    fields = {"happening": "fenced", "partitions": partitions}
    _log.warning("The offset ledger had moved; its partitions go on from there.", extra=fields)


def offset_moved(partition: str, policy: str, *, offset: int, to: int) -> None:
    """The log no longer holds the group's offset, and the configured policy moved it."""
    fields = {"happening": "offset_moved", **_lane(partition), "policy": policy, "offset": offset, "to": to}
    _log.warning("Kafka partition %s: its offset lay outside the log and was moved.", partition, extra=fields)


def broker_trouble(topic: str, error: KafkaError) -> None:
    """The brokers, or one topic, cannot be used."""
    metrics.CLIENT_ERRORS.labels(error.name()).inc()
    fields = {"happening": "broker_trouble", "topic": topic, "error": error.name()}
    _log.warning("Kafka cannot be used: %s %s.", error.name(), topic or "(all brokers)", extra=fields)


def broker_well(topic: str) -> None:
    """The brokers, or one topic, can be used again."""
    text = "Kafka can be used again: %s."
    _log.info(text, topic or "all brokers", extra={"happening": "broker_well", "topic": topic})


def client_said(error: KafkaError, where: str) -> None:
    """The client reported an error in place of a record."""
    metrics.CLIENT_ERRORS.labels(error.name()).inc()
    fields = {"happening": "client_said", "error": error.name(), "where": where}
    _log.warning("The Kafka client reports %s %s.", error.name(), where, extra=fields)


def client_refused(what: str, error: KafkaException) -> None:
    """A call to the client failed; it is made again."""
    metrics.CLIENT_ERRORS.labels(_name(error)).inc()
    fields = {"happening": "client_refused", "call": what, "error": _name(error)}
    _log.warning("The Kafka client refused to %s: %s.", what, _name(error), extra=fields)


def committed(seconds: float | None) -> None:
    """Kafka has taken offsets, so many seconds after it was asked."""
    metrics.COMMITS.labels("ok").inc()
    if seconds is not None:
        metrics.COMMIT_SECONDS.observe(seconds)


def commit_failed(error: KafkaException | KafkaError) -> None:
    """An offset commit failed; the offset is committed again, or repeated by the partition's next owner."""
    metrics.COMMITS.labels(_name(error)).inc()
    fields = {"happening": "commit_failed", "error": _name(error)}
    _log.warning("An offset commit failed: %s.", _name(error), extra=fields)


def callback_failed(callback: str, error: Exception) -> None:
    """A callback of the client failed, which is a defect of ours."""
    fields = {"happening": "callback_failed", "callback": callback, "error": describe(error)}
    _log.error("The callback %s failed: %s.", callback, describe(error), extra=fields)


def _at(record: Record) -> dict[str, object]:
    return {"topic": record.topic, "kafka_partition": record.partition, "offset": record.offset}


def _lane(name: str) -> dict[str, object]:
    """A lane's name in its parts, to filter by."""
    topic, partition = name.rsplit("/", 1)
    return {"topic": topic, "kafka_partition": int(partition)}


def _name(error: KafkaException | KafkaError) -> str:
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return inner.name() if isinstance(inner, KafkaError) else type(error).__name__


def _event_type(item: Item) -> EventType | None:
    """What a record's events are, where they are of one type."""
    types: set[EventType] = {event.event_type for event in item.events}
    return types.pop() if len(types) == 1 else None

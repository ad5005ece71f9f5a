"""The span of one record, from when it is read to when it is settled; made only while tracing is on.

The loop's thread begins it and may give it back; the worker's thread adds what is done and ends it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind, use_span

from asset_consumer.classify import classify
from asset_reporting import tracing
from asset_reporting.outcomes import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from asset_consumer.lane import Item, Lane
    from asset_consumer.options import ConsumerOptions
    from asset_consumer.record import Record
    from asset_reporting.outcomes import Outcome

_NO_SPAN: Final = nullcontext()


class RecordSpan:
    """What a trace tells of one record: read, validated, recorded or dead-lettered; or given back to Kafka."""

    __slots__ = ("_held", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._held = False

    def validated(self, item: Item, began_ns: int) -> None:
        """The record was read: into events, or a reason to dead-letter it, or a failure of ours."""
        error = item.reason.code if item.reason else tracing.INTERNAL if item.failure else None
        tracing.add_child(self.span, tracing.VALIDATE, (began_ns, time.time_ns()), error=error)

    def held(self, reason: str) -> None:
        """The record has to wait. Noted once: an outage of an hour is a thousand tries."""
        if not self._held:
            self._held = True
            self.span.add_event("held", {"reason": reason})

    def settle(self, item: Item) -> None:
        """End the span of a record that is done."""
        outcome = "dead_lettered" if item.reason else "recorded" if item.events else "nothing_to_record"
        self._end(outcome, item.reason.code if item.reason else None)

    def give_back(self) -> None:
        """End the span of a record that is still open, and will be read again by whoever has its partition next."""
        self._end("given_back", None)

    def _end(self, outcome: str, error: str | None) -> None:
        if self.span.is_recording():
            self.span.set_attribute("asset_bridge.outcome", outcome)
            if error is not None:
                tracing.fail(self.span, error)
            self.span.end()


def read_into(lane: Lane, options: ConsumerOptions, record: Record) -> None:
    """Read a record into its lane, and begin its span while tracing is on; one that is not taken has none."""
    began_ns = tracing.clock()
    item = classify(options, record)
    if lane.add(item) and began_ns and (tracer := tracing.tracer()) is not None:
        _begin(tracer, item, began_ns, options.group_id)


def _begin(tracer: Tracer, item: Item, began_ns: int, group_id: str) -> None:
    record = item.record
    span = tracer.start_span(
        f"process {record.topic}",
        context=tracing.parent_of(record.headers),
        kind=SpanKind.CONSUMER,
        attributes=_about_record(record, group_id),
        start_time=began_ns,
    )
    item.trace = RecordSpan(span)
    if not item.unread:
        item.trace.validated(item, began_ns)


def sent(items: Iterable[Item], topics: Mapping[str, str], began_ns: int) -> None:
    """The dead-letter topics have the letters; their headers stay the senders', so a redrive goes on with the trace."""
    times_ns = (began_ns, time.time_ns())
    for item in items:
        if item.trace is not None:
            topic = topics[item.record.topic]
            attributes = {
                "messaging.system": "kafka",
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.destination.name": topic,
            }
            tracing.add_child(item.trace.span, f"send {topic}", times_ns, attributes, kind=SpanKind.PRODUCER)


def reported(
    items: Sequence[Item],
    results: Sequence[Sequence[Outcome]],
    times_ns: tuple[int, int],
    database: str | None,
) -> None:
    """Add the one transaction that a batch was reported in to each of its records."""
    batch = {"asset_bridge.batch.events": sum(len(item.events) for item in items)}
    for item, outcomes in zip(items, results, strict=True):
        if item.trace is None or not item.trace.span.is_recording():
            continue
        reason = next((outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)), None)
        if reason is not None:
            item.trace.held(reason)
        elif item.events and (item.done or item.reason):
            attributes = tracing.recording(item.events, database) | batch
            if ids := tracing.event_ids(outcomes):
                attributes["asset_bridge.event_ids"] = ids
            tracing.add_child(item.trace.span, tracing.RECORD, times_ns, attributes, error=tracing.error_of(outcomes))


def settled(items: Iterable[Item]) -> None:
    """End the spans of the records that are done."""
    for item in items:
        if item.done and item.trace is not None:
            item.trace.settle(item)


def about(item: Item) -> AbstractContextManager[object]:
    """Make a record's span the current one, so that the log lines about it name its trace."""
    if item.trace is None:
        return _NO_SPAN
    return use_span(item.trace.span, record_exception=False, set_status_on_exception=False)


def _about_record(record: Record, group_id: str) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.consumer.group.name": group_id,
        "messaging.kafka.offset": record.offset,
    }
    return attributes if record.value is not None else attributes | {"messaging.kafka.message.tombstone": True}

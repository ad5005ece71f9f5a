"""Settle a batch: every record ends recorded in Dagster or acknowledged on the dead-letter topic, or stays open.

Runs on the worker thread, because each step may wait on a database or a broker for longer than Kafka lets a
consumer go without polling. It changes only the items it is given; the consumer thread moves the offsets after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from asset_consumer import happenings
from asset_consumer.dead_letter import Reason
from asset_consumer.decode import decode
from asset_consumer.lane import Item, Lane
from asset_events import ERROR_CODES, ErrorDetail, InvalidEventError
from asset_reporting.handlers import report
from asset_reporting.outcomes import Failed, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.recorder import Progress
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from asset_consumer.budget import DeadLetterBudget
    from asset_consumer.dead_letter_producer import DeadLetterProducer
    from asset_consumer.options import ConsumerOptions
    from asset_consumer.record import Record
    from asset_reporting.handlers import ReportingContext

Work: TypeAlias = list[tuple[Lane, list[Item]]]
"""The records taken from each lane, in their order."""

ATTEMPTS = 5
"""Tries of an unforeseen failure before it may be dead-lettered."""


@dataclass(frozen=True, slots=True)
class Road:
    """Everything a record may meet on its way, built once per process."""

    options: ConsumerOptions
    reporting: ReportingContext
    dead_letters: DeadLetterProducer
    budget: DeadLetterBudget


@dataclass(slots=True)
class Settlement:
    """What stands in the way of the records that are still open."""

    outage: str | None = None
    holds: dict[Lane, str] = field(default_factory=dict[Lane, str])


def classify(options: ConsumerOptions, record: Record) -> Item:
    """Read one record: an event to report, or the reason why it will be dead-lettered."""
    try:
        event = decode(
            record,
            event_type=options.topics.get(record.topic),
            unknown_fields=options.unknown_fields,
            max_bytes=options.max_event_bytes,
            provenance=options.provenance,
            event_time_from_record=options.event_time_from_record,
        )
    except InvalidEventError as error:
        return Item(record, reason=_reason(error.errors, attempts=1))
    except Exception as error:  # noqa: BLE001 # a defect of ours must not lose the record or stop its neighbours
        return Item(record, failure=describe(error))
    return Item(record, event=event)


def settle(road: Road, work: Work) -> Settlement:
    """Dead-letter what is rejected, report the rest, and again while the report rejects more.

    Raises:
        DeadLetterFatalError: The producer cannot go on in this process; nothing open has been lost.
    """
    settlement = Settlement()
    more = True
    while more:
        work = _write_dead_letters(road, work, settlement)
        more = _report(road, work, settlement)
    return settlement


def _write_dead_letters(road: Road, work: Work, settlement: Settlement) -> Work:
    """Await the acknowledgement of every letter; a lane goes on only up to its first letter that failed."""
    open_letters = [(lane, item) for lane, items in work for item in items if item.reason and not item.done]
    topics = road.options.dead_letter_topics
    answers = road.dead_letters.send([(topics[lane.topic], i.record, i.reason) for lane, i in open_letters if i.reason])
    for (lane, item), failure in zip(open_letters, answers, strict=True):
        if failure is None:
            item.done = True
        else:
            settlement.holds.setdefault(lane, failure)
    happenings.dead_lettered([item for _, item in open_letters if item.done])
    return [(lane, _before_open_letter(items)) for lane, items in work]


def _before_open_letter(items: list[Item]) -> list[Item]:
    """Nothing behind an open dead letter may be reported: the ledger's offset could not stand still before it."""
    for index, item in enumerate(items):
        if item.reason and not item.done:
            return items[:index]
    return items


def _report(road: Road, work: Work, settlement: Settlement) -> bool:
    """Report what is open in one call; true when some of it was rejected and awaits its dead letter."""
    batch = [(lane, item) for lane, items in work for item in items if not item.done]
    readable = [item.event for _, item in batch if item.event is not None]
    answers = iter(report(road.reporting, readable, _progress(road, work)) if readable else [])
    outcomes = [next(answers) if item.event is not None else Failed(item.failure or "decode") for _, item in batch]
    road.budget.earn(sum(isinstance(outcome, Recorded) for outcome in outcomes))
    for (lane, item), outcome in zip(batch, outcomes, strict=True):
        _apply(road, lane, item, outcome, settlement)
    return any(item.reason and not item.done for _, item in batch)


def _apply(road: Road, lane: Lane, item: Item, outcome: Outcome, settlement: Settlement) -> None:
    match outcome:
        case Recorded(event_id):
            item.done = True
            happenings.recorded(item, event_id)
        case Rejected(errors):
            item.reason = _reason(errors, attempts=item.attempts + 1)
        case Unavailable(reason):
            settlement.outage = reason
        case Failed(reason):
            item.attempts += 1
            if _isolate(road, item):
                happenings.isolated(item, reason)
            else:
                settlement.holds.setdefault(lane, f"internal: {reason}")


def _isolate(road: Road, item: Item) -> bool:
    """Give an unforeseen failure up to the dead letters, only when it is this record's own: others went through."""
    if item.attempts < ATTEMPTS or road.reporting.recorder.probe() is not None or not road.budget.spend():
        return False
    error = ErrorDetail("", "internal", "The event could not be processed for a reason nobody foresaw.")
    item.reason = _reason((error,), attempts=item.attempts)
    return True


def _reason(errors: tuple[ErrorDetail, ...], attempts: int) -> Reason:
    return Reason(stage=ERROR_CODES[errors[0].code].stage or "record", errors=errors, attempts=attempts)


def _progress(road: Road, work: Work) -> list[Progress]:
    return [
        Progress(road.options.group_id, lane.topic, lane.partition, lane.position or 0, items[-1].record.offset + 1)
        for lane, items in work
        if items
    ]

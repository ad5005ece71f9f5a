"""Settle a batch: every record ends recorded in Dagster or acknowledged on the dead-letter topic, or stays open.

Runs on the worker thread, because each step may wait on a database or a broker for longer than Kafka lets a
consumer go without polling. It changes only the items it is given; the consumer thread moves the offsets after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from asset_consumer import happenings, record_span
from asset_consumer.classify import classify, reason_of
from asset_consumer.framed import RegistryUnavailableError
from asset_consumer.lane import Item, Lane
from asset_consumer.missing_right import named
from asset_consumer.redriven import once
from asset_events import ErrorDetail
from asset_reporting import tracing
from asset_reporting.handlers import report
from asset_reporting.outcomes import Again, Failed, Fenced, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.recorder import GroupId, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from asset_consumer.budget import DeadLetterBudget
    from asset_consumer.dead_letter_producer import DeadLetterProducer
    from asset_consumer.framed import FrameReader
    from asset_consumer.options import ConsumerOptions
    from asset_reporting.handlers import ReportingContext
    from asset_reporting.pauses import Pauses

Work: TypeAlias = list[tuple[Lane, list[Item]]]
"""The records taken from each lane, in their order."""

ATTEMPTS = 5
"""Tries of an unforeseen failure before it may be dead-lettered."""

_GRAVEST = (Rejected, Failed, Unavailable, Fenced, Again)


@dataclass(frozen=True, slots=True)
class Road:
    """Everything a record may meet on its way, built once per process."""

    options: ConsumerOptions
    reporting: ReportingContext
    dead_letters: DeadLetterProducer
    budget: DeadLetterBudget
    frames: FrameReader | None = None
    pauses: Callable[[str], Pauses] = lambda _: {}
    """What operators have paused for a group; asked on the worker thread, raises what the storage raises."""

    def __post_init__(self) -> None:
        """Refuse a road on which framed records would wait for nobody."""
        if self.options.schema_registry and self.frames is None:
            raise ValueError("framed records are told apart, and there is nothing to read them by")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a lane must wait, and the record at which it does."""

    reason: str
    item: Item


@dataclass(slots=True)
class Settlement:
    """What stands in the way of the records that are still open."""

    outage: str | None = None
    fenced: bool = False
    moved: dict[Lane, int] = field(default_factory=dict[Lane, int])
    """Where the ledger stands now. A lane moves with it and not with its letters: one that ran ahead of the ledger
    would be fenced, begin again, and write its letters again."""
    obstacles: dict[Lane, Obstacle] = field(default_factory=dict[Lane, Obstacle])

    def advance(self) -> None:
        """Move the lanes to where the ledger stands."""
        for lane, position in self.moved.items():
            lane.advance(position)

    def stop_at(self, lane: Lane, item: Item, reason: str) -> None:
        """Note what a lane waits for; the earliest record decides."""
        if item.trace is not None:
            item.trace.held(reason)
        known = self.obstacles.get(lane)
        if known is None or item.record.offset < known.item.record.offset:
            self.obstacles[lane] = Obstacle(reason, item)

    def free(self, work: Work) -> Work:
        """The part of each lane's records that may be settled.

        Nothing behind an open record may be recorded: the ledger's one offset cannot stand still before it.
        """
        return [(lane, self._before_obstacle(lane, items)) for lane, items in work]

    def _before_obstacle(self, lane: Lane, items: list[Item]) -> list[Item]:
        known = self.obstacles.get(lane)
        return items if known is None else [item for item in items if item.record.offset < known.item.record.offset]


def settle(road: Road, group: GroupId, work: Work) -> Settlement:
    """Dead-letter what is rejected, report the rest, and again while the report rejects more.

    Raises:
        DeadLetterFatalError: The producer cannot go on in this process; nothing open has been lost.
    """
    settlement, whole = Settlement(), work
    _read_framed(road, work, settlement)
    work = settlement.free(work)
    more = True
    while more:
        _write_dead_letters(road, work, settlement)
        work = settlement.free(work)
        more = _report(road, group, work, settlement)
        work = settlement.free(work)
    if tracing.tracer() is not None:
        record_span.settled(item for _, items in whole for item in items)
    return settlement


def _read_framed(road: Road, work: Work, settlement: Settlement) -> None:
    """Read what waits for the schema registry: each lane up to the first record for which it gives no answer."""
    for lane, items in work:
        unread = (item for item in items if item.unread)
        for item in unread:
            began_ns = tracing.clock()
            try:
                item.become(classify(road.options, item.record, road.frames))
            except RegistryUnavailableError as error:
                settlement.stop_at(lane, item, str(error))
                break
            if item.trace is not None:
                item.trace.validated(item, began_ns)


def _write_dead_letters(road: Road, work: Work, settlement: Settlement) -> None:
    """Write what is rejected, and await every acknowledgement."""
    letters = [(lane, item, item.reason) for lane, items in work for item in items if item.reason and not item.done]
    topics = road.options.dead_letter_topics
    began_ns = tracing.clock()
    answers = road.dead_letters.send([(topics[lane.topic], item.record, reason) for lane, item, reason in letters])
    for (lane, item, _), failure in zip(letters, answers, strict=True):
        item.done = failure is None
        if failure is not None:
            happenings.dead_letter_refused(lane.topic, failure)
            settlement.stop_at(lane, item, named(failure, "WRITE", topics[lane.topic]))
    written = [item for _, item, _ in letters if item.done]
    if began_ns:
        record_span.sent(written, topics, began_ns)
    happenings.dead_lettered(written)


def _report(road: Road, group: GroupId, work: Work, settlement: Settlement) -> bool:
    """Report what is open, with the offsets, in one call; true when there is more to do without waiting."""
    progress = _progress(group, work)
    batch = [(lane, item) for lane, items in work for item in items if not item.done]
    if batch:
        began_ns = tracing.clock()
        results = _outcomes(road, batch, progress)
        ended_ns = tracing.clock()
        for (lane, item), outcomes in zip(batch, results, strict=True):
            _apply(road, lane, item, outcomes, settlement)
        if began_ns:
            record_span.reported([item for _, item in batch], results, (began_ns, ended_ns), road.reporting.database)
    else:
        _note(road.reporting.recorder.move(progress) if progress else None, settlement)
    if settlement.outage is not None or settlement.fenced:
        return False
    if all(item.done for _, item in batch):
        settlement.moved |= {lane: _next_offset(items) for lane, items in work if items}
    free = [(lane, items) for lane, items in settlement.free(work) if items]
    return any(_next_offset(items) > settlement.moved.get(lane, -1) for lane, items in free)


def _outcomes(road: Road, batch: list[tuple[Lane, Item]], progress: list[Progress]) -> list[list[Outcome]]:
    """What became of each record's events."""
    if any(item.failure for _, item in batch):  # these come to an end first, as the offsets must not pass them
        return [[Failed(item.failure)] if item.failure else [Again()] for _, item in batch]
    events = [event for lane, item in batch for event in once(lane.log or lane.topic, item)]
    outcomes = iter(report(road.reporting, events, progress))
    return [list(islice(outcomes, len(item.events))) for _, item in batch]


def _apply(road: Road, lane: Lane, item: Item, outcomes: list[Outcome], settlement: Settlement) -> None:
    """Settle one record: done when all its events are recorded, else the gravest of what happened to them counts."""
    road.budget.earn(sum(isinstance(outcome, Recorded) for outcome in outcomes))
    match next((outcome for kind in _GRAVEST for outcome in outcomes if isinstance(outcome, kind)), None):
        case Rejected(errors):
            item.reason = reason_of(errors, attempts=item.attempts + 1)
        case Failed(reason):
            item.attempts += 1
            if _isolate(road, item):
                happenings.isolated(item, reason)
            else:
                settlement.stop_at(lane, item, f"internal: {reason}")
        case Unavailable() | Fenced() | Again() as outcome:
            _note(outcome, settlement)
        case _:
            item.done = True
            happenings.recorded(item, [outcome for outcome in outcomes if isinstance(outcome, Recorded)])


def _note(outcome: Outcome | None, settlement: Settlement) -> None:
    """Remember what concerns the whole batch."""
    if isinstance(outcome, Unavailable):
        settlement.outage = outcome.reason
    elif isinstance(outcome, Fenced):
        settlement.fenced = True


def _isolate(road: Road, item: Item) -> bool:
    """Give an unforeseen failure up to the dead letters, only when it is this record's own: others went through."""
    if item.attempts < ATTEMPTS or road.reporting.recorder.probe() is not None or not road.budget.spend():
        return False
    error = ErrorDetail("", "internal", "The event could not be processed for a reason nobody foresaw.")
    item.reason = reason_of((error,), attempts=item.attempts)
    return True


def _progress(group: GroupId, work: Work) -> list[Progress]:
    return [
        Progress(group, lane.log or lane.topic, lane.partition, lane.position or 0, _next_offset(items))
        for lane, items in work
        if items
    ]


def _next_offset(items: list[Item]) -> int:
    return items[-1].record.offset + 1

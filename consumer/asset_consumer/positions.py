"""Where a newly assigned partition begins: the ledger, the group's committed offset, or the configured start.

An offset that is committed beside the ledger carries a mark. Committed offset marked, or none: the ledger wins, where
there is one. Not marked: an operator has reset the group, or a recorder without a ledger has gone on meanwhile, and
the ledger follows. An offset outside the log, or of a log that was there before under the same name, is never skipped
in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from asset_consumer import happenings
from asset_consumer.backoff import held
from asset_consumer.commits import LEDGER_MARK
from asset_consumer.lane import Lane
from asset_consumer.options import ConsumerOptions, StartPolicy
from asset_consumer.topic_ids import TopicIds, another, is_identified, topic_of
from asset_reporting.recorder import GroupId, Positions
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from confluent_kafka import Consumer

ASK_S = 5.0
"""How long one question to the broker may take; the loop does not turn meanwhile."""


@dataclass(frozen=True, slots=True)
class LedgerAccess:
    """The ledger, as the loop reaches it: both calls run on the worker thread while the loop keeps polling."""

    group: GroupId
    read: Callable[[], Positions]
    place: Callable[[Positions, Positions], bool]
    mark: str
    """The metadata of offsets that are committed beside it."""


def position(
    consumer: Consumer, lanes: Iterable[Lane], options: ConsumerOptions, ledger: LedgerAccess, topic_ids: TopicIds
) -> None:
    """Seek every lane that has no position yet; one that cannot be positioned now waits and is tried again."""
    new = [lane for lane in lanes if _wants_position(lane)]
    if not new:
        return
    try:
        recorded = ledger.read()
        told = topic_ids.logs(lane.topic for lane in new)
        logs = {lane: _log(lane, told[lane.topic], recorded) for lane in new}
        asked = consumer.committed([TopicPartition(lane.topic, lane.partition) for lane in new], timeout=ASK_S)
        answers = dict(zip(new, asked, strict=True))
        begins = {
            lane: _begin(consumer, lane, _known(lane, logs[lane], answer, recorded), options)
            for lane, answer in answers.items()
        }
        moved = {(logs[lane], lane.partition): offset for lane, offset in begins.items() if offset is not None}
        follow = {key: offset for key, offset in moved.items() if recorded.get(key) != offset}
        if follow and not ledger.place(follow, recorded):  # with nothing to write, nobody need wait for other writers
            happenings.fenced([lane.name for lane in new])
            return  # and ask again
        unmarked = {lane: offset for lane, offset in begins.items() if answers[lane].metadata != ledger.mark}
        _mark(consumer, unmarked, ledger)
        for lane, offset in begins.items():
            if offset is not None:
                _seek(consumer, lane, offset)
                lane.log = logs[lane]
                lane.begin(offset)
    except KafkaException as error:
        happenings.client_refused("position", error)
        _hold(new, "the broker did not tell its offsets")
    except Exception as error:  # noqa: BLE001 # whatever the storage raises, it is asked again
        _hold(new, f"storage: {describe(error)}")


def _mark(consumer: Consumer, begins: Mapping[Lane, int | None], ledger: LedgerAccess) -> None:
    """Make a committed offset ours before anything is recorded from there.

    Left unmarked until the first batch is committed to Kafka, a crash in between would make it an operator's word once
    more: the ledger would follow it back, and the batch be recorded twice.
    """
    offsets = [
        TopicPartition(lane.topic, lane.partition, offset, metadata=ledger.mark)
        for lane, offset in begins.items()
        if offset is not None and lane.committed is not None
    ]
    if offsets:
        for answer in consumer.commit(offsets=offsets, asynchronous=False):
            if answer.error:
                raise KafkaException(answer.error)


def _seek(consumer: Consumer, lane: Lane, offset: int) -> None:
    """Let the client go on at `offset`, also where it has given the partition up.

    It does so when an offset lies outside the log, and refuses to seek from then on, with _STATE (librdkafka 2.16):
    only a partition that is assigned anew is fetched again.
    """
    place = TopicPartition(lane.topic, lane.partition, offset)
    try:
        consumer.seek(place)
    except KafkaException as error:
        if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 # the client's public codes are named so
            raise
        consumer.incremental_unassign([place])
        consumer.incremental_assign([place])
        consumer.pause([place])
        lane.paused = True


def leave_old_logs(lanes: Iterable[Lane], logs: Mapping[str, str]) -> None:
    """A topic that was deleted and made anew may never have seemed gone: what was fetched then is of either log."""
    for lane in lanes:
        if lane.positioned and another(lane.log or lane.topic, logs.get(lane.topic, lane.topic)):
            lane.give_back()
            lane.pending.clear()
            lane.fetched = lane.position or 0  # where to read again, should the brokers then not tell identities
            lane.positioned = False


def _begin(consumer: Consumer, lane: Lane, known: tuple[int | None, bool], options: ConsumerOptions) -> int | None:
    """Where the lane begins, None when it is stopped."""
    low, high = consumer.get_watermark_offsets(TopicPartition(lane.topic, lane.partition), timeout=ASK_S)
    begin, of_this_log = known
    if begin is not None and of_this_log and low <= begin <= high:
        return begin
    policy, why = (options.start, "offset.missing") if begin is None else (options.out_of_range, "offset.out_of_range")
    chosen = _choose(policy, low, high)
    if chosen is None:
        lane.stopped = why
        happenings.lane_stopped(lane.name, why, offset=begin, low=low, high=high)
    elif begin is not None:
        happenings.offset_moved(lane.name, policy, offset=begin, to=chosen)
    return chosen


def _known(lane: Lane, log: str, committed: TopicPartition, recorded: Positions) -> tuple[int | None, bool]:
    """The offset that is known, before the log itself is looked at, and whether it is one of this log."""
    if committed.error:
        raise KafkaException(committed.error)
    lane.committed = committed.offset if committed.offset >= 0 else None
    if lane.position is not None:  # it was under way: an exception, a retention or a new log took the ground away
        return lane.fetched, not another(lane.log or lane.topic, log)
    stands, of_this_log = in_ledger(log, lane.partition, recorded)
    if stands is not None and (committed.offset < 0 or committed.metadata == LEDGER_MARK):
        return stands, of_this_log
    if stands not in (None, committed.offset):
        happenings.reset_followed(lane.name, ledger=stands or 0, to=committed.offset)
    return lane.committed, True


def in_ledger(log: str, partition: int, recorded: Positions) -> tuple[int | None, bool]:
    """The ledger's offset in this log, else its offset in another log that had the topic's name."""
    topic = topic_of(log)
    here, unnamed = recorded.get((log, partition)), recorded.get((topic, partition))
    if here is not None:
        return here, True
    others = _identified(topic, partition, recorded)
    return (others[-1], False) if others else (unnamed, True)  # written when the brokers told no identities yet


def _log(lane: Lane, told: str, recorded: Positions) -> str:
    """The log that the lane reads, by the name that the ledger shall know it by.

    Brokers that told an identity once will tell it again: until then a lane keeps its log, or waits to learn it.
    """
    if is_identified(told):
        return told
    if lane.log is None and _identified(lane.topic, lane.partition, recorded):
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_ID))
    return lane.log or told


def _identified(topic: str, partition: int, recorded: Positions) -> list[int]:
    """The ledger's offsets in logs of this topic whose identity was told."""
    return [
        offset
        for (name, number), offset in recorded.items()
        if number == partition and is_identified(name) and topic_of(name) == topic
    ]


def _wants_position(lane: Lane) -> bool:
    """A lane that still holds records settles those first: the log may not have them any more."""
    due = lane.hold is None or lane.hold.due
    return due and not lane.positioned and not lane.stopped and not lane.pending


def _choose(policy: StartPolicy, low: int, high: int) -> int | None:
    return {"earliest": low, "latest": high, "error": None}[policy]


def _hold(lanes: Iterable[Lane], reason: str) -> None:
    for lane in lanes:
        if not lane.positioned and lane.hold is None:
            lane.hold = held(reason)
        elif not lane.positioned and lane.hold is not None:
            lane.hold.again(reason)

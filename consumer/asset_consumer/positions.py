"""Where a newly assigned partition begins: the group's committed offset, else the configured start, never a skip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition

from asset_consumer import happenings
from asset_consumer.backoff import held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Consumer

    from asset_consumer.lane import Lane
    from asset_consumer.options import ConsumerOptions, StartPolicy

ASK_S = 5.0
"""How long one question to the broker may take; the loop does not turn meanwhile."""


def position(consumer: Consumer, lanes: Iterable[Lane], options: ConsumerOptions) -> None:
    """Seek every lane that has no position yet; one that cannot be positioned now waits and is tried again."""
    new = [lane for lane in lanes if _wants_position(lane)]
    if not new:
        return
    try:
        asked = consumer.committed([TopicPartition(lane.topic, lane.partition) for lane in new], timeout=ASK_S)
        for lane, answer in zip(new, asked, strict=True):
            _place(consumer, lane, answer, options)
    except KafkaException as error:
        happenings.client_refused("position", error)
        for lane in new:
            if not lane.positioned:
                _hold(lane, "the broker did not tell its offsets")


def _place(consumer: Consumer, lane: Lane, committed: TopicPartition, options: ConsumerOptions) -> None:
    if committed.error:
        raise KafkaException(committed.error)
    partition = TopicPartition(lane.topic, lane.partition)
    low, high = consumer.get_watermark_offsets(partition, timeout=ASK_S)
    if lane.position is not None:
        begin: int | None = lane.fetched  # it was under way already: a retention or a new log took the ground away
    else:
        begin = committed.offset if committed.offset >= 0 else None
    policy, why = (options.start, "offset.missing") if begin is None else (options.out_of_range, "offset.out_of_range")
    if begin is None or not low <= begin <= high:
        chosen = _choose(policy, low, high)
        if chosen is None:
            lane.stopped = why
            happenings.lane_stopped(lane.name, why, offset=begin, low=low, high=high)
            return
        if begin is not None:
            happenings.offset_moved(lane.name, policy, offset=begin, to=chosen)
        begin = chosen
    partition.offset = begin
    consumer.seek(partition)
    lane.begin(begin)
    lane.hold = None
    lane.committed = committed.offset if committed.offset >= 0 else None


def _wants_position(lane: Lane) -> bool:
    """A lane that still holds records settles those first: the log may not have them any more."""
    due = lane.hold is None or lane.hold.due
    return due and not lane.positioned and not lane.stopped and not lane.pending


def _choose(policy: StartPolicy, low: int, high: int) -> int | None:
    return {"earliest": low, "latest": high, "error": None}[policy]


def _hold(lane: Lane, reason: str) -> None:
    if lane.hold is None:
        lane.hold = held(reason)
    else:
        lane.hold.again(reason)

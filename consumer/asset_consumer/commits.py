"""Tell Kafka how far each partition has come: explicit offsets of the contiguous prefix, with our mark.

A synchronous commit waits up to `session.timeout.ms` when the brokers are gone, so the loop commits asynchronously,
one commit under way at a time, and synchronously only where a partition is about to go.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from asset_consumer import happenings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import Consumer

    from asset_consumer.lane import Lane
    from asset_reporting.recorder import Recorder

OUR_MARK = "asset-bridge/"
LEDGER_MARK = f"{OUR_MARK}1"
"""Commit metadata of an offset that the ledger has too. Any other offset is Kafka's word, which the ledger follows:
an operator's reset, or what a recorder without a ledger has come to meanwhile."""

FORGET_S = 60.0
"""When an asynchronous commit's answer is given up: longer than any session timeout that makes sense."""

RETRY_S = 1.0
RETRY_EVERY_S = 0.05
"""How long a commit before a revocation is tried again, and how often, where the coordinator is only between states."""

_SOON_OVER = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,  # by the group protocol `consumer`: the next heartbeat brings the new one
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
}


class Commits:
    """Commits of the lanes' positions; `on_commit` belongs in the consumer's configuration."""

    def __init__(self, find: Callable[[str | None, int | None], Lane | None], metadata: str) -> None:
        self._find = find
        self._metadata = metadata
        self._under_way_since: float | None = None

    def commit(self, consumer: Consumer, lanes: Iterable[Lane]) -> None:
        """Begin one asynchronous commit of every lane that has moved, unless one is still under way."""
        if self._under_way_since is not None and time.monotonic() - self._under_way_since < FORGET_S:
            return
        offsets = _moved(lanes, self._metadata)
        if not offsets:
            return
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
            self._under_way_since = time.monotonic()
        except KafkaException as error:
            happenings.commit_failed(error)

    def commit_and_wait(self, consumer: Consumer, lanes: Iterable[Lane]) -> None:
        """Commit what has moved before the lanes go. Best effort: what it fails to say is repeated, not lost."""
        offsets = _moved(lanes, self._metadata)
        give_up_at = time.monotonic() + RETRY_S
        while offsets:
            try:
                consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() in _SOON_OVER and time.monotonic() < give_up_at:
                    time.sleep(RETRY_EVERY_S)
                    continue
                happenings.commit_failed(error)
            return

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Note the answer to an asynchronous commit; called by the client from within `poll`."""
        try:
            began, self._under_way_since = self._under_way_since, None
            failures = [failure for partition in partitions if (failure := partition.error or error) is not None]
            if failures:
                happenings.commit_failed(failures[0])
            else:
                happenings.committed(None if began is None else time.monotonic() - began)
            for partition in partitions:
                lane = self._find(partition.topic, partition.partition)
                if lane is not None and partition.error is None and error is None:
                    lane.committed = partition.offset
        except Exception as failure:  # noqa: BLE001 # an exception in a callback destroys fetched records
            happenings.callback_failed("on_commit", failure)


def commit_metadata(recorder: Recorder) -> str:
    """What to mark the offsets with that are committed beside this recorder."""
    return LEDGER_MARK if recorder.guarantee == "exactly-once" else f"{LEDGER_MARK} {recorder.name}"


def _moved(lanes: Iterable[Lane], metadata: str) -> list[TopicPartition]:
    return [
        TopicPartition(lane.topic, lane.partition, lane.position, metadata=metadata)
        for lane in lanes
        if lane.position is not None and lane.position != lane.committed
    ]

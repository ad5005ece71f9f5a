"""Which Kafka partitions this consumer owns, and which of them it has paused.

Rebalance callbacks run inside `poll` and must neither raise nor wait for long: an exception there destroys records
already fetched, and a wait there delays the whole group. They note what changed, and the loop does the rest; a
revocation alone waits, for a bounded time, for the batch under way and its commit, since afterwards it is too late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

from asset_consumer import happenings
from asset_consumer.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Consumer


class Assignment:
    """The owned lanes, by (topic, partition); used from the consumer thread only."""

    def __init__(self, consumer: Consumer, before_revoke: Callable[[list[Lane]], None]) -> None:
        """Take the client and what to do with lanes that are about to go, while they may still be committed."""
        self._consumer = consumer
        self._before_revoke = before_revoke
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.joined = False

    def subscribe(self, topics: list[str]) -> None:
        """Join the group."""
        self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def find(self, topic: str | None, partition: int | None) -> Lane | None:
        """The lane of a partition, or None when it is not owned (any more)."""
        return self.lanes.get((topic or "", -1 if partition is None else partition))

    def pause_where(self, wanted: Callable[[Lane], bool]) -> None:
        """Pause the lanes that `wanted` says and resume the others.

        librdkafka keeps no list of paused partitions that can be asked for, and pausing outlives a revocation, so the
        one list is ours and every change goes through here.
        """
        stop = [lane for lane in self.lanes.values() if wanted(lane) and not lane.paused]
        go = [lane for lane in self.lanes.values() if not wanted(lane) and lane.paused]
        if stop:
            self._try(self._consumer.pause, stop, paused=True)
        if go:
            self._try(self._consumer.resume, go, paused=False)

    def _try(self, call: Callable[[list[TopicPartition]], None], lanes: list[Lane], *, paused: bool) -> None:
        try:
            call([TopicPartition(lane.topic, lane.partition) for lane in lanes])
        except KafkaException as error:
            happenings.client_refused("pause" if paused else "resume", error)  # tried again on the next turn
            return
        for lane in lanes:
            lane.paused = paused

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            # Paused from the first moment: the loop reads committed offsets and seeks before any record may come out.
            # The logical offset keeps librdkafka from looking the committed one up itself and failing without it.
            for partition in partitions:
                partition.offset = OFFSET_BEGINNING
            consumer.incremental_assign(partitions)
            consumer.pause(partitions)
            for partition in partitions:
                self.lanes[partition.topic, partition.partition] = Lane(partition.topic, partition.partition)
            self.joined = True
            happenings.assigned([lane.name for lane in self.lanes.values()], added=len(partitions))
        except Exception as error:  # noqa: BLE001 # see the module's first lines
            happenings.callback_failed("on_assign", error)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            going = self._drop(partitions)
            self._before_revoke(going)
            for lane in going:
                lane.give_back()
            happenings.revoked([lane.name for lane in going])
            consumer.incremental_unassign(partitions)
        except Exception as error:  # noqa: BLE001 # see the module's first lines
            happenings.callback_failed("on_revoke", error)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            # No commit: the partitions may belong to another member already, and ours would move its offsets.
            gone = self._drop(partitions)
            for lane in gone:
                lane.give_back()
            happenings.lost([lane.name for lane in gone])
            consumer.incremental_unassign(partitions)
        except Exception as error:  # noqa: BLE001 # see the module's first lines
            happenings.callback_failed("on_lost", error)

    def _drop(self, partitions: list[TopicPartition]) -> list[Lane]:
        """Forget lanes; the client may name partitions that were never assigned (confluent-kafka-python #1551)."""
        dropped = [self.lanes.pop((partition.topic, partition.partition), None) for partition in partitions]
        return [lane for lane in dropped if lane is not None]

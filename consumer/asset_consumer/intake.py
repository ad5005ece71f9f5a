"""Take what the Kafka client has fetched: each record into its lane, each error in place of one to whom it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from asset_consumer import happenings
from asset_consumer.in_band import BrokerWatch, handle_error, is_fatal
from asset_consumer.lane import waiting
from asset_consumer.record import Record
from asset_consumer.record_span import read_into

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from asset_consumer.assignment import Assignment
    from asset_consumer.options import ConsumerOptions


class Intake:
    """Polls the client; used from the consumer thread only."""

    def __init__(
        self, consumer: Consumer, assignment: Assignment, brokers: BrokerWatch, options: ConsumerOptions
    ) -> None:
        self._consumer, self._assignment, self._brokers, self._options = consumer, assignment, brokers, options

    def poll(self, timeout_s: float, most: int) -> None:
        """Take what has arrived, so that not more than `most` wait: a full batch would wait out the whole timeout.

        Raises:
            KafkaException: The client can do nothing more.
        """
        try:
            first = self._consumer.poll(timeout_s)
            if first is not None:
                room = most - 1 - waiting(self._assignment.lanes.values())
                rest = self._consumer.consume(max(1, room), 0)
                happenings.consumed(topic for message in (first, *rest) if (topic := self._take(message)))
        except KafkaException as error:
            if is_fatal(error.args[0]):
                raise
            happenings.client_refused("poll", error)
            for lane in self._assignment.lanes.values():  # fetched records may be destroyed: read on from those taken
                lane.positioned = False
        self._brokers.raise_fatal()

    def _take(self, message: Message) -> str | None:
        """Take a record, or the error in place of one; return the topic of a record that is ours to work on."""
        lane = self._assignment.find(message.topic(), message.partition())
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF and lane is not None:  # noqa: SLF001 # the client's public codes are named so
                lane.come_to_end(message.offset() or 0)
            handle_error(error, message.topic(), lane, self._brokers)
        elif lane is not None:
            self._brokers.heard(lane.topic)
            read_into(lane, self._options, Record.from_message(message))
            return lane.topic
        return None

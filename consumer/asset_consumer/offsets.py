"""Look at a group's offsets, in the ledger and in Kafka, and reset them as an operator does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from asset_consumer.commits import LEDGER_MARK, OUR_MARK
from asset_consumer.consume import kafka_config
from asset_consumer.kafka_clients import Consumer
from asset_consumer.missing_right import named
from asset_consumer.positions import in_ledger
from asset_consumer.topic_ids import TopicIds
from asset_reporting.recorder import GroupId, Positions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from asset_consumer.settings import Settings

Target: TypeAlias = Literal["earliest", "latest"] | int
"""Where to reset to: an end of the log, or an offset."""


class OffsetsError(Exception):
    """Raised when the brokers refuse or do not answer, or a target is not there; says so to an operator."""


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """Where a group stands in one Kafka partition; None is "nowhere yet"."""

    topic: str
    partition: int
    ledger: int | None
    committed: int | None
    mark: str
    """The committed offset's metadata."""
    log_begins: int
    log_ends: int
    log: str = ""
    """The name of the log, as the ledger knows it."""

    @property
    def set_by(self) -> str:
        """Whose word the committed offset is; the consumers begin where the ledger stands if it is the bridge's."""
        if self.committed is None:
            return "-"
        if not self.mark.startswith(OUR_MARK):
            return "operator"
        return "asset-bridge" if self.mark == LEDGER_MARK else "asset-bridge without ledger"

    @property
    def stands(self) -> int | None:
        """The next offset of the group, by the ledger or by who moved it last; None is "nowhere yet"."""
        ours = self.committed is None or self.mark == LEDGER_MARK
        return self.ledger if self.ledger is not None and ours else self.committed

    @property
    def lag(self) -> int:
        """Records between where the group stands and the log's end."""
        return self.log_ends - (self.stands if self.stands is not None else self.log_begins)


def show_offsets(settings: Settings, ledger: Callable[[GroupId], Positions]) -> list[PartitionOffsets]:
    """Ask the ledger and Kafka about every partition of the input topics; raises what the ledger raises.

    Raises:
        OffsetsError: Kafka does not answer, or a topic is not there.
    """
    with _client(settings) as consumer:
        stands = ledger(_group(consumer, settings))
        logs = TopicIds(kafka_config(settings)).logs(topic.name for topic in settings.kafka.topics)
        return list(_offsets(consumer, settings, stands, logs))


def reset_offsets(
    settings: Settings, ledger: Callable[[GroupId], Positions], topic: str, partition: int | None, to: Target
) -> None:
    """Commit an offset without our mark, which the consumers take for an operator's word and the ledger follows.

    Raises:
        OffsetsError: There is no such partition, or the offset lies outside its log; Kafka does not answer, or refuses
            it: while the group has members, only they may commit.
    """
    chosen = [
        TopicPartition(found.topic, found.partition, _target(found, to))
        for found in show_offsets(settings, ledger)
        if found.topic == topic and partition in (None, found.partition)
    ]
    if not chosen:
        raise OffsetsError(f"there is no such partition: {topic}{'' if partition is None else f'/{partition}'}")
    with _client(settings) as consumer:
        consumer.commit(offsets=chosen, asynchronous=False)


def _target(found: PartitionOffsets, to: Target) -> int:
    if isinstance(to, int):
        if not found.log_begins <= to <= found.log_ends:
            log = f"{found.log_begins}..{found.log_ends}"
            raise OffsetsError(f"{to} lies outside the log of {found.topic}/{found.partition}, which is {log}")
        return to
    return found.log_begins if to == "earliest" else found.log_ends


@contextmanager
def _client(settings: Settings) -> Generator[Consumer]:
    """A consumer that joins nothing."""
    consumer = Consumer(kafka_config(settings))
    try:
        yield consumer
    except KafkaException as error:
        raise OffsetsError(_reason(_said_meanwhile(consumer) or error.args[0], settings)) from error
    finally:
        consumer.close()


def _said_meanwhile(consumer: Consumer) -> KafkaError | None:
    """A refusal of the group, where the question itself has waited for a coordinator until its time was over."""
    message = consumer.poll(0)
    error = message.error() if message is not None else None
    return error if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED else None


def _reason(error: KafkaError, settings: Settings) -> str:
    if error.code() == KafkaError.UNKNOWN_MEMBER_ID:
        text = f"the group {settings.kafka.group_id} has members, and Kafka refuses a reset until they are gone"
        return f"{text}: stop its consumers first ({error.name()})"
    return f"Kafka cannot be asked: {named(error.name(), 'READ', f'the group {settings.kafka.group_id}')}"


def _group(consumer: Consumer, settings: Settings) -> GroupId:
    timeout = settings.kafka.admin_timeout_s
    cluster_id = consumer.list_topics(settings.kafka.topics[0].name, timeout=timeout).cluster_id
    return GroupId(cluster_id or "", settings.kafka.group_id)


def _offsets(
    consumer: Consumer, settings: Settings, ledger: Positions, logs: Mapping[str, str]
) -> Iterator[PartitionOffsets]:
    timeout = settings.kafka.admin_timeout_s
    for topic in settings.kafka.topics:
        found = consumer.list_topics(topic.name, timeout=timeout).topics[topic.name]
        if found.error is not None:
            raise OffsetsError(
                f"the topic {topic.name} cannot be looked at: {named(found.error.name(), 'READ', topic.name)}"
            )
        asked = [TopicPartition(topic.name, partition) for partition in sorted(found.partitions)]
        for answer in consumer.committed(asked, timeout=timeout):
            low, high = consumer.get_watermark_offsets(TopicPartition(answer.topic, answer.partition), timeout=timeout)
            log = logs[answer.topic]
            stands, of_this_log = in_ledger(log, answer.partition, ledger)
            yield PartitionOffsets(
                topic=answer.topic,
                partition=answer.partition,
                ledger=stands if of_this_log else None,
                committed=answer.offset if answer.offset >= 0 else None,
                mark=answer.metadata or "",
                log_begins=low,
                log_ends=high,
                log=log,
            )

"""A real Kafka broker that many tests share: each has names of its own on it, and takes its topics away with it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from broker import Broker
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType  # type: ignore[attr-defined] # documented, not declared
from confluent_kafka.cimpl import NewPartitions, NewTopic
from kafka_server import SETTINGS
from missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from kafka_server import ThrowAwayKafka

    from asset_consumer.librdkafka import GroupProtocol

WITHIN_S = 20.0
ASK_AGAIN_S = 5.0
_NOT_YET = (KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT)
SHORTEST_SESSION_MS = SETTINGS["group.min.session.timeout.ms"]


class RealBroker(Broker):
    """The shared broker under one test's names; `server` where it is ours to stop."""

    session_timeout_ms = 6000  # a broker's own least, unless it is told otherwise
    replicas = 1

    def __init__(
        self, bootstrap: str, server: ThrowAwayKafka | None = None, group_protocol: GroupProtocol = "classic"
    ) -> None:
        self.bootstrap, self._server, self.group_protocol = bootstrap, server, group_protocol
        self.prefix = f"asset-bridge-test-{uuid4().hex[:8]}."
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 100, "log_level": 0})

    def quick_group(self) -> dict[str, str]:
        """The shortest session that our own broker allows; another one's may be longer."""
        if self.group_protocol == "consumer":
            self._configure(ResourceType.GROUP, self.group, consumer_session_timeout_ms=SHORTEST_SESSION_MS)
            return {}
        return {"session.timeout.ms": SHORTEST_SESSION_MS, "heartbeat.interval.ms": "100"}

    def forget_member(self, member: str) -> None:
        """A broker finds out by the session timeout."""

    def delay_writes(self, topic: str, partitions: int) -> None:
        """A broker that is well refuses nothing."""

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic, and wait until the broker says where all of its partitions are."""
        topic = NewTopic(name, partitions, self.replicas, config=dict(config or {}))
        self._until(lambda: self._create(topic))
        self._until(lambda: self._leaders(name) == partitions)

    def _create(self, topic: NewTopic) -> bool:
        """Create a topic; False where the broker cannot yet.

        One that wakes from a freeze is fenced by its own controller until its next heartbeat. It refuses to place a
        topic then, or names no controller to a client that asks just then, which waits for one until its request ends.
        """
        try:
            self._admin.create_topics([topic], request_timeout=ASK_AGAIN_S)[topic.topic].result(WITHIN_S)
        except KafkaException as error:
            code = error.args[0].code()
            if code not in _NOT_YET:
                raise
            return False
        return True

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until the broker says that it is not there."""
        self._admin.delete_topics([name])[name].result(WITHIN_S)
        self._until(lambda: self._leaders(name) == 0)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        where = TopicPartition(topic, partition, before_offset)
        self._admin.delete_records([where])[where].result(WITHIN_S)

    def configure_topic(self, name: str, **config: str) -> None:
        """Change a topic's configuration; `_` for `.`."""
        self._configure(ResourceType.TOPIC, name, **config)

    def _configure(self, kind: ResourceType, name: str, **config: str) -> None:
        entries = [
            ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = ConfigResource(kind, name, incremental_configs=entries)
        self._admin.incremental_alter_configs([resource])[resource].result(WITHIN_S)

    def add_partitions(self, name: str, total: int) -> None:
        self._admin.create_partitions([NewPartitions(name, total)])[name].result(WITHIN_S)
        self._until(lambda: self._leaders(name) == total)

    def broker_down(self) -> None:
        """Kill the broker; skips the test where it is somebody else's."""
        self._ours().stop()

    def broker_up(self) -> None:
        self._ours().start()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """A broker that does not answer, and whose connections stay open."""
        server = self._ours()
        server.freeze()
        try:
            yield
        finally:
            server.thaw()

    def close(self) -> None:
        """Take the test's topics and groups away; a broker that the test has stopped is started again."""
        if self._server is not None:
            self._server.ensure_running()
        topics = [name for name in self._admin.list_topics(timeout=WITHIN_S).topics if name.startswith(self.prefix)]
        for future in self._admin.delete_topics(topics).values() if topics else ():
            future.result(WITHIN_S)

    def _leaders(self, topic: str) -> int:
        """How many partitions of a topic can be used now."""
        found = self._admin.list_topics(topic, timeout=WITHIN_S).topics[topic]
        return sum(partition.leader >= 0 for partition in found.partitions.values()) if found.error is None else 0

    def _ours(self) -> ThrowAwayKafka:
        if self._server is None:
            missing("kafka", "a broker that was named, or is in a container, must not be stopped")
        return self._server

    def _until(self, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not check():
            assert time.monotonic() < deadline, "the broker does not show what it was told"
            time.sleep(0.01)

"""A Kafka as tests see it, whether inside this process (`mock_cluster.py`) or a real one (`real_broker.py`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asset_consumer.librdkafka import GroupProtocol


class Broker(ABC):
    """What both can do, and the names that are a test's own: a real broker is shared by many tests."""

    bootstrap: str
    prefix: str = ""
    session_timeout_ms: int
    """The shortest that a member of a group may have here."""
    group_protocol: GroupProtocol = "classic"
    """By which the members of the test's group share its partitions."""

    def name(self, name: str) -> str:
        """The name to use for a topic or a group that the test calls so."""
        return f"{self.prefix}{name}"

    @property
    def topic(self) -> str:
        return self.name("events")

    @property
    def dead_letters(self) -> str:
        return f"{self.topic}.dlq"

    @property
    def group(self) -> str:
        return self.name("bridge")

    @property
    def session(self) -> dict[str, str]:
        """What a member says about its session; with the protocol `consumer` that is the brokers' affair."""
        if self.group_protocol == "consumer":
            return {}
        return {"session.timeout.ms": str(self.session_timeout_ms), "heartbeat.interval.ms": "100"}

    @abstractmethod
    def quick_group(self) -> dict[str, str]:
        """Let the test's group forget members soon that are gone; returns what its members say for it, as `session`."""

    @abstractmethod
    def forget_member(self, member: str) -> None:
        """Let the test's group know that a member is gone, where it would not find out soon by itself."""

    @abstractmethod
    def delay_writes(self, topic: str, partitions: int) -> None:
        """Refuse the next records of each partition for a while; clients try again."""

    @abstractmethod
    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic; one replica per partition."""

    @abstractmethod
    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records."""

    @abstractmethod
    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Move the log's start to `before_offset`, as retention does."""

    @abstractmethod
    def broker_down(self) -> None:
        """Cut all connections and take no new ones."""

    @abstractmethod
    def broker_up(self) -> None:
        """Take connections again; what was there before is there again."""

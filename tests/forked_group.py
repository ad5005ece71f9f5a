"""A consumer group of forked processes that drain one topic, and the accounts of what they did."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from accounts import Accounts
from broker import Broker
from consuming import eventually
from dagster import DagsterInstance
from forked import Forked
from processes import kafka_environment

PARTITIONS = 6
"""Three for each of two consumers, so that each has to give one up when a third joins."""


class ForkedGroup:
    """Starts consumers and feeds them; ends them all when the `with` block ends.

    Every `bad_every`th record is no event. A batch of `batch` records should hold several of those.
    """

    def __init__(self, home: Path, broker: Broker, *, batch: int = 30, bad_every: int = 7) -> None:
        self._home, self._batch = home, batch
        self._open = ExitStack()
        self.broker, self._session = broker, broker.quick_group()
        self.broker.create_topic(self.broker.topic, PARTITIONS)
        self.broker.create_topic(self.broker.dead_letters, PARTITIONS, {"max.message.bytes": "1200000"})
        instance = self._open.enter_context(DagsterInstance.from_config(str(home)))
        self.accounts = Accounts(self.broker, instance, PARTITIONS, bad_every)
        self.running: list[Forked] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.__exit__()
        self._open.close()

    def start(self, *, idle_ms: int | None = None, settings: Mapping[str, str] | None = None) -> Forked:
        """Start one more consumer, with settings of its own beside those of all."""
        environment = {
            **(settings or {}),
            **kafka_environment(self.broker),
            "ASSET_BRIDGE_KAFKA__BATCH_MAX_RECORDS": str(self._batch),
            "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__FETCH_WAIT_MAX_MS": "20",
            **{
                f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.replace('.', '_').upper()}": value
                for name, value in self._session.items()
            },
            "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
        }
        self.running.append(Forked("consume", home=self._home, environment=environment, idle_ms=idle_ms))
        return self.running[-1]

    def ready(self) -> None:
        """Wait until all are ready."""
        for process in self.running:
            process.ready()

    def balanced(self) -> None:
        """Wait until each has its share of the partitions."""
        share = PARTITIONS // len(self.running)
        eventually(lambda: all(len(process.owned) == share for process in self.running))

    def feed(self, count: int) -> None:
        """Produce records to all partitions in turn."""
        self.accounts.feed(count)

    def settled(self, timeout_s: float = 30) -> None:
        """Wait until Kafka has been told that everything is done."""
        eventually(self.accounts.is_settled, timeout_s)

    def expel(self, process: Forked) -> None:
        """Let a consumer that is dead or stands still lose its place, which else its session timeout would do."""
        self.broker.forget_member(process.member)

    def end(self, process: Forked) -> None:
        """Kill a consumer, or bury one that is dead."""
        process.__exit__()
        self.running.remove(process)
        self.expel(process)

    def leave(self, *processes: Forked) -> None:
        """Let consumers stop as an operator stops them, and see that they do."""
        for process in processes:
            process.signal()
        assert {process.wait() for process in processes} == {0}
        for process in processes:
            self.end(process)

"""Everything that runs in a soak: a broker, a database, a group of consumers, the HTTP service, and the load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from signal import SIGTERM

from broker import Broker
from forked import Forked
from kafka_jars import cached
from kafka_server import ThrowAwayKafka, find_java
from missing import missing
from mock_cluster import MockCluster
from ports import free_port
from processes import resident_mb
from real_broker import RealBroker
from soak_database import Postgres, Sqlite
from soak_topics import SoakTopics

from asset_consumer.librdkafka import GroupProtocol

Struck = Callable[[], bool]
"""What a fault yields that may come to nothing: whether it has struck, to be asked once all has recovered."""

CONSUMERS = 2

IDLE_MS = 3000
"""Instead of ten seconds (`writers_lock.IDLE_MS`), after which PostgreSQL rolls a silent writer back."""


@dataclass
class World:
    """The processes under test; `at_large` are the consumers that no fault has in its hands."""

    broker: Broker
    database: Sqlite | Postgres
    topics: SoakTopics
    port: int = field(default_factory=free_port)
    at_large: list[Forked] = field(default_factory=list[Forked])
    consumers: list[Forked] = field(default_factory=list[Forked])
    http: Forked | None = None

    def start_consumer(self) -> Forked:
        environment = {
            "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "ASSET_BRIDGE_KAFKA__GROUP_ID": self.broker.group,
            "ASSET_BRIDGE_KAFKA__GROUP_PROTOCOL": self.broker.group_protocol,
            "ASSET_BRIDGE_KAFKA__TOPICS": ",".join(self.topics.names),
            "ASSET_BRIDGE_KAFKA__BATCH_MAX_RECORDS": "100",
            "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__FETCH_WAIT_MAX_MS": "20",
            "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
            **self._session(),
        }
        consumer = Forked("consume", home=self.database.home, environment=environment, idle_ms=IDLE_MS)
        self.consumers.append(consumer)
        self.at_large.append(consumer)
        return consumer

    def _session(self) -> dict[str, str]:
        session = self.broker.session
        if isinstance(self.broker, MockCluster):
            session["session.timeout.ms"] = "2200"
        return {
            f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.replace('.', '_').upper()}": value
            for name, value in session.items()
        }

    def start_http(self) -> None:
        environment = {"ASSET_BRIDGE_HTTP__PORT": str(self.port)}
        self.http = Forked("serve", home=self.database.home, environment=environment, idle_ms=IDLE_MS)

    def take(self, which: int) -> Forked:
        """A consumer for a fault to have in its hands."""
        return self.at_large.pop(which % len(self.at_large))

    def gone(self, consumer: Forked) -> None:
        """A consumer that was asked to stop does so, in time and with all its work done."""
        assert consumer.wait() == 0, f"ended badly:\n{consumer.err}"
        self.bury(consumer)

    def bury(self, consumer: Forked) -> None:
        """End a consumer by force, if it has not ended."""
        self.consumers.remove(consumer)
        member = consumer.member
        consumer.__exit__()
        self.expel(member)

    def expel(self, member: str) -> None:
        """The mock coordinator must be told of members that are gone; a real one finds out."""
        if isinstance(self.broker, MockCluster) and member:
            with suppress(OSError):  # it is down, and knows no members when it is back
                self.broker.leave_group(self.broker.group, member)

    def ended(self) -> list[str]:
        """Processes that have ended and should not have."""
        running = [*self.at_large, *([self.http] if self.http else [])]
        return [f"{process.wait()}: {process.err[-2000:]}" for process in running if not process.runs]

    def on_lesser_recorder(self) -> list[str]:
        """The processes that have done without the ledger, which then kept no promise of it."""
        logs = (self.database.home / "processes").glob("*/err")
        return [log.parent.name for log in logs if '"lesser_recorder"' in log.read_text()]

    def letters_held(self) -> int:
        """How often a consumer has said that it holds a partition for a dead letter that was not taken."""
        logs = (self.database.home / "processes").glob("*/err")
        return sum('"held"' in line and '"dlq.' in line for log in logs for line in log.read_text().splitlines())

    def leave(self) -> None:
        """Let all consumers stop as an operator stops them."""
        for consumer in self.consumers:
            consumer.signal(SIGTERM)
        for consumer in list(self.consumers):
            self.gone(consumer)

    def memory_mb(self) -> list[float]:
        return [resident_mb(consumer.pid) for consumer in self.consumers]

    def close(self) -> None:
        for process in [*self.consumers, *([self.http] if self.http else [])]:
            process.__exit__()


@contextmanager
def open_broker(kind: str, protocol: GroupProtocol) -> Iterator[Broker]:
    if kind == "mock":
        with MockCluster() as cluster:
            cluster.group_initial_rebalance_delay_ms(500)
            yield cluster
        return
    jars = cached()
    if jars is None or find_java() is None:
        missing("kafka", "there is no Kafka of ours to stop and start: `make kafka` fetches one")
    with closing(ThrowAwayKafka(jars)) as server, closing(RealBroker(server.bootstrap, server, protocol)) as broker:
        yield broker


@contextmanager
def open_world(kind: str, protocol: GroupProtocol, database: Sqlite | Postgres) -> Iterator[World]:
    """A world in which all is well and everybody is ready."""
    with ExitStack() as stack:
        broker = stack.enter_context(open_broker(kind, protocol))
        topics = stack.enter_context(SoakTopics(broker))
        world = stack.enter_context(closing(World(broker, database, topics)))
        world.start_http()
        for _ in range(CONSUMERS):
            world.start_consumer()
        for process in [world.http, *world.consumers]:
            assert process is not None
            process.ready()
        yield world

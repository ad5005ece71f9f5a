"""Consumers leave a paused topic alone, wherever they are when it is paused, and go on as if nothing had been."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from broker import Broker
from consuming import FaultyRecorder, Feed, RunningConsumer, committed_offsets, eventually, holds_for
from dagster import DagsterInstance
from databases import Database
from forked import Forked
from mock_cluster import MockCluster, Sent, produce
from numbered import event, numbers
from processes import kafka_environment, two_topics

from asset_consumer import pause_watch
from asset_reporting.pause_store import PauseStore
from asset_reporting.pauses import Pauses
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.transactional_recorder import TransactionalRecorder

LONG_S = 0.7
"""Longer than a poll, a look at the pauses and a batch together, as they are scaled here."""


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch, quick_backoff: None) -> None:
    """Time is scaled: the pauses are read ten times a second instead of every three seconds."""
    monkeypatch.setattr(pause_watch, "LOOK_EVERY_S", 0.1)


@pytest.fixture
def instance(sqlite: Database) -> DagsterInstance:
    return sqlite.open()


@pytest.fixture
def recorder(instance: DagsterInstance) -> FaultyRecorder:
    return FaultyRecorder(TransactionalRecorder(instance))


@pytest.fixture
def store(instance: DagsterInstance) -> PauseStore:
    return PauseStore(instance)


@pytest.fixture
def topic(broker: Broker) -> str:
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters, 1)
    return broker.topic


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "asset_bridge"):
        yield caplog


def paused(consumer: RunningConsumer) -> dict[str, dict[str, str]]:
    shown: dict[str, dict[str, str]] = consumer.health.report().get("paused", {})
    return shown


def goes_on(recorder: FaultyRecorder) -> None:
    handed = recorder.handed
    eventually(lambda: recorder.handed > handed + 50)


def stands_still(recorder: FaultyRecorder) -> bool:
    handed = recorder.handed
    return holds_for(LONG_S, lambda: recorder.handed == handed)


def test_a_topic_that_is_paused_at_the_start_is_left_alone_until_it_is_resumed(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore,
    log: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    produce(broker.bootstrap, topic, *(Sent(event(n), partition=0) for n in range(5)))
    store.pause(broker.group, [topic, "not an input"], reason="schema migration", by="anna")

    with RunningConsumer(broker, recorder, pauses=store.read) as consumer:
        eventually(lambda: paused(consumer) and committed_offsets(broker) == [0])
        assert {topic: ("schema migration", "anna")} == {
            name: (shown["reason"], shown["by"]) for name, shown in paused(consumer).items()
        }
        assert consumer.health.ready, consumer.health.report()
        assert holds_for(LONG_S, lambda: recorder.calls == 0 and consumer.owned == 2)
        assert committed_offsets(broker) == [0]
        assert all(lane.paused and not lane.pending for lane in consumer._loop._assignment.lanes.values())

        store.resume(broker.group, [topic])
        eventually(lambda: committed_offsets(broker) == [5])
        assert paused(consumer) == {}

    assert numbers(instance) == list(range(5))
    happenings = [record for record in log.records if "by_operator" in record.__dict__.get("happening", "")]
    assert [(record.__dict__["happening"], record.__dict__["by"]) for record in happenings] == [
        ("paused_by_operator", "anna"),
        ("resumed_by_operator", "anna"),
    ]


@pytest.mark.heavy
def test_a_pause_ends_the_work_behind_the_batch_under_way_and_no_other_topics(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore
) -> None:
    other = broker.name("other")
    broker.create_topic(other, 1)
    broker.create_topic(f"{other}.dlq", 1)
    produce(broker.bootstrap, topic, *(Sent(event(n), partition=0) for n in range(30)))
    recorder.gate.clear()

    topics = {topic: None, other: None}
    with RunningConsumer(broker, recorder, pauses=store.read, topics=topics, batch_max_records=5) as consumer:
        assert recorder.entered.wait(20)
        store.pause(broker.group, [topic], reason="r", by="anna")
        recorder.gate.set()
        eventually(lambda: committed_offsets(broker) == [5])
        produce(broker.bootstrap, other, event(100))
        eventually(lambda: 100 in numbers(instance))
        assert holds_for(LONG_S, lambda: committed_offsets(broker) == [5])
        assert paused(consumer).keys() == {topic}

        store.resume(broker.group, [topic])
        eventually(lambda: committed_offsets(broker) == [30])

    assert numbers(instance) == [*range(5), 100, *range(5, 30)]


@pytest.mark.heavy
def test_pausing_again_and_again_under_load_loses_and_repeats_nothing(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore
) -> None:
    with RunningConsumer(broker, recorder, pauses=store.read, batch_max_records=20) as consumer:
        feed = Feed(broker, 2, recorder)
        for _ in range(3):
            goes_on(recorder)
            store.pause(broker.group, [topic], reason="r", by="anna")
            eventually(lambda: topic in paused(consumer))  # said at the end of a turn, behind its batch
            assert stands_still(recorder)
            store.resume(broker.group, [topic])
        produced = feed.stop()
        eventually(lambda: len(numbers(instance)) >= produced, 60)

    assert sorted(numbers(instance)) == list(range(produced))
    for partition in range(2):
        of_partition = [number for number in numbers(instance) if number % 2 == partition]
        assert of_partition == sorted(of_partition)


@pytest.mark.heavy
@pytest.mark.fault("operator's pause during an outage of the storage", "P1", "P2", "P3", "P6", "P7")
def test_a_pause_during_an_outage_holds_when_the_outage_is_over(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore
) -> None:
    recorder.broken = "the database is down"
    produce(broker.bootstrap, topic, *(Sent(event(n), partition=0) for n in range(5)))
    with RunningConsumer(broker, recorder, pauses=store.read) as consumer:
        eventually(lambda: consumer.reason("storage") == "the database is down")
        calls = recorder.calls
        store.pause(broker.group, [topic], reason="r", by="anna")
        recorder.broken = None

        eventually(lambda: consumer.health.ready and paused(consumer))
        assert holds_for(LONG_S, lambda: recorder.calls == calls and not numbers(instance))
        store.resume(broker.group, [topic])
        eventually(lambda: committed_offsets(broker) == [5])

    assert numbers(instance) == list(range(5))


@pytest.mark.heavy
@pytest.mark.fault("outage of the storage while a topic is paused", "P1", "P2", "P3", "P7")
def test_what_was_paused_stays_so_while_the_pauses_cannot_be_read(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore
) -> None:
    down = False

    def read(group: str) -> Pauses:
        if down:
            raise OSError("the database is down")
        return store.read(group)

    store.pause(broker.group, [topic], reason="r", by="anna")
    with RunningConsumer(broker, recorder, pauses=read) as consumer:
        eventually(lambda: consumer.health.ready and paused(consumer))
        down = True
        produce(broker.bootstrap, topic, event(0))
        eventually(lambda: consumer.reason("storage").startswith("OSError"))
        assert holds_for(LONG_S, lambda: topic in paused(consumer))
        down = False
        eventually(lambda: consumer.health.ready)
        assert holds_for(LONG_S, lambda: topic in paused(consumer) and recorder.calls == 0)
        store.resume(broker.group, [topic])
        eventually(lambda: numbers(instance) == [0])


@pytest.mark.heavy
def test_no_record_leaks_through_a_partition_that_moves(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(pause_watch, "LOOK_EVERY_S", 3600.0)
    session = broker.quick_group()
    with RunningConsumer(broker, recorder, pauses=store.read, librdkafka=session) as first:
        eventually(lambda: first.owned == 2 and committed_offsets(broker, 2) == [0, 0])
        store.pause(broker.group, [topic], reason="r", by="anna")
        with RunningConsumer(broker, recorder, pauses=store.read, librdkafka=session) as second:
            eventually(lambda: second.owned == 1 and paused(second))
            assert paused(first) == {}, "nothing has come that it would ask for"
        eventually(lambda: first.owned == 2 and paused(first))
        produce(broker.bootstrap, topic, *(Sent(event(n), partition=n % 2) for n in range(10)))
        assert holds_for(LONG_S, lambda: recorder.calls == 0)
    assert numbers(instance) == []
    with RunningConsumer(broker, recorder, pauses=store.read, librdkafka=session):
        assert holds_for(LONG_S, lambda: recorder.calls == 0)
    store.resume(broker.group, [topic])
    with RunningConsumer(broker, recorder, pauses=store.read, librdkafka=session):
        eventually(lambda: sorted(numbers(instance)) == list(range(10)))


@pytest.mark.heavy
@pytest.mark.fault("the table of pauses is denied, or another", "P1", "P7")
def test_a_table_that_cannot_be_read_keeps_nobody_from_consuming(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder, store: PauseStore,
    log: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined] # an SQL storage
        connection.exec_driver_sql("CREATE TABLE asset_bridge_pauses (something INTEGER)")
    produce(broker.bootstrap, topic, event(0))
    with RunningConsumer(broker, recorder, pauses=store.read) as consumer:
        eventually(lambda: numbers(instance) == [0])
        assert holds_for(LONG_S, lambda: consumer.health.ready)
    warnings = [record for record in log.records if record.__dict__.get("happening") == "pauses_unreadable"]
    assert len(warnings) == 1


@pytest.mark.heavy
def test_a_storage_without_tables_consumes(broker: Broker, topic: str) -> None:
    with DagsterInstance.ephemeral() as lesser:
        produce(broker.bootstrap, topic, event(0))
        with RunningConsumer(
            broker, FaultyRecorder(PublicRecorder(lesser)), pauses=PauseStore(lesser).read
        ) as consumer:
            eventually(lambda: numbers(lesser) == [0])
            assert paused(consumer) == {}


@pytest.mark.heavy
def test_one_pause_is_seen_by_every_process_and_outlives_them(cluster: MockCluster, database: Database) -> None:
    home = database.new_home()
    session = cluster.quick_group()
    librdkafka = {
        f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.replace('.', '_').upper()}": value for name, value in session.items()
    }
    two_topics(cluster)
    environments = [kafka_environment(cluster, **librdkafka) for _ in range(2)]

    def shown() -> list[list[str]]:
        ports = [environment["ASSET_BRIDGE_MANAGEMENT__PORT"] for environment in environments]
        documents = [requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).json() for port in ports]
        return [[document["status"], *document["paused"]] for document in documents]

    with running(home, environments):
        command(home, environments[0], "pause", cluster.topic, "--reason", "schema migration", "--by", "anna")
        eventually(lambda: shown() == [["ready", cluster.topic]] * 2)
        produce(cluster.bootstrap, cluster.topic, *(Sent(event(n), partition=n % 2) for n in range(10)))
        assert holds_for(LONG_S, lambda: committed_offsets(cluster, 2) == [0, 0])
    with running(home, environments):
        eventually(lambda: shown() == [["ready", cluster.topic]] * 2)
        command(home, environments[1], "resume", "--all")
        eventually(lambda: committed_offsets(cluster, 2) == [5, 5])
        eventually(lambda: shown() == [["ready"]] * 2)
    assert sorted(numbers(database.open(home))) == list(range(10))


@contextmanager
def running(home: Path, environments: list[dict[str, str]]) -> Iterator[None]:
    """Consumers as processes, which share the partitions and are stopped by a signal."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Forked("consume", home=home, environment=environment)) for environment in environments
        ]
        for process in processes:
            process.ready()
        eventually(lambda: all(len(process.owned) == 1 for process in processes))
        yield
        for process in processes:
            process.signal()
        assert [process.wait() for process in processes] == [0, 0]


def command(home: Path, environment: dict[str, str], *arguments: str) -> None:
    with Forked(*arguments, home=home, environment=environment) as process:
        assert process.wait() == 0, process.err

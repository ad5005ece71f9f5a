"""`asset-bridge offsets verify`: what it says the next start would do is what the next start does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker import Broker
from command_line import without_test_variables
from confluent_kafka import Consumer, TopicPartition
from consuming import RunningConsumer, eventually
from dagster import DagsterInstance
from databases import Database
from mock_cluster import MockCluster, Sent, produce

from asset_consumer.cli import run
from asset_consumer.offset_drift import judge, verify_offsets
from asset_consumer.offsets import PartitionOffsets
from asset_consumer.options import StartPolicy
from asset_consumer.positions import in_ledger
from asset_consumer.settings import KafkaSettings, Settings, TopicSettings
from asset_reporting.pause_store import PauseStore
from asset_reporting.recorder import GroupId, Positions
from asset_reporting.recorders import read_ledger
from asset_reporting.transactional_recorder import TransactionalRecorder

OURS, LESSER, ANYBODY = "asset-bridge/1", "asset-bridge/1 public", ""
RECORDS = 10


@dataclass(frozen=True)
class Case:
    """Where a partition of ten records stands, and what is to be said about it."""

    verdict: str
    begins: int
    ledger: int | None = None
    committed: int | None = None
    mark: str = ANYBODY
    deleted: int = 0
    records: int = 0
    drift: bool = True


CASES = [
    Case("new", 0, drift=False),
    Case("in step", 5, 5, 5, OURS, drift=False),
    Case("in step", 5, 5, 5, ANYBODY, drift=False),
    Case("commit behind", 5, 5, 3, OURS, records=2, drift=False),
    Case("not committed", 5, 5, drift=False),
    Case("begins", 4, None, 4, ANYBODY, drift=False),
    Case("begins", 4, None, 4, LESSER, drift=False),
    Case("went on without ledger", 8, 5, 8, LESSER, drift=False),
    Case("ledger behind", 5, 5, 8, OURS, records=3),
    Case("not in ledger", 4, None, 4, OURS, records=4),
    Case("skips", 8, 5, 8, ANYBODY, records=3),
    Case("repeats", 2, 5, 2, ANYBODY, records=3),
    Case("repeats", 2, 5, 2, LESSER, records=3),
    Case("deleted unread", 4, 2, 2, OURS, deleted=4, records=2),
    Case("deleted unread", 4, 5, 1, ANYBODY, deleted=4, records=3),
    Case("beyond the end", 0, 15, 15, OURS),
    Case("beyond the end", 0, 5, 15, ANYBODY),
]


def partition(case: Case, log: str = "t") -> PartitionOffsets:
    return PartitionOffsets("t", 0, case.ledger, case.committed, case.mark, case.deleted, RECORDS, log)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verdict}-{case.ledger}-{case.committed}-{case.mark}")
def test_each_state_has_its_verdict(case: Case) -> None:
    stands: Positions = {} if case.ledger is None else {("t", 0): case.ledger}

    verdict = judge(partition(case), stands, stands, "earliest")

    assert (verdict.name, verdict.records, verdict.drift) == (case.verdict, case.records, case.drift)


@pytest.mark.parametrize(
    ("policy", "said"), [("error", "stops: "), ("earliest", "begins at 0: "), ("latest", "begins at 10: ")]
)
def test_a_topic_made_anew_is_seen_by_its_identity(policy: StartPolicy, said: str) -> None:
    stands = {("t#old", 0): 5}
    verdict = judge(partition(Case("", 0, None, 5, OURS), "t#new"), stands, stands, policy)
    assert (verdict.name, verdict.drift) == ("another log", True)
    assert verdict.next_start == f"{said}kafka.out_of_range is {policy}"


def test_consumers_that_go_on_while_it_is_looked_at_are_no_drift() -> None:
    """The ledger was read at 3, then Kafka told 6 and 10 records, then the ledger was read at 12."""
    moving = PartitionOffsets("t", 0, 3, 6, OURS, 4, 10, "t")
    verdict = judge(moving, {("t", 0): 3}, {("t", 0): 12}, "error")
    assert (verdict.name, verdict.drift) == ("in step", False)


@pytest.mark.heavy
def test_what_is_said_of_the_next_start_is_what_it_does(cluster: MockCluster, sqlite: Database) -> None:
    instance = sqlite.open()
    recorder = TransactionalRecorder(instance)
    settings = in_every_state(cluster, recorder)

    verified = verify_offsets(settings, lambda group: read_ledger(instance, group))

    assert [verdict.name for _, verdict in verified.partitions] == [case.verdict for case in CASES]
    assert verified.drift
    assert verified.left_over == {("nosuch", 0): 7, (cluster.topic, 99): 7}
    store = PauseStore(instance)
    store.pause(cluster.group, [cluster.topic], reason="to see where it begins", by="anna")
    with RunningConsumer(cluster, recorder, pauses=store.read, out_of_range="earliest") as consumer:
        eventually(lambda: consumer.health.report().get("paused") and consumer.owned == len(CASES))
        eventually(lambda: all(lane.positioned for lane in consumer._loop._assignment.lanes.values()))
    begun = recorder.positions(group_of(cluster))
    log = verified.partitions[0][0].log
    assert [in_ledger(log, number, begun) for number in range(len(CASES))] == [(case.begins, True) for case in CASES]

    again = verify_offsets(settings, lambda group: read_ledger(instance, group))
    assert not again.drift, again.partitions


@pytest.mark.heavy
def test_the_command_says_it_by_its_exit_code_and_changes_nothing(
    cluster: MockCluster, sqlite: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = sqlite.new_home()
    with DagsterInstance.from_config(str(home)) as instance:
        recorder = TransactionalRecorder(instance)
        in_every_state(cluster, recorder)
        before = recorder.positions(group_of(cluster))
    set_environment(monkeypatch, home, cluster)

    assert run(["offsets", "verify", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in document["partitions"]] == [case.verdict for case in CASES]
    assert [one["drift"] for one in document["partitions"]] == [case.drift for case in CASES]
    assert document["left_over"][1] == {"log": "nosuch", "partition": 0, "ledger": 7}

    monkeypatch.setenv("COLUMNS", "40")  # a script that reads lines sees one for each partition
    assert run(["offsets", "verify"]) == 3
    table = capsys.readouterr().out
    assert f"{cluster.topic}/10: was it you who reset the group?" in table
    assert "nosuch/0 at 7: left over" in table
    assert [line.split()[:2] for line in table.splitlines()][1 : len(CASES) + 1] == [
        [cluster.topic, str(number)] for number in range(len(CASES))
    ]
    with DagsterInstance.from_config(str(home)) as instance:
        assert read_ledger(instance, group_of(cluster)) == before


@pytest.mark.heavy
def test_a_group_in_step_is_code_0_and_brokers_that_do_not_answer_are_code_1(
    cluster: MockCluster, sqlite: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.create_topic(cluster.topic)
    set_environment(monkeypatch, sqlite.new_home(), cluster)
    assert run(["offsets", "verify"]) == 0
    assert "new" in capsys.readouterr().out

    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "0.2")
    cluster.broker_down()
    assert run(["offsets", "verify"]) == 1
    assert "asset-bridge: Kafka cannot be asked: _T" in capsys.readouterr().err


def in_every_state(broker: Broker, recorder: TransactionalRecorder) -> Settings:
    """A topic with one partition in each state, and rows in the ledger that belong to none."""
    broker.create_topic(broker.topic, len(CASES))
    broker.create_topic(broker.dead_letters)
    records = [Sent(b"x", partition=number) for number in range(len(CASES)) for _ in range(RECORDS)]
    produce(broker.bootstrap, broker.topic, *records)
    stands = {(broker.topic, number): case.ledger for number, case in enumerate(CASES)}
    known = {key: offset for key, offset in stands.items() if offset is not None}
    recorder.place(group_of(broker), {**known, ("nosuch", 0): 7, (broker.topic, 99): 7}, {})
    somebody = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    for number, case in enumerate(CASES):
        if case.deleted:
            broker.delete_records(broker.topic, number, case.deleted)
        if case.committed is not None:
            commit = TopicPartition(broker.topic, number, case.committed, metadata=case.mark)
            somebody.commit(offsets=[commit], asynchronous=False)
    somebody.close()
    kafka = KafkaSettings(
        bootstrap_servers=broker.bootstrap,
        group_id=broker.group,
        topics=(TopicSettings(name=broker.topic),),
        out_of_range="earliest",
    )
    return Settings(kafka=kafka)


def group_of(broker: Broker) -> GroupId:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "asks"})
    cluster_id = consumer.list_topics(broker.topic, timeout=10).cluster_id
    consumer.close()
    return GroupId(cluster_id or "", broker.group)


def set_environment(monkeypatch: pytest.MonkeyPatch, home: Path, broker: Broker) -> None:
    without_test_variables(monkeypatch)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__GROUP_ID", broker.group)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__TOPICS", broker.topic)
    monkeypatch.setenv("COLUMNS", "250")

"""A check's result on one partition: kept by a Dagster that can, refused by both roads on one that cannot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import dagster
import pytest
from check_partitions import needs_check_partitions
from consuming import DEAD_LETTERS, TOPIC, RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from http_world import http_client
from mock_cluster import MockCluster, consume_all, produce

from asset_events import AssetEvent, CheckEvent, MaterializationEvent
from asset_reporting import dagster_events
from asset_reporting.outcomes import Again, Recorded, Rejected
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorders import choose_recorder

WHOLE = {"event_type": "asset_check", "asset_key": ["a"], "check_name": "c", "passed": True}
OF_A_PARTITION = {**WHOLE, "partition": "p"}


@dataclass
class Roads:
    """What one instance made of the same events by HTTP, then by Kafka."""

    http: list[list[dict[str, str]]]
    kafka: list[list[dict[str, str]]]
    stages: list[bytes | None]
    stored: list[Any]


@pytest.fixture
def without_check_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Dagster before 1.12.13: the real one in the run with the oldest."""
    monkeypatch.setattr(dagster_events, "CHECKS_HAVE_PARTITIONS", False)


def by_both_roads(instance: DagsterInstance, cluster: MockCluster, *bodies: dict[str, Any]) -> Roads:
    with http_client(instance) as client:
        answers = [client.post("/report_asset_check/", json=body) for body in bodies]
    cluster.create_topic(TOPIC, 1)
    cluster.create_topic(DEAD_LETTERS, 1)
    with RunningConsumer(cluster, choose_recorder(instance), provenance=False):
        produce(cluster.bootstrap, TOPIC, *(json.dumps(body).encode() for body in bodies))
        eventually(lambda: sum(committed_offsets(cluster, 1)) == len(bodies))
    headers = [dict(letter.headers) for letter in consume_all(cluster.bootstrap, DEAD_LETTERS, 0)]
    return Roads(
        [answer.json()["errors"] for answer in answers if answer.status_code == 400],
        [json.loads(letter["asset-bridge.dlq.errors"] or b"") for letter in headers],
        [letter["asset-bridge.dlq.stage"] for letter in headers],
        runless_events(instance),
    )


@pytest.mark.usefixtures("without_check_partitions")
def test_a_dagster_without_them_refuses_by_both_roads_and_says_which_one_it_takes(
    each_database: DagsterInstance, cluster: MockCluster
) -> None:
    roads = by_both_roads(each_database, cluster, WHOLE, OF_A_PARTITION, WHOLE)

    message = f"Dagster {dagster.__version__} keeps no partition of a check's result; 1.12.13 and later do."
    expected = [{"path": "/partition", "code": "partition.unsupported", "message": message}]
    assert roads.http == roads.kafka == [expected]
    assert roads.stages == [b"target"]
    assert [event.passed for event in roads.stored] == [True] * 4


@needs_check_partitions
def test_a_dagster_with_them_keeps_it_by_both_roads(each_database: DagsterInstance, cluster: MockCluster) -> None:
    roads = by_both_roads(each_database, cluster, WHOLE, OF_A_PARTITION)

    assert (roads.http, roads.kafka) == ([], [])
    assert [event.partition for event in roads.stored] == [None, "p"] * 2


@pytest.mark.usefixtures("without_check_partitions")
@pytest.mark.parametrize("choose", [choose_recorder, PublicRecorder])
def test_its_neighbours_are_recorded(each_database: DagsterInstance, choose: Any) -> None:
    recorder = choose(each_database)
    good = MaterializationEvent(asset_key=("a",), partition="p")
    refused = CheckEvent(asset_key=("a",), check_name="c", passed=True, partition="p")
    events: list[AssetEvent] = [good, refused, good]

    outcomes = recorder.record(events)

    assert isinstance(outcomes[1], Rejected)
    assert {type(outcomes[0]), type(outcomes[2])} <= {Recorded, Again}
    again = [event for event, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, Again)]
    assert {type(outcome) for outcome in recorder.record(again)} <= {Recorded}
    assert [event.partition for event in runless_events(each_database)] == ["p", "p"]

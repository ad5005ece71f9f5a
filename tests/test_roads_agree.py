"""Both roads agree: the same body gives the same stored event, or the same errors, by HTTP and by Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from brokers import EACH_BROKER, open_broker
from consuming import RunningConsumer, eventually
from corpus import CASES, Case
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_reading import DagsterAssetEvent, event_of, runless_entries
from mock_cluster import consume_all, produce
from starlette.testclient import TestClient

from asset_events import EVENT_TYPES
from asset_reporting.app import create_app
from asset_reporting.handlers import reporting_context
from asset_reporting.public_recorder import PublicRecorder

Errors = list[dict[str, str]]


@dataclass
class Road:
    """What one road made of every case: the errors, or the stored event with its time when the event gave one."""

    errors: dict[str, Errors] = field(default_factory=dict[str, Errors])
    stored: dict[str, tuple[DagsterAssetEvent, float | None]] = field(
        default_factory=dict[str, tuple[DagsterAssetEvent, float | None]]
    )


@pytest.fixture(scope="module")
def by_http(tmp_path_factory: pytest.TempPathFactory) -> Road:
    road, accepted = Road(), list[Case]()
    with (
        DagsterInstance.local_temp(str(tmp_path_factory.mktemp("http"))) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace,
        TestClient(create_app(workspace, reporting=reporting_context(instance))) as client,
    ):
        for case in CASES:
            url = f"/report_{case.event_type}"
            answer = client.post(url, content=case.body, headers={"Content-Type": "application/json"})
            if answer.status_code == 200:
                accepted.append(case)
            else:
                assert 400 <= answer.status_code < 500
                road.errors[case.name] = answer.json()["errors"]
        for case, entry in zip(accepted, runless_entries(instance), strict=True):
            road.stored[case.name] = (event_of(entry), given_time(case, entry.timestamp))
    return road


@pytest.fixture(scope="module", params=EACH_BROKER)
def by_kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    road = Road()
    with (
        open_broker(request) as broker,
        DagsterInstance.local_temp(str(tmp_path_factory.mktemp("kafka"))) as instance,
    ):
        topics = {broker.name(event_type): event_type for event_type in EVENT_TYPES}
        for topic in (*topics, broker.dead_letters):
            broker.create_topic(topic, 1)
        sent: dict[str, Case] = {}
        for topic, event_type in topics.items():
            cases = [case for case in CASES if case.event_type == event_type]
            places = produce(broker.bootstrap, topic, *(case.body for case in cases))
            sent |= {f"{topic}/{where[0]}/{where[1]}": case for where, case in zip(places, cases, strict=True)}
        options: dict[str, Any] = {
            "topics": topics,
            "dead_letter_topics": dict.fromkeys(topics, broker.dead_letters),
        }
        with RunningConsumer(broker, PublicRecorder(instance), **options) as consumer:
            eventually(lambda: settled(consumer) == len(CASES), timeout_s=60)
        for letter in consume_all(broker.bootstrap, broker.dead_letters, 0):
            headers = dict(letter.headers)
            case = sent[(headers["asset-bridge.dlq.id"] or b"").decode()]
            road.errors[case.name] = json.loads(headers["asset-bridge.dlq.errors"] or b"")
        for entry in runless_entries(instance):
            stored = event_of(entry)
            case = sent[str(stored.metadata["kafka/record"].value)]
            road.stored[case.name] = (without_provenance(stored), given_time(case, entry.timestamp))
        yield road


def settled(consumer: RunningConsumer) -> int:
    """How many records lie below the committed positions of the three topics."""
    return sum(lane.committed or 0 for lane in list(consumer._loop._assignment.lanes.values()))


def without_provenance(event: DagsterAssetEvent) -> DagsterAssetEvent:
    """The event as it would be with the setting `kafka.provenance` off."""
    metadata: Any = {name: value for name, value in event.metadata.items() if name != "kafka/record"}
    return event.with_metadata(metadata)


def given_time(case: Case, timestamp: float) -> float | None:
    """The stored timestamp, where the event's own time decides it; an arrival differs between two roads."""
    return timestamp if b"event_time" in case.body and b'"event_time": null' not in case.body else None


def test_the_corpus_is_large_and_has_both_kinds() -> None:
    assert len(CASES) >= 80
    assert {case.code is None for case in CASES} == {True, False}


@pytest.mark.fault("the same body by both roads, good or bad", "P5")
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_both_roads_agree(case: Case, by_http: Road, by_kafka: Road) -> None:
    http, kafka = by_http.errors.get(case.name), by_kafka.errors.get(case.name)

    assert http == kafka
    assert (http[0]["code"] if http else None) == case.code
    assert by_http.stored.get(case.name) == by_kafka.stored.get(case.name)
    assert (case.name in by_http.stored) == (case.code is None)

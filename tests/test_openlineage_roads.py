"""OpenLineage by its official client: what it sends by HTTP and by Kafka is in Dagster as the mapping says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import held_recorder
import pytest
import requests
from broker import Broker
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, DagsterInstance, TableSchema
from dagster_reading import DagsterAssetEvent, anonymous, event_of, runless_entries
from fake_recorders import FakeRecorder
from http_world import http_client, http_server
from known_keys import key_of, known_keys
from mock_cluster import consume_all, produce
from openlineage.client import OpenLineageClient, event_v2
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport
from openlineage.client.transport.kafka import KafkaConfig, KafkaTransport
from run_events import DBT_TESTS, FLINK, RUN_ID, SPARK, TIME_S, dataset, read, run_event
from starlette.testclient import TestClient

from asset_events import AssetEvent, ErrorDetail, LineageRules
from asset_reporting.auth import LINEAGE_PATH
from asset_reporting.group_commit import GroupCommit
from asset_reporting.handlers import ReportingContext
from asset_reporting.outcomes import Again, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import Progress
from asset_reporting.reporters import ONE_BY_ONE_EVENTS
from asset_reporting.server import HttpServer
from asset_reporting.targets import AcceptAll
from asset_reporting.transactional_recorder import TransactionalRecorder

KEY = key_of("lineage")
RULES = LineageRules(inputs="observe", failures="check")
TIMES = ["2024-01-15T10:30:00Z", "2024-01-15T10:30:01Z"]


def of_the_client(name: str) -> list[event_v2.RunEvent]:
    """A run from its start to its end, as an integration would build it."""
    assertion = data_quality_assertions_dataset.Assertion(
        assertion="not_null", success=False, column="id", severity="warn"
    )
    output_facets: dict[str, Any] = {
        "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=42, size=1024),
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet([assertion]),
    }
    column = schema_dataset.SchemaDatasetFacetFields(name="id", type="bigint", description="Key")
    output = event_v2.OutputDataset(
        namespace="postgres://db:5432",
        name="shop.public.orders",
        facets={
            "schema": schema_dataset.SchemaDatasetFacet(fields=[column]),
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion="v7"),
        },
        outputFacets=output_facets,
    )
    source = event_v2.InputDataset(namespace="postgres://db:5432", name="shop.public.raw")
    common: dict[str, Any] = {
        "run": event_v2.Run(runId=str(uuid5(NAMESPACE_URL, name))),
        "job": event_v2.Job(namespace="shop", name="load_orders"),
        "producer": "https://example.com/sender",
    }
    start = event_v2.RunEvent(eventTime="2024-01-15T10:00:00Z", eventType=event_v2.RunState.START, **common)
    complete = event_v2.RunEvent(
        eventTime="2024-01-15T10:30:00.123Z",
        eventType=event_v2.RunState.COMPLETE,
        inputs=[source],
        outputs=[output],
        **common,
    )
    return [start, complete]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("http"))) as instance:
        yield instance


@pytest.fixture(scope="module")
def server(instance: DagsterInstance) -> Iterator[HttpServer]:
    with http_server(instance, lineage=RULES, api_keys=known_keys("lineage")) as server:
        yield server


@pytest.fixture(scope="module")
def client(instance: DagsterInstance) -> Iterator[TestClient]:
    """By the default rules, and without keys."""
    with http_client(instance) as client:
        yield client


@dataclass
class Fresh:
    """What has been stored since the test began, with its times and without the records that it came from."""

    instance: DagsterInstance
    before: int = 0

    def __call__(self) -> list[tuple[DagsterAssetEvent, float]]:
        found = [(event_of(entry), entry.timestamp) for entry in runless_entries(self.instance)[self.before :]]
        return [(anonymous(event.with_metadata(without_record(event))), timestamp) for event, timestamp in found]


def without_record(event: DagsterAssetEvent) -> Any:
    return {name: value for name, value in event.metadata.items() if name != "kafka/record"}


@pytest.fixture
def fresh(instance: DagsterInstance) -> Fresh:
    return Fresh(instance, len(runless_entries(instance)))


@pytest.fixture
def by_kafka(broker: Broker, tmp_path: Path) -> Iterator[Fresh]:
    """The storage of a consumer of one topic of run events."""
    broker.create_topic(broker.topic, 1)
    broker.create_topic(broker.dead_letters, 1)
    options: Any = {"run_event_topics": frozenset({broker.topic}), "lineage": RULES}
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        RunningConsumer(broker, TransactionalRecorder(instance), **options),
    ):
        yield Fresh(instance)


def http_transport(server: HttpServer, key: str = KEY, **config: Any) -> HttpTransport:
    auth = ApiKeyTokenProvider({"apiKey": key})
    return HttpTransport(HttpConfig(url=f"http://127.0.0.1:{server.port}", auth=auth, retry={"total": 0}, **config))


def emit(transport: HttpTransport | KafkaTransport, events: Sequence[event_v2.RunEvent]) -> None:
    client = OpenLineageClient(transport=transport)
    for event in events:
        client.emit(event)
    client.close()


def as_bytes(event: object) -> bytes:
    return json.dumps(event).encode()


def test_what_the_official_client_posts_is_in_dagster(fresh: Fresh, server: HttpServer) -> None:
    emit(http_transport(server), of_the_client("first"))

    (made, at), (run, _), (check, _), (seen, _) = fresh()
    assert isinstance(made, AssetMaterialization)
    assert (made.asset_key, at) == (AssetKey(["shop", "public", "orders"]), TIME_S)
    assert (made.tags or {})["dagster/data_version"] == "v7"
    assert made.metadata["dagster/partition_row_count"].value == 42
    schema = made.metadata["dagster/column_schema"].value
    assert isinstance(schema, TableSchema)
    assert [(column.name, column.type, column.description) for column in schema.columns] == [("id", "bigint", "Key")]
    assert isinstance(run, AssetCheckEvaluation)
    assert (run.check_name, run.passed) == ("openlineage_run", True)
    assert isinstance(check, AssetCheckEvaluation)
    assert (check.check_name, check.passed, check.severity.value) == ("not_null_id", False, "WARN")
    assert seen.asset_key == AssetKey(["shop", "public", "raw"])


def test_official_client_by_both_roads_and_again_is_recorded_once_and_the_same(
    broker: Broker, by_kafka: Fresh, server: HttpServer, fresh: Fresh
) -> None:
    events = of_the_client(broker.topic)  # of its own on each broker: what was recorded before would be a replay
    config = {"bootstrap.servers": broker.bootstrap, "log_level": "0"}

    emit(KafkaTransport(KafkaConfig(config=config, topic=broker.topic)), events)
    eventually(lambda: committed_offsets(broker, 1) == [2])
    emit(http_transport(server), [*events, *events])

    assert by_kafka() == fresh()
    assert len(fresh()) == 4
    places = {str(event_of(entry).metadata["kafka/record"].value) for entry in runless_entries(by_kafka.instance)}
    assert places == {f"{broker.topic}/0/1"}
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []


@pytest.mark.fault("an OpenLineage run event with one bad dataset", "P1", "P4", "P5")
def test_same_bytes_by_both_roads_are_stored_or_refused_whole_alike(
    broker: Broker, by_kafka: Fresh, server: HttpServer, fresh: Fresh
) -> None:
    good = [SPARK, DBT_TESTS, FLINK, run_event(eventType="START")]
    bad = run_event(dataset(), dataset("."), inputs=[dataset("raw")])
    own = str(uuid5(NAMESPACE_URL, f"{broker.topic}/bytes")).encode()
    values = [*(as_bytes(one).replace(RUN_ID.encode(), own) for one in (bad, *good)), b"no json"]

    produce(broker.bootstrap, broker.topic, *values, None)
    url, headers = f"http://127.0.0.1:{server.port}{LINEAGE_PATH}", {"Authorization": f"Bearer {KEY}"}
    answers = [requests.post(url, data=value, headers=headers, timeout=10) for value in values]
    eventually(lambda: committed_offsets(broker, 1) == [len(values) + 1])

    letters = consume_all(broker.bootstrap, broker.dead_letters, 0)
    told = [json.loads(dict(letter.headers)["asset-bridge.dlq.errors"] or b"") for letter in letters]
    assert [errors[0]["code"] for errors in told] == ["schema.invalid", "json.malformed", "tombstone"]
    assert [error["path"] for error in told[0]] == ["/outputs/1/name"]
    assert letters[0].value == values[0]
    assert [answer.json()["errors"] for answer in answers if not answer.ok] == told[:2]
    assert [answer.status_code for answer in answers] == [400, 201, 201, 201, 200, 400]
    assert by_kafka() == fresh()
    assert len(fresh()) == len([made for event in good for made in read(event, RULES)]) == 8
    for name in (["warehouse", "shop", "orders"], ["orders", "enriched"]):
        assert by_kafka.instance.get_latest_materialization_event(AssetKey(name)) is not None


def test_answer_has_the_ids_of_what_was_recorded(client: TestClient, fresh: Fresh) -> None:
    event = run_event(dataset("a"), dataset("b"))

    first, again, nothing = (client.post(LINEAGE_PATH, json=one) for one in (event, event, run_event()))
    tried = client.post(f"{LINEAGE_PATH}?dry_run=true", json=run_event(dataset("c")))

    ids = [result["event_id"] for result in first.json()["results"]]
    assert len(ids) == len(fresh()) == 2
    assert first.json()["results"][0] == {"status": "success", "event_id": ids[0], "replayed": False}
    assert again.json()["results"] == [{"status": "success", "event_id": one, "replayed": True} for one in ids]
    assert nothing.json() == {"status": "success", "results": []}
    assert [answer.status_code for answer in (first, again, nothing)] == [201, 201, 200]
    assert tried.json()["results"][0]["dry_run"] is True


class OnlyA(AcceptAll):
    """Targets of which one asset is known."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        unknown = ErrorDetail("/asset_key", "asset.unknown", "not found")
        return [() if event.asset_key == ("a",) else (unknown,) for event in events]


@pytest.mark.parametrize("store", ["transactional", "one by one"])
def test_run_event_is_not_recorded_in_part_when_an_asset_is_unknown(
    instance: DagsterInstance, fresh: Fresh, store: str
) -> None:
    by_one = FakeRecorder()
    recorder = TransactionalRecorder(instance) if store == "transactional" else by_one
    partly = run_event(dataset("a"), dataset("b"), dataset("a.b"), eventTime=TIMES[0])

    with http_client(instance, ReportingContext(recorder, OnlyA())) as client:
        answer = client.post(LINEAGE_PATH, json=partly)
        good = client.post(LINEAGE_PATH, json=run_event(dataset("a"), eventTime=TIMES[1]))

    assert (answer.status_code, answer.json()["code"]) == (404, "asset.unknown")
    assert good.status_code == 201
    assert len(fresh()) + len(by_one.recorded) == 1


def test_what_the_database_refuses_keeps_its_run_event_out_and_not_the_neighbours() -> None:
    """Posts share a transaction; a run event is in it whole, or not at all."""
    refused = Rejected((ErrorDetail("", "storage.rejected", "no"),))
    recorder = held_recorder.HeldRecorder(refuse=lambda event: refused if event.asset_key == ("bad",) else None)
    run = [held_recorder.event(key) for key in ("good", "bad", "fine")]

    async def scenario(group: GroupCommit) -> list[list[Outcome]]:
        recorder.hold()
        tasks = await held_recorder.submitted([group.report(run[:1]), group.report(run, whole=True), group.report(run)])
        recorder.let_all()
        return [await task for task in tasks]

    first, whole, parts = held_recorder.run(recorder, scenario)

    assert whole == [Again(), refused, Again()]
    assert [type(outcome) for outcome in parts] == [Recorded, Rejected, Recorded]
    assert [type(outcome) for outcome in first] == [Recorded]


def test_all_events_of_a_run_event_are_reported_at_once(instance: DagsterInstance) -> None:
    recorder = held_recorder.HeldRecorder()

    with http_client(instance, ReportingContext(recorder)) as client:
        client.post(LINEAGE_PATH, json=run_event(*(dataset(f"t{number}") for number in range(40))))

    assert [len(call) for call in recorder.calls] == [40]


@contextmanager
def answering(instance: DagsterInstance, outcome: Outcome) -> Iterator[TestClient]:
    """A storage that says the same of each event."""
    with http_client(instance, ReportingContext(FakeRecorder(lambda _: outcome))) as client:
        yield client


def test_outage_asks_to_send_it_again(instance: DagsterInstance) -> None:
    with answering(instance, Unavailable("down")) as client:
        answer = client.post(LINEAGE_PATH, json=run_event(dataset()))

    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
    assert answer.headers["Retry-After"]


def test_what_the_database_refuses_is_the_answer(instance: DagsterInstance) -> None:
    refused = ErrorDetail("", "storage.rejected", "no")
    with answering(instance, Rejected((refused,))) as client:
        answer = client.post(LINEAGE_PATH, json=run_event(dataset()))

    assert (answer.status_code, answer.json()["errors"]) == (400, [refused.as_dict()])


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}])
def test_body_must_be_plain_json(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post(LINEAGE_PATH, content=as_bytes(run_event()), headers=headers).status_code == 400


def test_client_with_a_wrong_key_or_compression_is_told_so(fresh: Fresh, server: HttpServer) -> None:
    event = of_the_client("wrong")[1]

    for transport in (http_transport(server, "not-the-key"), http_transport(server, compression=HttpCompression.GZIP)):
        with pytest.raises(requests.HTTPError, match=r"40[01]"):
            transport.emit(event)
        transport.close()
    assert fresh() == []


def test_who_may_only_read_reports_no_lineage_either(instance: DagsterInstance, fresh: Fresh) -> None:
    with http_client(instance, read_only=True) as client:
        answer = client.post(LINEAGE_PATH, json=run_event(dataset("read_only")))
    assert (answer.status_code, answer.json()["code"]) == (403, "asset.forbidden")
    assert fresh() == []


class InParts(PublicRecorder):
    """Notes how many events it is given at a time."""

    def __init__(self, instance: DagsterInstance) -> None:
        super().__init__(instance)
        self.sizes: list[int] = []

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        self.sizes.append(len(events))
        return super().record(events, progress)


def test_one_by_one_a_large_run_is_recorded_in_parts_that_keep_the_deadline(tmp_path: Path) -> None:
    sent = run_event(*(dataset(f"many_{number}") for number in range(60)))
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        recorder = InParts(instance)
        with http_client(instance, ReportingContext(recorder)) as client:
            answer = client.post(LINEAGE_PATH, json=sent)
        assert (answer.status_code, recorder.sizes) == (201, [ONE_BY_ONE_EVENTS, ONE_BY_ONE_EVENTS, 10])
        assert len(runless_entries(instance)) == 60


class GoesAway(InParts):
    """The storage is gone after the first part."""

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        return [Unavailable("gone")] * len(events) if self.sizes else super().record(events, progress)


def test_what_was_recorded_in_part_is_not_denied(tmp_path: Path) -> None:
    sent = run_event(*(dataset(f"many_{number}") for number in range(60)))
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        with http_client(instance, ReportingContext(GoesAway(instance))) as client:
            answer = client.post(LINEAGE_PATH, json=sent)
        assert len(runless_entries(instance)) == ONE_BY_ONE_EVENTS
    assert answer.status_code == 503
    assert "may still be recorded" in answer.json()["error"]

"""One trace leads from an instrumented sender to the transaction that recorded its event, or to its dead letter."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import AssetKey, DagsterEventType, EventRecordsFilter
from expected_spans import VALIDATED, answered, headers_of, processed, recorded, recorded_of_batch, refused, sent_to
from fake_recorders import FakeRecorder
from http_world import http_client
from known_keys import known_keys
from mock_cluster import Sent, consume_all, produce
from numbered import event
from opentelemetry.trace import format_span_id, format_trace_id
from traces import Spans, Traces, tracing_on

from asset_consumer.span_export import add_trace_ids
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.outcomes import Unavailable

if TYPE_CHECKING:
    from broker import Broker
    from dagster import DagsterInstance
    from mock_cluster import MockCluster
    from starlette.testclient import TestClient

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'
ONE = "/report_asset_materialization"


@pytest.fixture
def broker(cluster: MockCluster) -> Broker:
    """One kind of Kafka: nothing here depends on a broker."""
    for topic in (cluster.topic, cluster.dead_letters):
        cluster.create_topic(topic, 1)
    return cluster


@pytest.fixture(scope="module")
def application(instance: DagsterInstance) -> Iterator[TestClient]:
    """An application that is made while tracing is on, as `serve` makes it."""
    with tracing_on(), http_client(instance) as client:
        yield client


@pytest.fixture
def traces(application: TestClient) -> Iterator[Traces]:
    with tracing_on() as traces:
        yield traces


def test_one_trace_leads_from_the_producer_to_storage_or_dead_letter(
    broker: Broker, instance: DagsterInstance, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    with traces.sending("send good") as good:
        produce(broker.bootstrap, broker.topic, Sent(event(0), b"key", headers_of(good)))
    with traces.sending("send bad") as carried:
        bad = {name.title(): value for name, value in carried.items()}
        produce(broker.bootstrap, broker.topic, Sent(REJECTED, b"key", headers_of(bad)))
    caplog.set_level(logging.DEBUG, "asset_bridge")
    caplog.handler.addFilter(add_trace_ids)
    broken: list[tuple[str, bytes | None]] = [("traceparent", b"00-\xff"), ("tracestate", None), ("traceparent", None)]
    produce(broker.bootstrap, broker.topic, Sent(None), Sent(event(1), headers=broken))

    with RunningConsumer(broker, reporting_context(instance)):
        eventually(lambda: committed_offsets(broker) == [4])

    assert {said(caplog, "event_recorded"), said(caplog, "event_rejected")} <= ids(traces, f"process {broker.topic}")
    assert said(caplog, "assigned") == said(caplog, "left_group") == (None, None)
    first, second = (stored.storage_id for stored in reversed(_records(instance)))
    letter = sent_to(broker.dead_letters)
    assert traces.trees() == [
        Spans("send good", "PRODUCER", below=(processed(broker, 0, "recorded", VALIDATED, recorded_of_batch(first)),)),
        Spans(
            "send bad",
            "PRODUCER",
            below=(
                processed(
                    broker, 1, "dead_lettered", refused("field.missing"), letter, **{"error.type": "field.missing"}
                ),
            ),
        ),
        processed(
            broker,
            2,
            "dead_lettered",
            refused("tombstone"),
            letter,
            **{"error.type": "tombstone", "messaging.kafka.message.tombstone": True},
        ),
        processed(broker, 3, "recorded", VALIDATED, recorded_of_batch(second)),
    ]
    kept = consume_all(broker.bootstrap, broker.dead_letters, 2)[0].headers
    assert kept[: len(bad)] == tuple(headers_of(bad)), "a redrive must go on with the sender's trace"


def test_a_post_goes_on_with_its_senders_trace(
    application: TestClient, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "asset_bridge.http")
    caplog.handler.addFilter(add_trace_ids)
    with traces.sending("POST") as headers:
        pass  # what is current in this process must not be what the request's span finds
    answer = application.post(f"{ONE}/a/b?dry_run=false", json={"metadata": {"n": 1}}, headers=headers)

    event_id = int(answer.json()["event_id"])
    request = answered(f"{ONE}/{{asset_key}}", f"{ONE}/a/b", 200, VALIDATED, recorded(["a/b"], [event_id]))
    assert traces.trees() == [Spans("POST", "PRODUCER", below=(request,))]
    (line,) = (record.__dict__ for record in caplog.records if record.__dict__.get("happening") == "event_recorded")
    assert line["trace_id"] == format_trace_id(traces.context("POST").trace_id)


def test_a_refused_post_has_the_code_where_it_was_refused(application: TestClient, traces: Traces) -> None:
    assert application.post("/report_asset_check/a", json={"passed": "canary"}).status_code == 400

    refused = Spans("validate", "INTERNAL", {"error.type": "field.missing"})
    assert traces.trees() == [answered("/report_asset_check/{asset_key}", "/report_asset_check/a", 400, refused)]


def test_many_events_are_one_span_each_way(application: TestClient, traces: Traces) -> None:
    events = [{"event_type": "asset_materialization", "asset_key": "a"}, {"event_type": "canary"}]
    answer = application.post("/report_asset_events", content=json.dumps(events))

    validated = Spans("validate", "INTERNAL", {"asset_bridge.refused": 1, "error.type": "event_type.unknown"})
    event_id = int(answer.json()["results"][0]["event_id"])
    path = "/report_asset_events"
    assert traces.trees() == [answered(path, path, 200, validated, recorded(["a"], [event_id]))]


def test_an_outage_fails_the_request(instance: DagsterInstance) -> None:
    down = ReportingContext(FakeRecorder(answer=lambda _: Unavailable("canary")))
    with tracing_on() as traces, http_client(instance, down) as client:
        assert client.post(f"{ONE}/a").status_code == 503

    attributes = {"asset_bridge.events": 1, "asset_bridge.asset_keys": ["a"], "error.type": "storage.unavailable"}
    failed = Spans("record", "INTERNAL", attributes | {"asset_bridge.event_ids": []})
    route = f"{ONE}/{{asset_key}}"
    assert traces.trees() == [answered(route, f"{ONE}/a", 503, VALIDATED, failed, **{"error.type": "503"})]


def test_a_sender_without_a_key_is_seen_too_and_probes_are_not(instance: DagsterInstance) -> None:
    keys = known_keys("tracing")
    with tracing_on() as traces, http_client(instance, ReportingContext(FakeRecorder()), api_keys=keys) as client:
        assert client.post(ONE).status_code == 401
        client.get("/readyz")
        client.get("/metrics")

    assert traces.trees() == [answered(ONE, ONE, 401)]


def test_nothing_is_made_of_an_exception_but_its_code(
    application: TestClient, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asset_reporting import request_parts

    def fail(*_: object, **__: object) -> None:
        raise KeyError("canary")

    monkeypatch.setattr(request_parts, "parse_parts", fail)
    assert application.post(f"{ONE}/a").status_code == 500

    (request,) = traces.trees()
    assert request.below == (Spans("validate", "INTERNAL", {"error.type": "internal"}),)
    assert not any(span.events for span in traces.ended)


def test_without_tracing_an_application_is_as_it_was(instance: DagsterInstance) -> None:
    with http_client(instance, ReportingContext(FakeRecorder())) as client, tracing_on() as traces:
        assert client.post(f"{ONE}/a").status_code == 200
        assert traces.named(f"POST {ONE}/{{asset_key}}") == traces.named("record") == []


def said(caplog: pytest.LogCaptureFixture, happening: str) -> tuple[str | None, str | None]:
    """The trace and the span that the last log line of a happening names."""
    lines = [record.__dict__ for record in caplog.records if record.__dict__.get("happening") == happening]
    return lines[-1].get("trace_id"), lines[-1].get("span_id")


def ids(traces: Traces, name: str) -> set[tuple[str, str]]:
    contexts = [span.get_span_context() for span in traces.named(name)]
    return {(format_trace_id(one.trace_id), format_span_id(one.span_id)) for one in contexts if one is not None}


def _records(instance: DagsterInstance) -> Any:
    wanted = EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION, asset_key=AssetKey("a"))
    return instance.event_log_storage.get_event_records(wanted)

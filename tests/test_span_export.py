"""Spans reach a collector by OTLP; one that is down or silent costs nobody anything but its spans."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from consuming import committed_offsets, eventually
from mock_cluster import MockCluster, Sent, produce
from numbered import event
from opentelemetry.sdk.trace import TracerProvider
from otlp_server import collector
from ports import free_port
from processes import Process, kafka_environment, two_topics
from test_layout import loaded_by
from traces import Traces

from asset_consumer import span_export
from asset_consumer.settings import Settings, TracingSettings
from asset_consumer.settings_error import SettingsError
from asset_consumer.span_export import open_tracing
from asset_reporting import tracing

if TYPE_CHECKING:
    from broker import Broker

ON = Settings(tracing=TracingSettings(enabled=True))
CANARY = "canary-4711"


@pytest.fixture(autouse=True)
def library() -> Iterator[logging.Logger]:
    """OpenTelemetry's logger, which is as it was afterwards."""
    library = logging.getLogger("opentelemetry")
    before = library.handlers, library.propagate
    yield library
    library.handlers, library.propagate = before


@pytest.fixture
def broker(cluster: MockCluster) -> Broker:
    return two_topics(cluster)


def traced(broker: Broker, endpoint: str, **more: str) -> dict[str, str]:
    return kafka_environment(broker, ASSET_BRIDGE_TRACING__ENABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **more)


def make_span() -> None:
    tracer = tracing.tracer()
    assert tracer is not None
    tracer.start_span("one").end()


def test_by_default_nothing_is_installed() -> None:
    with open_tracing(Settings()):
        assert tracing.tracer() is None


def test_without_its_extra_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"pip install 'dagster-asset-bridge\[tracing\]'"), open_tracing(ON):
        raise AssertionError


def test_another_protocol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL says otherwise"), open_tracing(ON):
        raise AssertionError


def test_what_the_library_says_is_one_line_without_texts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, library: logging.Logger
) -> None:
    monkeypatch.setattr(span_export, "_provider", lambda: TracerProvider(shutdown_on_exit=False))
    with open_tracing(ON):
        other = library.getChild("exporter")
        other.error("Failed to export %s batch code: %s, reason: %s", "spans", 404, OSError(CANARY))
        for _ in range(100):
            other.warning("Header format invalid! %s", CANARY)

    (line,) = (record for record in caplog.records if record.name.startswith(("opentelemetry", "asset_bridge")))
    assert line.getMessage() == "Spans are lost or cut: Failed to export … batch code: 404, reason: OSError"


def test_a_silent_collector_holds_up_the_end_for_a_bounded_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_export, "FLUSH_S", 0.1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with open_tracing(ON):
            make_span()
            began = time.monotonic()
        waited_s = time.monotonic() - began
        flushing = [thread for thread in threading.enumerate() if thread.name == "flush-spans"]
    assert waited_s >= span_export.FLUSH_S
    assert flushing, "the last spans still wait, and the process goes on to its end"
    for thread in flushing:  # what still waits must not speak into other tests
        thread.join(20)


@pytest.mark.heavy
def test_a_process_sends_the_trace_of_a_record_to_a_collector(broker: Broker, tmp_path: Path) -> None:
    with Traces().sending() as carried, collector() as taken:
        headers: list[tuple[str, bytes | None]] = [(name, value.encode()) for name, value in carried.items()]
        with Process("consume", home=tmp_path, environment=traced(broker, taken.endpoint)) as process:
            process.line("asset-bridge ready")
            produce(broker.bootstrap, broker.topic, Sent(event(0), headers=headers, partition=0))
            eventually(lambda: committed_offsets(broker, 2)[0] == 1)
            process.signal()
            assert process.wait(20) == 0

        spans = {span.name: span for span in taken.spans}
        _, trace_id, sender_id, _ = carried["traceparent"].split("-")
        assert set(spans) == {f"process {broker.topic}", "validate", "record"}
        assert {span.trace_id.hex() for span in spans.values()} == {trace_id}
        process_span = spans.pop(f"process {broker.topic}")
        assert process_span.parent_span_id.hex() == sender_id
        assert {span.parent_span_id for span in spans.values()} == {process_span.span_id}
        assert {name: taken.resource[name] for name in ("service.name", "telemetry.sdk.name")} == {
            "service.name": "asset-bridge",
            "telemetry.sdk.name": "opentelemetry",
        }


@pytest.mark.heavy
def test_a_process_that_serves_sends_them_too_under_the_name_it_is_given(tmp_path: Path) -> None:
    with collector() as taken:
        environment = {
            "ASSET_BRIDGE_HTTP__PORT": "0",
            "ASSET_BRIDGE_TRACING__ENABLED": "true",
            "ASSET_BRIDGE_LOG_LEVEL": "DEBUG",
            "OTEL_EXPORTER_OTLP_ENDPOINT": taken.endpoint,
            "OTEL_SERVICE_NAME": "bridge-of-the-shop",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with Process("serve", home=tmp_path, environment=environment) as process:
            url = process.line("asset-bridge ready").split()[2].rstrip(",")
            requests.post(f"{url}/report_asset_materialization/a", timeout=10)
            eventually(lambda: len(taken.spans) == 3)
            process.signal()
            assert process.wait(20) == 0

        assert taken.resource["service.name"] == "bridge-of-the-shop"
        lines = [json.loads(line) for line in process.err if "event_recorded" in line]
        assert [line["trace_id"] for line in lines] == [taken.spans[0].trace_id.hex()]


@pytest.mark.heavy
def test_a_collector_that_is_down_stops_nothing_and_is_said_once(broker: Broker, tmp_path: Path) -> None:
    environment = traced(broker, f"http://127.0.0.1:{free_port()}", OTEL_BSP_SCHEDULE_DELAY="50")
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        # more than its queue holds, so that spans are dropped as well
        produce(broker.bootstrap, broker.topic, *(Sent(event(n), partition=0) for n in range(3000)))
        eventually(lambda: committed_offsets(broker, 2)[0] == 3000)
        eventually(lambda: any("tracing_trouble" in line for line in process.err))
        process.signal()
        began = time.monotonic()
        assert process.wait(20) == 0
        assert time.monotonic() - began < span_export.FLUSH_S + 5

    (line,) = (json.loads(line) for line in process.err if '"opentelemetry' in line or "tracing_trouble" in line)
    assert line["logger"] == "asset_bridge.tracing"


@pytest.mark.heavy
def test_where_nothing_is_traced_the_sdk_is_not_even_loaded() -> None:
    unwanted = {"opentelemetry.sdk", "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"}
    assert loaded_by("import asset_consumer.consume, asset_consumer.serve", unwanted).split() == []

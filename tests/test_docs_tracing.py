"""docs/tracing.md lists the spans that the tests of tracing expect, which are all there are; its sender works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from expected_spans import answered, processed, recorded, recorded_of_batch, refused, sent_to
from mock_cluster import MockCluster, consume_all
from opentelemetry import trace
from traces import Spans, Traces

from asset_consumer import span_export

PAGE = (Path(__file__).parent.parent / "docs" / "tracing.md").read_text("utf-8")
ROW = re.compile(r"^\| `([^`]+)` \| ([A-Z]+) \| .* \| (.*) \|$", re.MULTILINE)

SOMETIMES = {"process {topic}": {"messaging.kafka.message.tombstone"}, "validate": {"asset_bridge.refused"}}
"""What test_tracing.py expects of some spans of a kind."""


def test_every_span_is_documented_with_all_its_attributes(cluster: MockCluster) -> None:
    expected = {
        "process {topic}": [processed(cluster, 0, "recorded")],
        "send {dead-letter topic}": [sent_to("t")],
        "POST {route}": [answered("/", "/", 200)],
        "validate": [refused("json.malformed")],
        "record": [recorded([], []), recorded_of_batch(1)],
    }
    assert [row[:2] for row in ROW.findall(PAGE)] == [(name, spans[0].kind) for name, spans in expected.items()]
    for name, _, attributes in ROW.findall(PAGE):
        assert set(re.findall(r"`([^`]+)`", attributes)) == _attributes(expected[name]) | SOMETIMES.get(name, set())


def _attributes(spans: list[Spans]) -> set[str]:
    return {name for span in spans for name in span.attributes} - {"error.type"}


def test_the_queue_is_as_documented() -> None:
    assert f"| `OTEL_BSP_MAX_QUEUE_SIZE` | `{span_export.QUEUE_SPANS}` |" in PAGE
    assert f"| `OTEL_SERVICE_NAME` | `{span_export.SERVICE}` |" in PAGE


@pytest.mark.heavy
def test_the_pages_sender_hands_its_trace_over(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create_topic("dagster.asset-events", 1)
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    traces = Traces()
    monkeypatch.setattr(trace, "get_tracer", traces.provider().get_tracer)
    exec(found.group(1).replace("localhost:9092", cluster.bootstrap), {})  # noqa: S102 # the page's own
    (record,) = consume_all(cluster.bootstrap, "dagster.asset-events", 1)
    sent = traces.context("send orders")
    traceparent = dict(record.headers)["traceparent"] or b""
    assert traceparent.startswith(f"00-{sent.trace_id:032x}-{sent.span_id:016x}-".encode())

"""A record's span over outages and rebalances, and no span at all where nobody wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from consuming import FaultyRecorder, RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from databases import new_instance
from expected_spans import VALIDATED, headers_of, processed
from mock_cluster import Sent, produce
from numbered import event, numbers
from traces import Traces, tracing_on

from asset_consumer import backoff
from asset_reporting import tracing
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.transactional_recorder import TransactionalRecorder

if TYPE_CHECKING:
    from broker import Broker
    from mock_cluster import MockCluster

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'
RUN_WITHOUT_DATASETS = b"""{"eventType": "COMPLETE", "eventTime": "2026-01-01T00:00:00Z", "producer": "https://p",
"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
"run": {"runId": "0190a1b2-0000-7000-8000-000000000000"}, "job": {"namespace": "n", "name": "j"}}"""


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    """One for each test: the ledger takes each mock cluster for the same one."""
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


class Unwritable(FaultyRecorder):
    """What is down for writing only, so that a batch is tried again and again."""

    def probe(self) -> str | None:
        return None


@pytest.fixture
def traces() -> Iterator[Traces]:
    with tracing_on() as traces:
        yield traces


@pytest.fixture
def broker(cluster: MockCluster) -> Broker:
    """One kind of Kafka: nothing here depends on a broker."""
    for topic in (cluster.topic, cluster.dead_letters):
        cluster.create_topic(topic, 1)
    return cluster


@pytest.mark.heavy
def test_a_record_that_waits_for_the_storage_has_one_span_and_says_so_once(
    broker: Broker, instance: DagsterInstance, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.02)
    recorder = Unwritable(TransactionalRecorder(instance), broken="the database is down")
    produce(broker.bootstrap, broker.topic, event(0))
    with RunningConsumer(broker, ReportingContext(recorder)):
        eventually(lambda: recorder.calls >= 3)
        assert traces.named(f"process {broker.topic}") == []
        recorder.broken = None
        eventually(lambda: committed_offsets(broker) == [1])

    (waited,) = traces.trees()
    assert waited.events == ("held",)
    assert [span.name for span in waited.below] == ["validate", "record"]


@pytest.mark.heavy
def test_what_is_given_back_says_so_and_the_next_reading_goes_on_with_the_trace(
    broker: Broker, instance: DagsterInstance, traces: Traces
) -> None:
    recorder = Unwritable(TransactionalRecorder(instance), broken="the database is down")
    with traces.sending() as carried:
        produce(broker.bootstrap, broker.topic, Sent(event(0), headers=headers_of(carried)))
    with RunningConsumer(broker, ReportingContext(recorder)):
        eventually(lambda: traces.named("validate"))
    recorder.broken = None
    with RunningConsumer(broker, ReportingContext(recorder)):
        eventually(lambda: committed_offsets(broker) == [1])

    (trace,) = traces.trees()
    assert [span.attributes["asset_bridge.outcome"] for span in trace.below] == ["given_back", "recorded"]
    assert numbers(instance) == [0]


@pytest.mark.heavy
def test_a_run_event_that_says_nothing_has_a_span_that_ends(
    broker: Broker, instance: DagsterInstance, traces: Traces
) -> None:
    produce(broker.bootstrap, broker.topic, RUN_WITHOUT_DATASETS)
    with RunningConsumer(broker, reporting_context(instance), run_event_topics=frozenset({broker.topic})):
        eventually(lambda: committed_offsets(broker) == [1])

    assert traces.trees() == [processed(broker, 0, "nothing_to_record", VALIDATED)]


@pytest.mark.heavy
def test_without_tracing_nothing_is_made(broker: Broker, instance: DagsterInstance) -> None:
    with tracing_on() as traces:
        tracing.stop()
        assert (tracing.clock(), tracing.tracer()) == (0, None)
        produce(broker.bootstrap, broker.topic, event(0), REJECTED)
        with RunningConsumer(broker, reporting_context(instance)):
            eventually(lambda: committed_offsets(broker) == [2])
        assert traces.named(f"process {broker.topic}") == []

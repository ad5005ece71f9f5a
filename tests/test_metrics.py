"""What is exported for Prometheus, and that `docs/operate.md` has every metric with its type, labels and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from exported_metrics import described
from fake_recorders import FakeRecorder
from http_world import http_app
from recorder_events import GROUP, event, kinds, progress
from scraped import scraped
from starlette.testclient import TestClient

from asset_consumer import happenings
from asset_reporting import transactional_recorder
from asset_reporting.app import create_management_app
from asset_reporting.batch_size import FIRST_EVENTS, LEAST_EVENTS, WINDOW_S
from asset_reporting.handlers import ReportingContext
from asset_reporting.health import Health
from asset_reporting.recorders import choose_recorder
from asset_reporting.transactional_recorder import TransactionalRecorder

PAGE = Path(__file__).parent.parent / "docs" / "operate.md"
ROW = re.compile(r"^\| `(asset_bridge_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.MULTILINE)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


@pytest.fixture
def client() -> TestClient:
    return TestClient(create_management_app(Health()))


def test_page_has_every_metric_and_none_that_is_gone() -> None:
    labels = {one.name: ", ".join(f"`{label}`" for label in one.labelnames) or "–" for one in described()}

    assert sorted(ROW.findall(PAGE.read_text("utf-8"))) == sorted(
        (one.name, one.kind, labels[one.name], one.documentation) for one in described()
    )


def test_both_services_expose_metrics_in_the_format_that_is_asked_for(instance: DagsterInstance) -> None:
    with http_app(instance, ReportingContext(FakeRecorder())) as app:
        serving = TestClient(app)
        for client in (serving, TestClient(create_management_app(Health()))):
            assert "asset_bridge_transaction_events_count" in scraped(client)
            assert client.get("/metrics").headers["content-type"].startswith("text/plain")
            openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
            assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
            assert openmetrics.text.endswith("# EOF\n")


def test_recorder_in_use_is_exported_and_only_that_one(client: TestClient, each_database: DagsterInstance) -> None:
    with DagsterInstance.ephemeral() as in_memory:
        choose_recorder(in_memory)
    assert chosen(client) == [["at-least-once", "public"]]

    choose_recorder(each_database)
    assert chosen(client) == [["exactly-once", "transactional"]]


def chosen(client: TestClient) -> list[list[str]]:
    return [sample.split(":")[1:] for sample in scraped(client) if sample.startswith("asset_bridge_recorder_info:")]


def test_each_transaction_that_takes_ids_shows_its_size_and_for_how_long_it_held_the_lock(
    client: TestClient, each_database: DagsterInstance
) -> None:
    recorder = TransactionalRecorder(each_database)
    recorder.place(GROUP, {("events", 0): 10}, {})
    before = scraped(client)

    assert kinds(recorder.record([event()] * 3, [progress(10, 13)])) == ["Recorded"] * 3
    assert recorder.move([progress(13, 14)]) is None
    assert kinds(recorder.record([event()], [progress(10, 13)])) == ["Fenced"]

    after = scraped(client)
    grown = {name.removeprefix("asset_bridge_"): value - before.get(name, 0) for name, value in after.items()}
    for name in ("transaction_window_seconds", "writers_lock_wait_seconds", "transaction_events"):
        assert grown[f"{name}_count"] == 1
    assert grown["transaction_events_sum"] == 3
    assert after["asset_bridge_transaction_events_limit"] == recorder.batch_events
    assert 0 < grown["transaction_window_seconds_sum"] < 10


class SlowClock:
    """A clock by which everything takes too long for one transaction, whatever this machine does."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += WINDOW_S * 1.5
        return self._now


def test_batches_become_smaller_while_the_database_is_slow(
    each_database: DagsterInstance, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = TransactionalRecorder(each_database)
    monkeypatch.setattr(transactional_recorder, "time", SlowClock())

    sizes = [recorder.batch_events]
    while sizes[-1] > LEAST_EVENTS:
        recorder.record([event()] * recorder.batch_events)
        sizes.append(recorder.batch_events)

    assert sizes[0] == FIRST_EVENTS
    assert sizes == sorted(sizes, reverse=True)
    assert scraped(client)["asset_bridge_transaction_events_limit"] == LEAST_EVENTS


def test_a_batch_that_was_fenced_is_counted(client: TestClient) -> None:
    before = scraped(client)

    happenings.fenced(["events/0"])

    name = "asset_bridge_ledger_fences_total"
    assert scraped(client)[name] == before[name] + 1

"""Readiness and liveness as probes see them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from consuming import eventually
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_app, http_client
from starlette.testclient import TestClient

from asset_reporting.app import create_management_app
from asset_reporting.handlers import ReportingContext
from asset_reporting.health import Health
from asset_reporting.storage_watch import watch_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "CANARYVALUE"


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def client(instance: DagsterInstance, recorder: FakeRecorder) -> Iterator[TestClient]:
    with http_client(instance, ReportingContext(recorder), probe_interval_s=0.02) as client:
        yield client


def wait_for(client: TestClient, status: int) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (answer := client.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.fault("the storage is down", "P7")
def test_readiness_follows_the_storage_and_says_why(
    client: TestClient, recorder: FakeRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asset_bridge.storage")
    assert wait_for(client, 200) == {
        "status": "ready",
        "conditions": {"storage": {"ok": True, "reason": ""}},
        "recorder": {"name": "fake", "guarantee": "none"},
    }

    recorder.reason = "OperationalError at storage.py:5"
    document = wait_for(client, 503)
    assert document["status"] == "not ready"
    assert document["conditions"]["storage"] == {"ok": False, "reason": "OperationalError at storage.py:5"}
    assert client.get("/livez").json() == {"status": "alive"}

    probes, deadline = recorder.probes, time.monotonic() + 10
    while recorder.probes < probes + 3:
        assert time.monotonic() < deadline

    recorder.reason = None
    wait_for(client, 200)
    said = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == "asset_bridge.storage"
    ]
    assert said[-2:] == [
        ("WARNING", "Dagster's storage does not answer: OperationalError at storage.py:5."),
        ("INFO", "Dagster's storage answers."),
    ]
    assert len([level for level, _ in said if level == "WARNING"]) == 1  # transitions, not attempts


def test_probe_that_raises_is_an_outage_without_values(client: TestClient, recorder: FakeRecorder) -> None:
    wait_for(client, 200)

    def probe() -> NoReturn:
        raise ValueError(CANARY)

    recorder.probe = probe  # type: ignore[method-assign] # the fault to be had

    document = wait_for(client, 503)

    assert document["conditions"]["storage"]["reason"].startswith("ValueError at test_probes.py:")
    assert CANARY not in str(document)


@pytest.mark.fault("the storage hangs", "P7")
def test_probe_that_hangs_is_an_outage_and_heals(recorder: FakeRecorder) -> None:
    let_go = threading.Event()
    health = Health()

    def probe() -> None:
        assert let_go.wait(20)

    async def until(*, ready: bool) -> None:
        while health.ready is not ready:  # noqa: ASYNC110 # health is made to be polled
            await asyncio.sleep(0.005)

    async def scenario() -> None:
        health.set("storage", ok=True)
        watch = asyncio.create_task(watch_storage(recorder, health, interval_s=0.02, deadline_s=0.1))
        await asyncio.wait_for(until(ready=False), 10)
        assert health.report()["conditions"]["storage"]["reason"] == "no answer in time"
        let_go.set()
        await asyncio.wait_for(until(ready=True), 10)
        watch.cancel()
        await asyncio.wait([watch])

    recorder.probe = probe  # type: ignore[method-assign] # the fault to be had
    asyncio.run(scenario())


def test_nothing_is_ready_before_the_storage_was_asked(instance: DagsterInstance, recorder: FakeRecorder) -> None:
    with http_app(instance, ReportingContext(recorder)) as app:
        answer = TestClient(app).get("/readyz")  # without `with`, the application is not started

    assert answer.status_code == 503
    assert answer.json()["conditions"] == {"storage": {"ok": False, "reason": "not asked yet"}}


def test_management_application_serves_probes_and_nothing_else() -> None:
    health = Health(max_beat_age_s=30)
    client = TestClient(create_management_app(health))

    assert client.get("/readyz").status_code == 503
    health.set("assignment", ok=True)
    assert client.get("/readyz").json() == {
        "status": "ready",
        "conditions": {"assignment": {"ok": True, "reason": ""}},
    }
    assert client.get("/livez").json()["status"] == "alive"
    assert client.head("/livez").status_code == 200
    refused = client.post("/report_asset_materialization/a")
    assert (refused.status_code, refused.json()["code"]) == (404, "route.unknown")


def test_stalled_heartbeat_is_not_alive() -> None:
    now = [0.0]
    health = Health(max_beat_age_s=30, clock=lambda: now[0])
    health.beat()
    client = TestClient(create_management_app(health))
    now[0] = 31

    assert client.get("/livez").status_code == 503
    assert client.get("/livez").json()["status"] == "stalled"


def test_the_loop_that_answers_requests_shows_that_it_turns(instance: DagsterInstance) -> None:
    now = [0.0]
    health = Health(max_beat_age_s=60, clock=lambda: now[0])
    with http_client(instance, health=health, probes=False) as client:
        assert client.get("/livez").status_code == 404
        for now[0] in (100.0, 200.0):
            eventually(lambda: health.alive)
    now[0] = 300.0
    assert not health.alive

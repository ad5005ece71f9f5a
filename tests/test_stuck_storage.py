"""A storage that hangs: posts are answered within the deadline, and honestly, while the rest goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import pytest
import requests
from consuming import eventually
from dagster import DagsterInstance
from fake_recorders import Blocking, FakeRecorder
from http_world import http_app, http_client

from asset_reporting.handlers import ReportingContext
from asset_reporting.reporters import STORAGE_DEADLINE_S
from asset_reporting.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

MAT = "/report_asset_materialization"


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    blocking = Blocking()
    yield blocking
    blocking.let_go.set()


@pytest.mark.fault("the storage hangs under a post", "P3")
def test_stuck_storage_is_answered_within_the_deadline_and_stops_nobody_else(
    instance: DagsterInstance, blocking: Blocking
) -> None:
    context = ReportingContext(FakeRecorder(blocking))
    with (
        http_client(instance, context, storage_workers=2, storage_deadline_s=1.5) as client,
        ThreadPoolExecutor() as clients,
    ):
        stuck = clients.submit(client.post, f"{MAT}/stuck")
        assert blocking.held.acquire(timeout=10)
        assert client.post(f"{MAT}/fine").status_code == 200
        answer = stuck.result(timeout=10)
        blocking.let_go.set()

    assert answer.elapsed.total_seconds() < STORAGE_DEADLINE_S / 2
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["errors"] == [
        {
            "path": "",
            "code": "storage.unavailable",
            "message": "Dagster's database did not answer in time; the event may still be recorded.",
        }
    ]


@pytest.mark.fault("the storage hangs under a post", "P7")
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_storage_that_keeps_every_post_waiting_is_not_ready_though_a_probe_is_answered(
    instance: DagsterInstance, blocking: Blocking, guarantee: str
) -> None:
    context = ReportingContext(FakeRecorder(blocking, guarantee=guarantee))
    short: dict[str, Any] = {"storage_workers": 1, "storage_deadline_s": 1.0, "probe_interval_s": 0.05}
    with http_client(instance, context, **short) as client, ThreadPoolExecutor() as clients:
        eventually(lambda: client.get("/readyz").status_code == 200)
        stuck = clients.submit(client.post, f"{MAT}/stuck")
        assert blocking.held.acquire(timeout=10)
        eventually(lambda: client.get("/readyz").status_code == 503)
        assert "no answer to what is under way" in client.get("/readyz").text
        blocking.let_go.set()
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert stuck.result(timeout=10).status_code == 503


@pytest.mark.fault("the storage hangs under a post", "P2", "P7")
def test_report_told_unrecorded_is_never_recorded_later(instance: DagsterInstance, blocking: Blocking) -> None:
    recorder = FakeRecorder(blocking)
    with (
        http_client(instance, ReportingContext(recorder), storage_workers=1, storage_deadline_s=1.0) as client,
        ThreadPoolExecutor() as clients,
    ):
        stuck = clients.submit(client.post, f"{MAT}/stuck")
        assert blocking.held.acquire(timeout=10)
        waiting = client.post(f"{MAT}/waiting")
        assert client.get("/livez").status_code == 200
        assert waiting.status_code == 503
        assert "was not recorded" in waiting.json()["error"]
        assert stuck.result(timeout=10).status_code == 503
        blocking.let_go.set()
        assert client.post(f"{MAT}/after").status_code == 200

    assert recorder.recorded == [("stuck",), ("after",)]


def test_too_many_waiting_reports_are_refused_at_once(instance: DagsterInstance, blocking: Blocking) -> None:
    context = ReportingContext(FakeRecorder(blocking))
    with http_client(instance, context, storage_workers=1) as client, ThreadPoolExecutor(32) as clients:
        posts = [clients.submit(client.post, f"{MAT}/stuck") for _ in range(18)]
        first = next(as_completed(posts, timeout=10)).result()
        assert first.status_code == 503
        assert "Too many" in first.json()["error"]
        blocking.let_go.set()
        assert sorted(post.result().status_code for post in posts) == [200] * 17 + [503]


@pytest.mark.fault("SIGTERM while the storage hangs under a post", "P3")
def test_stopping_server_answers_what_it_cannot_finish(
    instance: DagsterInstance, blocking: Blocking, caplog: pytest.LogCaptureFixture
) -> None:
    with http_app(instance, ReportingContext(FakeRecorder(blocking))) as app, ThreadPoolExecutor() as clients:
        server = HttpServer(app, "127.0.0.1", 0)
        server.start()
        stuck = clients.submit(requests.post, f"http://127.0.0.1:{server.port}{MAT}/stuck", timeout=20)
        assert blocking.held.acquire(timeout=10)
        server.stop(2)
        answer = stuck.result(timeout=10)

    assert answer.status_code == 503
    assert answer.json()["error"] == "The server is stopping; an event in this request may still be recorded."
    assert "Traceback" not in caplog.text

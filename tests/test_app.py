"""The application as a whole: every failure is JSON of one shape, and tells nothing of the event."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from fake_recorders import FakeRecorder
from http_world import http_app, http_client
from known_keys import key_of, known_keys
from starlette.testclient import TestClient

from asset_events import ErrorDetail
from asset_reporting.app import create_app
from asset_reporting.handlers import ReportingContext
from asset_reporting.outcomes import Failed, Outcome, Recorded, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Scope


CANARY = "CANARYVALUE"
MAT = "/report_asset_materialization"
KEYS = known_keys("app")


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def client(instance: DagsterInstance, recorder: FakeRecorder) -> Iterator[TestClient]:
    with http_client(instance, ReportingContext(recorder), probe_interval_s=0.02) as client:
        yield client


def explode(_: object) -> NoReturn:
    raise ValueError(CANARY)


def check_error_shape(document: dict[str, Any], code: str) -> None:
    assert list(document) == ["status", "error", "code", "errors"]
    assert (document["status"], document["code"]) == ("error", code)
    assert document["errors"][0] == {"path": document["errors"][0]["path"], "code": code, "message": document["error"]}


@pytest.mark.parametrize("path", ["/", "/report_asset_check_evaluation/a", "/livez/", "//livez", "/a%0Ab", "/%ff"])
def test_unknown_route_is_json(client: TestClient, path: str) -> None:
    answer = client.post(path)

    assert answer.status_code == 404
    check_error_shape(answer.json(), "route.unknown")
    assert "POST /report_asset_materialization/{asset_key}, " in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
@pytest.mark.parametrize("path", [f"{MAT}/a", "/report_asset_check"])
def test_wrong_method_is_json_and_tells_the_right_one(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    check_error_shape(answer.json(), "method.unsupported")


def test_wrong_method_of_a_probe(client: TestClient) -> None:
    assert client.post("/livez").headers["Allow"] == "GET, HEAD"


def rejected(path: str, code: str, message: str) -> Rejected:
    return Rejected((ErrorDetail(path, code, message),))


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (Failed(CANARY), 500, "Failed to process asset event"),
        (Unavailable(CANARY), 503, "Dagster's database does not answer; the event was not recorded."),
        (
            Unavailable(CANARY, may_be_recorded=True),
            503,
            "Dagster's database does not answer; the event may still be recorded.",
        ),
        (rejected("/asset_key", "asset.unknown", "Asset key 'a' not found"), 404, "Asset key 'a' not found"),
        (rejected("/partition", "partition.unknown", "No such partition"), 400, "No such partition"),
        (rejected("", "storage.rejected", "Refused."), 400, "Refused."),
    ],
)
def test_every_outcome_has_its_answer(
    client: TestClient, recorder: FakeRecorder, outcome: Outcome, status: int, error: str
) -> None:
    recorder.answer = lambda _: outcome
    codes = {Failed: "internal", Unavailable: "storage.unavailable"}

    answer = client.post(f"{MAT}/a")

    assert answer.status_code == status
    code = outcome.errors[0].code if isinstance(outcome, Rejected) else codes[type(outcome)]
    check_error_shape(answer.json(), code)
    assert answer.json()["error"] == error
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert CANARY not in answer.text


def test_event_id_is_null_where_the_storage_does_not_tell_it(client: TestClient, recorder: FakeRecorder) -> None:
    recorder.answer = lambda _: Recorded(None)

    assert client.post(f"{MAT}/a").json()["event_id"] is None


def test_exception_in_the_recorder_is_one_line_without_values(
    client: TestClient, recorder: FakeRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer = explode

    with caplog.at_level(logging.WARNING):
        answer = client.post(f"{MAT}/a")

    assert answer.status_code == 500
    check_error_shape(answer.json(), "internal")
    assert answer.json()["error"] == "Failed to process asset event"
    (record,) = caplog.records
    assert (record.levelname, record.name, record.exc_info) == ("ERROR", "asset_bridge.http", None)
    assert record.getMessage().startswith("An event could not be processed: ValueError at test_app.py:")
    assert CANARY not in answer.text + str(vars(record))


def test_exception_outside_the_handlers_is_answered_and_not_raised_into_the_server(
    instance: DagsterInstance, recorder: FakeRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(WorkspaceProcessContext):
        def create_request_context(self, source: object = None) -> NoReturn:
            explode(source)

    with Broken(instance, EmptyWorkspaceTarget()) as process, caplog.at_level(logging.WARNING):
        app = create_app(process, reporting=ReportingContext(recorder))
        with TestClient(app) as client:
            answer = client.post(f"{MAT}/a")  # a raised exception would fail the test here

    assert answer.status_code == 500
    check_error_shape(answer.json(), "internal")
    (record,) = caplog.records
    assert record.getMessage().startswith("A request could not be processed: ValueError at test_app.py:")
    assert CANARY not in answer.text + str(vars(record))


def test_keys_guard_the_reports_and_not_the_probes(instance: DagsterInstance, recorder: FakeRecorder) -> None:
    with http_client(instance, ReportingContext(recorder), api_keys=KEYS) as client:
        refused = client.post(f"{MAT}/a")
        assert refused.status_code == 401
        check_error_shape(refused.json(), "api_key.invalid")
        assert client.get("/livez").status_code == 200
        assert client.post("/report_asset_check_evaluation/a").status_code == 401  # nor do they tell what exists
        key = {"X-API-Key": key_of("app")}
        assert client.post(f"{MAT}/a", headers=key).status_code == 200

    assert recorder.recorded == [("a",)]


def test_body_beyond_the_limit_is_not_read_on(instance: DagsterInstance, recorder: FakeRecorder) -> None:
    pieces = iter([b" " * 60, b" " * 60])
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}  # a third call would fail

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": MAT, "query_string": b"", "headers": []}
    with http_app(instance, ReportingContext(recorder), max_body_bytes=100) as app:
        asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 413


@pytest.mark.parametrize("sizes", [[101], [50, 50, 1], [1] * 101])
def test_body_is_counted_as_it_streams(instance: DagsterInstance, recorder: FakeRecorder, sizes: list[int]) -> None:
    with http_client(instance, ReportingContext(recorder), max_body_bytes=100) as client:
        answer = client.post(f"{MAT}/a", content=(b" " * size for size in sizes))
        assert "content-length" not in answer.request.headers
        assert answer.status_code == 413
        check_error_shape(answer.json(), "event.too_large")

        exact = b'{"description": "' + b"x" * 81 + b'"}'
        assert client.post(f"{MAT}/b", content=iter([exact])).status_code == 200

    assert recorder.recorded == [("b",)]

"""The real Dagster UI with our endpoints in it: one application, one guard around it, no way past either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import dagster_webserver.webserver
import pytest
from dagster import AssetKey, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_reading import count_rows, latest_materialization, runless_events
from known_keys import entry_of, key_of, keys_file, known_keys
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from asset_reporting.auth import API_KEYS_FILE_VARIABLE, AssetReportingAuthMiddleware
from asset_reporting.http_reporting import HttpReporting
from asset_reporting.storage_threads import StorageThreadsError
from asset_reporting.webserver import AssetReportingWebserver as DagsterWebserver

pytestmark = pytest.mark.heavy  # two seconds of imports, and a GraphQL schema for each application

KEY = key_of("ui")
WITH_KEY = {"X-API-Key": KEY}
GUARD = Middleware(AssetReportingAuthMiddleware, api_keys=known_keys("ui"))
LATEST = 'query { assetOrError(assetKey: {path: ["%s"]}) { ... on Asset { assetMaterializations { description } } } }'
RUN_EVENT = {
    "eventType": "COMPLETE", "eventTime": "2024-01-15T10:30:00Z", "producer": "https://example.com",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "0190b5a4-1234-7000-8000-000000000001"}, "job": {"namespace": "n", "name": "j"},
    "inputs": [], "outputs": [{"namespace": "n", "name": "of_lineage"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def process(instance: DagsterInstance) -> Iterator[WorkspaceProcessContext]:
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="") as process:
        yield process


@pytest.fixture(scope="module", params=["", "/dagster"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(process: WorkspaceProcessContext, prefix: str) -> Starlette:
    return DagsterWebserver(process, prefix).create_asgi_app(middleware=[GUARD])


@pytest.fixture(scope="module")
def client(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_the_documents_snippet_works_as_written(
    process: WorkspaceProcessContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEYS_FILE_VARIABLE, str(keys_file(tmp_path / "keys", entry_of("ui", ["*:*"]))))
    workspace_context = process

    webserver = DagsterWebserver(workspace_context)
    app = webserver.create_asgi_app(middleware=[Middleware(AssetReportingAuthMiddleware)])

    with TestClient(app) as client:
        assert client.post("/report_asset_materialization/snippet").status_code == 401
        assert client.post("/report_asset_materialization/snippet", headers=WITH_KEY).status_code == 200


def test_the_documents_own_middleware_works_as_written(process: WorkspaceProcessContext) -> None:
    def validate_api_key(key: str) -> bool:
        return key == KEY

    class AssetReportingAuthMiddleware(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Callable[[Request], Any]) -> Response:
            if request.url.path.startswith("/report_asset"):
                api_key = request.headers.get("X-API-Key")
                if not api_key or not validate_api_key(api_key):
                    return JSONResponse({"error": "Invalid API key"}, status_code=401)
            answer: Response = await call_next(request)
            return answer

    app = DagsterWebserver(process).create_asgi_app(middleware=[Middleware(AssetReportingAuthMiddleware)])

    with TestClient(app) as client:
        refused = client.post("/report_asset_check/own", json={"check_name": "c", "passed": True})
        assert (refused.status_code, refused.json()) == (401, {"error": "Invalid API key"})
        assert client.post("/report_asset_observation/own", headers=WITH_KEY).status_code == 200
        assert client.get("/server_info").status_code == 200


def test_the_ui_shows_what_was_reported(client: TestClient, prefix: str) -> None:
    name = f"shown{len(prefix)}"
    body = {"description": "by post"}
    posted = client.post(f"{prefix}/report_asset_materialization/{name}", json=body, headers=WITH_KEY)
    assert (posted.status_code, posted.json()["status"]) == (200, "success")
    assert int(posted.json()["event_id"]) > 0

    page = client.get(f"{prefix}/")
    assert page.status_code == 200
    assert "<!doctype html>" in page.text.lower()
    assert client.get(f"{prefix}/assets/{name}").status_code == 200
    answer = client.post(f"{prefix}/graphql", json={"query": LATEST % name})
    (latest,) = answer.json()["data"]["assetOrError"]["assetMaterializations"]
    assert latest == {"description": "by post"}


def test_a_page_of_another_site_cannot_report_by_dagsters_own_graphql(
    instance: DagsterInstance, client: TestClient, prefix: str
) -> None:
    """It takes a mutation by GET, as an image of any page would ask for it, and asks for no key."""
    params = {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["a"]}}
    mutation = (
        "mutation ($p: ReportRunlessAssetEventsParams!) { reportRunlessAssetEvents(eventParams: $p) { __typename } }"
    )
    query, before = {"query": mutation, "variables": json.dumps({"p": params})}, len(runless_events(instance))
    for site in ("cross-site", "same-site"):
        for method in ("GET", "POST"):
            answer = client.request(method, f"{prefix}/graphql", params=query, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect(f"{prefix}/graphql", ["graphql-ws"], headers={"Sec-Fetch-Site": site}),
        ):
            pass
    assert len(runless_events(instance)) == before

    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert client.get(f"{prefix}/graphql", params=query, headers=headers).status_code == 200
    assert len(runless_events(instance)) == before + 3
    with client.websocket_connect(f"{prefix}/graphql", ["graphql-ws"], headers={"Sec-Fetch-Site": "same-origin"}):
        pass


@pytest.mark.parametrize(
    ("path", "body", "recorded"),
    [
        ("/report_asset_check/a", {"check_name": "c", "passed": True}, 1),
        ("/report_asset_observation", {"asset_key": "a"}, 1),
        ("/report_asset_events", [{"event_type": "asset_observation", "asset_key": "a"}] * 3, 3),
        ("/api/v1/lineage", RUN_EVENT, 1),
    ],
)
def test_every_report_needs_the_key_and_is_recorded(
    instance: DagsterInstance, client: TestClient, prefix: str, path: str, body: Any, recorded: int
) -> None:
    if "run" in body:
        body |= {"run": {"runId": f"0190b5a4-1234-7000-8000-{len(prefix):012}"}}  # the same run twice is one report
    before = len(runless_events(instance))
    assert client.post(prefix + path, json=body).status_code == 401
    assert client.post(prefix + path, json=body, headers={"X-API-Key": "wrong"}).status_code == 401
    assert len(runless_events(instance)) == before

    assert client.post(prefix + path, json=body, headers=WITH_KEY).status_code < 300
    assert len(runless_events(instance)) == before + recorded


def test_what_is_no_report_below_our_paths_is_answered_in_json(client: TestClient, prefix: str) -> None:
    answer = client.get(f"{prefix}/report_asset_check/a", headers=WITH_KEY)
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "method.unsupported")
    answer = client.post(f"{prefix}/report_asset_materialisation/a", headers=WITH_KEY)
    assert (answer.status_code, answer.json()["code"]) == (404, "route.unknown")


def test_a_prefix_is_the_only_way_in(process: WorkspaceProcessContext, instance: DagsterInstance) -> None:
    before = count_rows(instance)
    with TestClient(DagsterWebserver(process, "/dagster").create_asgi_app()) as client:
        assert client.post("/report_asset_materialization/beside").status_code == 404
    assert count_rows(instance) == before


INNER = [
    "/report_asset_materialization/a", "/report_asset_materialization/a/", "/report_asset_materialization/",
    "/report_asset_materialization", "/report_asset_check/a", "/report_asset_observation/a/b", "/report_asset_events",
    "/report_asset_events/", "//report_asset_check/a", "/report_asset_check//a", "/REPORT_ASSET_CHECK/a",
    "/Report_Asset_Materialization/a", "/./report_asset_check/a", "/x/../report_asset_check/a",
    "/report_asset_events/../report_asset_materialization/a", "/static/../report_asset_check/a",
    "/report_asset_check/%2e%2e/a", "/report_asset_check%2Fa", "/%72eport_asset_check/a", "/report_asset_check;x/a",
    "/report_asset_materialization/a\n", "/report_asset_materialization/a\nb", "/report_asset_check\\a",
    "/api/v1/lineage", "/api/v1/lineage/", "/API/v1/lineage", "/api/v1//lineage",
]  # fmt: skip
OUTER = ["", "/dagster", "//dagster", "/DAGSTER", "/dagster/", "/dagster/dagster", "/x/../dagster"]
METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "REPORT"]


async def status_of(app: Starlette, method: str, path: str, root_path: str = "") -> int:
    """The status for a raw ASGI scope, as a server hands it over: a client library would tidy the path up first."""
    sent: list[Message] = []
    body = b'{"asset_key": "a", "check_name": "c", "passed": true}'
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"asset_key=a&check_name=c&passed=true",
        "root_path": root_path, "headers": [(b"host", b"x"), (b"content-type", b"application/json")],
        "server": ("x", 80), "client": ("y", 1),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


def test_no_path_and_no_method_leads_past_the_guard_or_to_dagsters_own_handlers(
    app: Starlette, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = list[str]()

    async def stock(_: Any, request: Request) -> Response:
        reached.append(f"{request.method} {request.url.path}")
        return Response()

    for kind in ("materialization", "check", "observation"):
        monkeypatch.setattr(dagster_webserver.webserver, f"handle_report_asset_{kind}_request", stock)
    before = count_rows(instance)

    async def answers() -> dict[tuple[str, str], int]:
        asked = [*product(["POST"], OUTER, INNER, ["", "/proxy"]), *product(METHODS[1:], OUTER[:2], INNER, [""])]
        return {
            (how, outer + inner): await status_of(app, how, outer + inner, root) for how, outer, inner, root in asked
        }

    answered = asyncio.run(answers())

    assert reached == []
    assert count_rows(instance) == before
    # What is not refused for its key is no report: a page of the UI, a wrong method, or nothing at all.
    taken = {asked for asked, status in answered.items() if status not in {401, 404, 405, 307}}
    assert {method for method, _ in taken} <= {"GET", "HEAD"}


def test_the_stock_routes_lead_to_our_handlers_too(process: WorkspaceProcessContext, instance: DagsterInstance) -> None:
    app = DagsterWebserver(process).create_asgi_app()
    app.router.routes[:] = [route for route in app.router.routes if "{rest:path}" not in getattr(route, "path", "")]

    with TestClient(app) as client:
        answer = client.post("/report_asset_materialization/by_stock_route", json={"tags": {"a": "b"}})
        nameless = client.post("/report_asset_check/by_stock_route", json={"passed": True})
        assert client.post("/report_asset_observation/by_stock_route").json()["status"] == "success"

    assert answer.json()["status"] == "success"
    assert nameless.json()["code"] == "field.missing"
    assert latest_materialization(instance, AssetKey("by_stock_route")).tags == {"a": "b"}


def test_handlers_get_the_request_context_of_the_webserver(process: WorkspaceProcessContext) -> None:
    made = list[HTTPConnection]()

    class Counting(DagsterWebserver):
        def _make_request_context(self, conn: HTTPConnection) -> Any:
            made.append(conn)
            return super()._make_request_context(conn)

    with TestClient(Counting(process).create_asgi_app()) as client:
        assert client.post("/report_asset_materialization/counted").status_code == 200
    assert [conn.url.path for conn in made] == ["/report_asset_materialization/counted"]


def test_a_read_only_webserver_takes_no_reports(instance: DagsterInstance) -> None:
    with (
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="", read_only=True) as process,
        TestClient(DagsterWebserver(process).create_asgi_app()) as client,
    ):
        assert client.post("/report_asset_materialization/a").status_code == 403
        assert client.get("/").status_code == 200


def test_the_recorder_is_the_best_one_and_closed_with_the_application(process: WorkspaceProcessContext) -> None:
    told = list[str]()

    class Lifespan:
        def __init__(self, app: Starlette) -> None:
            self._reporting = app.state.reporting

        async def __aenter__(self) -> None:
            told.append("started")

        async def __aexit__(self, *_: object) -> None:
            await self._reporting.reporter.report([])  # open until the very end
            told.append("stopped")

    app = DagsterWebserver(process).create_asgi_app(lifespan=Lifespan)
    assert app.state.asset_bridge_checks_scopes is True
    with TestClient(app):
        reporting = app.state.reporting
        assert isinstance(reporting, HttpReporting)
        assert type(reporting.reporter).__name__ == "GroupCommit"  # what the transactional recorder has
    with pytest.raises(StorageThreadsError):
        asyncio.run(reporting.reporter.report([]))
    with TestClient(app) as client:
        assert client.post("/report_asset_materialization/again").status_code == 200
    assert told == ["started", "stopped"] * 2


def test_middleware_stands_in_its_order_around_everything(process: WorkspaceProcessContext) -> None:
    seen = list[str]()

    def noting(name: str) -> Middleware:
        class Noting(BaseHTTPMiddleware):
            async def dispatch(self, request: Request, call_next: Callable[[Request], Any]) -> Response:
                seen.append(name)
                answer: Response = await call_next(request)
                return answer

        return Middleware(Noting)

    app = DagsterWebserver(process).create_asgi_app(middleware=[noting("outer"), noting("inner")])
    answer = TestClient(app).get("/server_info")

    assert seen == ["outer", "inner"]
    assert "x-dagster-call-counts" in answer.headers  # Dagster's own is still there

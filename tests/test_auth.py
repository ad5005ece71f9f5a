from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from asset_reporting.auth import API_KEYS_FILE_VARIABLE, ApiKeys, AssetReportingAuthMiddleware, InvalidApiKeysError

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

KEY = "first-key-0123456789"
OTHER_KEY = "second-key-0123456789"
KEYS = ApiKeys([KEY, OTHER_KEY])
REFUSAL = {
    "status": "error",
    "error": "Invalid API key",
    "code": "api_key.invalid",
    "errors": [{"path": "", "code": "api_key.invalid", "message": "Invalid API key"}],
}


async def admitted(_: Request) -> PlainTextResponse:
    return PlainTextResponse("admitted")


def app_with(*middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/{path:path}", admitted, methods=["GET", "POST"])], middleware=list(middleware))


@pytest.fixture
def client() -> TestClient:
    return TestClient(app_with(Middleware(AssetReportingAuthMiddleware, api_keys=KEYS)))


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_each_known_key_admits(client: TestClient, key: str) -> None:
    answer = client.post("/report_asset_check/a", headers={"X-API-Key": key})

    assert (answer.status_code, answer.text) == (200, "admitted")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong-key-0123456789"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": KEY + "0"},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": f"{KEY}, {OTHER_KEY}"},
        {"X-API-Key": b"\xff\xfe"},
        {"Authorization": f"Bearer {KEY}"},
        {"Cookie": f"X-API-Key={KEY}"},
    ],
)
def test_anything_but_a_known_key_in_its_header_is_refused(client: TestClient, headers: dict[str, Any]) -> None:
    answer = client.post(f"/report_asset_check/a?X-API-Key={KEY}&api_key={KEY}", headers=headers)

    assert answer.status_code == 401
    assert answer.json() == REFUSAL
    assert answer.headers["WWW-Authenticate"] == "X-API-Key"


def test_second_key_header_is_refused_even_if_both_are_good(client: TestClient) -> None:
    answer = client.post("/report_asset_check/a", headers=[("X-API-Key", KEY), ("x-api-key", OTHER_KEY)])

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Authorization", f"Bearer {KEY}")], 200),
        ([("authorization", f"bearer  {KEY}")], 200),
        ([("X-API-Key", KEY)], 200),
        ([("X-API-Key", KEY), ("Authorization", "Basic eDp5")], 200),
        ([], 401),
        ([("Authorization", KEY)], 401),
        ([("Authorization", f"Basic {KEY}")], 401),
        ([("Authorization", "Bearer")], 401),
        ([("Authorization", f"Bearer {KEY}x")], 401),
        ([("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}")], 401),
        ([("X-API-Key", "wrong"), ("Authorization", f"Bearer {KEY}")], 401),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/lineage", "/API/v1/lineage/"])
def test_lineage_takes_the_key_as_a_bearer_token_too(
    client: TestClient, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    answer = client.post(path, headers=headers)

    assert answer.status_code == status
    assert status == 200 or answer.headers["WWW-Authenticate"] == "X-API-Key, Bearer"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD"])
def test_every_method_is_guarded(client: TestClient, method: str) -> None:
    assert client.request(method, "/report_asset_materialization/a").status_code == 401


def status_of(path: str, *, root_path: str = "", path_prefix: str = "") -> int:
    """The status for a raw ASGI scope: a client library would tidy the path up first."""
    sent: list[Message] = []
    app = AssetReportingAuthMiddleware(PlainTextResponse("admitted"), KEYS, path_prefix=path_prefix)
    scope: Scope = {"type": "http", "method": "POST", "path": path, "root_path": root_path, "headers": []}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, never_receive, send))
    return int(sent[0]["status"])


async def never_receive() -> Message:
    raise AssertionError("the body was read")


@pytest.mark.parametrize(
    "path",
    [
        "/report_asset_materialization/a/b",
        "/report_asset_materialization/",
        "/report_asset_materialization",
        "/report_asset_events",
        "/report_asset_check/a\n",
        "//report_asset_check/a",
        "///report_asset_check/a",
        "/REPORT_ASSET_check/a",
        "report_asset_check/a",
    ],
)
def test_report_paths_are_guarded(path: str) -> None:
    assert status_of(path) == 401


@pytest.mark.parametrize(
    "path", ["/", "", "/livez", "/report", "/graphql", "/assets/report_asset_check", "/report-asset"]
)
def test_other_paths_are_left_alone(path: str) -> None:
    assert status_of(path) == 200


@pytest.mark.parametrize("root_path", ["/dagster", "/dagster/", "/a/b"])
@pytest.mark.parametrize(("inner", "status"), [("/report_asset_check/a", 401), ("/livez", 200)])
def test_prefix_of_an_outer_mount_is_not_part_of_the_path(root_path: str, inner: str, status: int) -> None:
    assert status_of(root_path.rstrip("/") + inner, root_path=root_path) == status
    assert status_of(inner, root_path=root_path) == status  # a proxy that strips the prefix itself


def test_own_mount_is_guarded_when_its_prefix_is_given() -> None:
    assert status_of("/dagster/report_asset_check/a", path_prefix="/dagster") == 401
    assert status_of("/dagster/assets", path_prefix="/dagster") == 200


def test_guards_inside_a_real_mount() -> None:
    inner = app_with(Middleware(AssetReportingAuthMiddleware, api_keys=KEYS))
    client = TestClient(Starlette(routes=[Mount("/dagster", inner)]))

    assert client.post("/dagster/report_asset_check/a").status_code == 401
    assert client.post("/dagster/report_asset_check/a", headers={"X-API-Key": KEY}).status_code == 200
    assert client.get("/dagster/assets").status_code == 200


def test_body_passes_unread() -> None:
    async def reads_body(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)

    client = TestClient(AssetReportingAuthMiddleware(reads_body, KEYS))

    assert client.post("/report_asset_check/a", headers={"X-API-Key": KEY}, content=b"whole").text == "whole"


def test_other_protocols_pass() -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def send(_: Message) -> None:
        raise AssertionError("nothing to send")

    app = AssetReportingAuthMiddleware(inner, KEYS)
    for kind in ("lifespan", "websocket"):
        asyncio.run(app({"type": kind, "path": "/report_asset_check/a", "headers": []}, never_receive, send))

    assert seen == ["lifespan", "websocket"]


def test_middleware_without_keys_reads_the_file_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_file = tmp_path / "keys"
    keys_file.write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.setenv(API_KEYS_FILE_VARIABLE, str(keys_file))
    client = TestClient(app_with(Middleware(AssetReportingAuthMiddleware)))

    assert client.post("/report_asset_check/a").status_code == 401
    assert client.post("/report_asset_check/a", headers={"X-API-Key": KEY}).status_code == 200


def test_middleware_without_any_keys_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEYS_FILE_VARIABLE, raising=False)

    with pytest.raises(InvalidApiKeysError, match="ASSET_BRIDGE_HTTP__API_KEYS_FILE"):
        AssetReportingAuthMiddleware(PlainTextResponse("admitted"))


def test_refusal_logs_no_key(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post("/report_asset_check/a", headers={"X-API-Key": "canary-key-0123456789"})

    assert "canary" not in " ".join(str(vars(record)) for record in caplog.records if record.name[:5] == "asset")

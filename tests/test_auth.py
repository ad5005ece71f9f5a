from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from known_keys import entry_of, key_of, keys_file, known_keys
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from asset_reporting.api_key_file import InvalidApiKeysError
from asset_reporting.auth import API_KEYS_FILE_VARIABLE, SCOPES_ARE_CHECKED, AssetReportingAuthMiddleware
from asset_reporting.rate_limit import RateLimit

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

KEY, OTHER_KEY = key_of("first"), key_of("second")
KEYS = known_keys("first", "second")
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
        {"X-API-Key": key_of("third")},
        {"X-API-Key": key_of("second").replace("second", "first")},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": KEY + "0"},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": f"{KEY}, {OTHER_KEY}"},
        {"X-API-Key": b"\xff\xfe"},
        {"Authorization": f"Basic {KEY}"},
        {"Cookie": f"X-API-Key={KEY}"},
    ],
)
def test_anything_but_a_known_key_in_its_header_is_refused(client: TestClient, headers: dict[str, Any]) -> None:
    answer = client.post(f"/report_asset_check/a?X-API-Key={KEY}&api_key={KEY}", headers=headers)

    assert answer.status_code == 401
    assert answer.json() == REFUSAL
    assert answer.headers["WWW-Authenticate"] == "X-API-Key, Bearer"


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
        ([("X-API-Key", KEY), ("Authorization", f"Bearer {OTHER_KEY}")], 401),
        ([("Authorization", "Basic eDp5"), ("Authorization", f"Bearer {KEY}")], 200),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/lineage", "/API/v1/lineage/", "/report_asset_events"])
def test_the_key_may_be_a_bearer_token(
    client: TestClient, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    answer = client.post(path, headers=headers)

    assert answer.status_code == status
    assert status == 200 or answer.headers["WWW-Authenticate"] == "X-API-Key, Bearer"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD"])
def test_every_method_is_guarded(client: TestClient, method: str) -> None:
    assert client.request(method, "/report_asset_materialization/a").status_code == 401


def status_of(path: str, *, root_path: str = "", path_prefix: str = "", method: str = "POST") -> int:
    """The status for a raw ASGI scope: a client library would tidy the path up first."""
    sent: list[Message] = []
    app = AssetReportingAuthMiddleware(PlainTextResponse("admitted"), KEYS, path_prefix=path_prefix)
    scope: Scope = {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": []}

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
    "path", ["/", "", "/livez", "/report", "/graphql", "/assets/report-asset_check", "/report-asset"]
)
def test_other_paths_are_left_alone(path: str) -> None:
    assert status_of(path) == 200


def test_below_a_prefix_that_nobody_told_of_what_is_sent_is_guarded_and_pages_are_not() -> None:
    for path in ("/dagster/report_asset_check/a", "/dagster//REPORT_ASSET_events", "/x/y/api/v1/lineage"):
        assert [status_of(path, method=method) for method in ("POST", "PUT", "GET", "HEAD")] == [401, 401, 200, 200]


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
    monkeypatch.setenv(API_KEYS_FILE_VARIABLE, str(keys_file(tmp_path / "keys", entry_of("first"))))
    client = TestClient(app_with(Middleware(AssetReportingAuthMiddleware)))

    assert client.post("/report_asset_check/a").status_code == 401
    assert client.post("/report_asset_check/a", headers={"X-API-Key": KEY}).status_code == 200


def test_middleware_without_any_keys_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEYS_FILE_VARIABLE, raising=False)

    with pytest.raises(InvalidApiKeysError, match="ASSET_BRIDGE_HTTP__API_KEYS_FILE"):
        AssetReportingAuthMiddleware(PlainTextResponse("admitted"))


def test_a_refusal_tells_the_log_why_and_never_what_was_sent(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = KEY[:-8] + "canaries"
    with caplog.at_level(logging.DEBUG):
        for sent in ("canary-key-0123456789", wrong, key_of("canary"), ""):
            client.post("/report_asset_check/a", headers={"X-API-Key": sent})

    told = [vars(record) for record in caplog.records if record.name == "asset_bridge.http"]
    assert [one["reason"] for one in told] == ["malformed", "wrong", "unknown", "malformed"]
    assert "canar" not in str(told)


def behind(scopes: list[str], **options: Any) -> TestClient:
    return TestClient(app_with(Middleware(AssetReportingAuthMiddleware, known_keys("k", scopes=scopes), **options)))


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        (["*:*"], "/report_asset_check/a", 200),
        (["check:*"], "/report_asset_check/a", 200),
        (["check:*"], "/report_asset_check", 200),
        (["check:*"], "/report_asset_materialization/a", 403),
        (["check:*"], "/report_asset_checks/a", 403),
        (["check:*"], "//report_asset_check/a", 200),
        (["check:*"], "/report_asset_events", 403),
        (["check:*"], "/api/v1/lineage", 403),
        (["check:*", "materialization:*", "observation:*"], "/report_asset_events", 200),
        (["check:a"], "/report_asset_check/a", 403),
        (["*:a"], "/report_asset_check/a", 403),
        ([], "/report_asset_check/a", 403),
        (["operator"], "/report_asset_check/a", 403),
    ],
)
def test_where_handlers_do_not_check_only_scopes_for_every_asset_are_enough(
    scopes: list[str], path: str, status: int
) -> None:
    answer = behind(scopes).post(path, headers={"X-API-Key": key_of("k")})

    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "asset.forbidden"


def test_where_handlers_check_the_scopes_any_key_passes() -> None:
    headers = {"X-API-Key": key_of("k")}
    marked = behind(["check:a"])
    setattr(marked.app.state, SCOPES_ARE_CHECKED, True)  # type: ignore[attr-defined] # a Starlette application

    assert marked.post("/report_asset_check/b", headers=headers).status_code == 200
    assert behind(["check:a"], scopes_checked=True).post("/report_asset_check/b", headers=headers).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_again_and_others_are_not_held_up() -> None:
    now = [0.0]
    guard = Middleware(AssetReportingAuthMiddleware, KEYS, rate_limit=RateLimit(0.5, 2, lambda: now[0]))
    client = TestClient(app_with(guard))

    def post(key: str) -> tuple[int, str | None]:
        answer = client.post("/report_asset_check/a", headers={"X-API-Key": key})
        return answer.status_code, answer.headers.get("Retry-After")

    assert [post(KEY) for _ in range(3)] == [(200, None), (200, None), (429, "2")]
    assert post(OTHER_KEY) == (200, None)
    now[0] = 1.5
    assert post(KEY) == (429, "1")
    now[0] = 2.0
    assert [post(KEY), post(KEY)] == [(200, None), (429, "2")]
    now[0] = 1e6
    assert [post(KEY)[0] for _ in range(3)] == [200, 200, 429]


def test_requests_without_a_key_take_nothing_from_those_with_one() -> None:
    client = TestClient(app_with(Middleware(AssetReportingAuthMiddleware, KEYS, rate_limit=RateLimit(0.001, 1))))
    for _ in range(3):
        assert client.post("/report_asset_check/a", headers={"X-API-Key": KEY[:-1] + "-"}).status_code == 401
    assert client.post("/report_asset_check/a", headers={"X-API-Key": KEY}).status_code == 200

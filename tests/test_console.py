"""The console's pages: who sees and does what, and that nothing in an event can become part of a page."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from console_flow import HOSTILE, OPERATOR, VIEWER
from dagster import DagsterInstance
from known_keys import entry_of, key_of, keys_file
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from asset_consumer.console import access
from asset_consumer.console.access import Keys, Sessions, load_keys
from asset_consumer.console.app import STATIC, create_console
from asset_consumer.console.events import RecordedEvent
from asset_consumer.console.letter_book import LetterBook, LetterLine
from asset_consumer.console.letter_order import Order
from asset_consumer.console.letter_work import Foresight
from asset_consumer.console.orders import Preview, Run, Shelf
from asset_consumer.console.world import World
from asset_consumer.settings import Settings
from asset_consumer.settings_console import ConsoleSettings
from asset_consumer.settings_error import SettingsError
from asset_consumer.settings_kafka import KafkaSettings
from asset_reporting import request_body
from asset_reporting.api_keys import ApiKeys, Caller
from asset_reporting.pause_store import PauseStore
from asset_reporting.scopes import parse_scopes

TEMPLATES = STATIC.parent / "templates"

LINE = LetterLine(
    place=("dagster.asset-events.dlq", 0, 7),
    written_ms=1,
    id="dagster.asset-events/0/9",
    topic="dagster.asset-events",
    code=HOSTILE,
    stage="schema",
    asset=HOSTILE,
    key=HOSTILE,
    failed_at=datetime(2026, 1, 15, tzinfo=UTC),
    path=f"/{HOSTILE}",
    message=HOSTILE,
    replays=1,
    state="open",
)

EVENT = RecordedEvent(
    1, datetime(2026, 1, 15, tzinfo=UTC), "check", (HOSTILE,), HOSTILE, HOSTILE, passed=False, record=HOSTILE
)

KEYS = ApiKeys([entry_of("o", ["operator"]), entry_of("v", ["viewer"]), entry_of("r")])

Visitor = Callable[..., TestClient]


@pytest.fixture
def visitor() -> Visitor:
    """Makes a browser of a console that knows what it was told, and asks nobody."""

    def open_console(*, keys: Keys | None = None, **settings: Any) -> TestClient:
        kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
        console = ConsoleSettings(dagster_url="http://dagster", **settings)
        world = World(Settings(kafka=kafka, console=console), keys or Keys(KEYS, anonymous=True))
        world.letters.learn(LetterBook(lines=(LINE,)))
        world.events.learn([EVENT])
        return TestClient(create_console(world), base_url="http://localhost", follow_redirects=False)

    return open_console


def sign_in(client: TestClient, key: str, **headers: str) -> TestClient:
    answer = client.post("/sign-in", data={"key": key}, headers=headers)
    assert answer.status_code == 303
    return client


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "path", ["/", "/events", "/letters", "/letters?topic=dagster.asset-events", f"/letters?text={HOSTILE}"]
)
def test_nothing_in_an_event_or_a_letter_becomes_part_of_the_page(visitor: Visitor, path: str) -> None:
    page = visitor().get(path)

    assert page.status_code == 200
    assert not re.search(r"<img|<script>|onerror=alert\(1\)>\"|\u202e", page.text)
    assert "&lt;script&gt;alert(2)" in page.text or path == "/"
    assert r"\u202e" in page.text


def test_every_answer_forbids_what_the_pages_do_not_need(visitor: Visitor) -> None:
    client = visitor()
    for path in ("/", "/static/console.css", "/nothing", "/letter?at=nonsense", "/result?id=x"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_templates_hold_no_script_no_style_and_no_address_of_elsewhere() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?! src=\"static/)|<style|\sstyle=|\son\w+=|https?://|\|safe", text), (
            template.name
        )


def test_only_names_of_this_machine_reach_a_console_on_loopback(visitor: Visitor) -> None:
    client = visitor()
    hosts = {
        "localhost:3080": 200,
        "127.0.0.1": 200,
        "[::1]:3080": 200,
        "evil.example": 403,
        "localhost.evil.example": 403,
    }
    assert {host: client.get("/events", headers={"host": host}).status_code for host in hosts} == hosts
    assert visitor(host="0.0.0.0").get("/events", headers={"host": "console.example"}).status_code == 200


def test_without_a_key_everything_is_shown_and_nothing_done(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    client = visitor()
    assert client.get("/letters").status_code == 200
    assert client.post("/preview", data={"action": "park", "at": LINE.at}).status_code == 403
    assert client.post("/apply", data={"id": "x"}).status_code == 403
    assert [record.__dict__["who"] for record in caplog.records if record.name == "asset_bridge.audit"] == [
        "anonymous"
    ] * 2


def test_a_viewers_key_lets_look_and_do_nothing(visitor: Visitor) -> None:
    client = visitor(keys=Keys(KEYS, anonymous=False))
    for path in ("/", "/events", "/letters", "/letter?at=x", "/value?at=x", "/preview?id=x", "/result?id=x"):
        assert client.get(path).headers["location"] == "sign-in"
    sign_in(client, VIEWER)
    assert client.get("/letters").status_code == 200
    assert client.post("/preview", data={"action": "park", "at": LINE.at, "csrf": csrf(client)}).status_code == 403


def test_an_operators_form_needs_the_token_of_its_session(visitor: Visitor) -> None:
    client, other = sign_in(visitor(), OPERATOR), sign_in(visitor(), OPERATOR)
    for token in ("", "wrong", csrf(other)):
        assert client.post("/preview", data={"action": "park", "at": LINE.at, "csrf": token}).status_code == 403
    assert client.post("/preview", data={"action": "none", "at": LINE.at, "csrf": csrf(client)}).status_code == 400


def test_an_operator_pauses_and_resumes_a_topic_in_his_name(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in(visitor(), OPERATOR)
    topic = "dagster.asset-events"
    with DagsterInstance.local_temp() as instance, caplog.at_level("INFO", "asset_bridge.audit"):
        monkeypatch.setattr(client.app.state.world.storage, "instance", lambda: instance)  # type: ignore[attr-defined] # a Starlette application

        def post(**form: str) -> int:
            return client.post("/pause", data={"csrf": csrf(client), "topic": topic, **form}).status_code

        assert [
            post(do="pause"),
            post(do="pause", reason="x\ny"),
            post(do="stop"),
            post(do="pause", topic="other"),
        ] == [400] * 4
        assert PauseStore(instance).read("asset-bridge") == {}
        assert post(do="pause", reason="a long load") == 303
        kept = PauseStore(instance).read("asset-bridge")[topic]
        assert (kept.by, kept.reason) == ("o", "a long load")
        assert post(do="resume") == 303
        assert PauseStore(instance).read("asset-bridge") == {}

    audited = [vars(record) for record in caplog.records if vars(record).get("happening") == "console_paused"]
    assert [(one["who"], one["action"], one["topic"]) for one in audited] == [
        ("o", "pause", topic),
        ("o", "resume", topic),
    ]


def test_nobody_else_pauses(visitor: Visitor) -> None:
    form = {"do": "pause", "topic": "dagster.asset-events", "reason": "r"}
    viewer = sign_in(visitor(), VIEWER)
    assert viewer.post("/pause", data={**form, "csrf": csrf(viewer)}).status_code == 403
    assert visitor().post("/pause", data=form).status_code == 403
    operator = sign_in(visitor(), OPERATOR)
    assert operator.post("/pause", data={**form, "csrf": "wrong"}).status_code == 403


def test_forms_of_other_sites_are_refused(visitor: Visitor) -> None:
    client = visitor()
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://[evil"},
        {"sec-fetch-site": "cross-site"},
    ):
        assert client.post("/sign-in", data={"key": OPERATOR}, headers=headers).status_code == 403
    assert client.post("/sign-in", data={"key": OPERATOR}, headers={"origin": "http://localhost"}).status_code == 303


def test_a_wrong_key_is_refused_and_logged_without_it(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    answer = visitor().post("/sign-in", data={"key": "not-one-of-the-keys"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not-one-of-the-keys" not in answer.text + caplog.text


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(visitor: Visitor) -> None:
    plain, secure = visitor(), visitor()
    cookie = plain.post("/sign-in", data={"key": OPERATOR}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    for proxies in ("https", "HTTPS, http"):
        forwarded = secure.post("/sign-in", data={"key": OPERATOR}, headers={"x-forwarded-proto": proxies})
        assert "Secure" in forwarded.headers["set-cookie"]


def test_a_session_ends_by_signing_out(visitor: Visitor) -> None:
    client = sign_in(visitor(), OPERATOR)
    token = client.cookies["asset_bridge_console"]
    assert client.post("/sign-out", data={"csrf": "wrong"}).status_code == 403
    assert client.post("/sign-out", data={"csrf": csrf(client)}).status_code == 303
    client.cookies.set("asset_bridge_console", token)
    assert "Sign out" not in client.get("/").text


def test_a_session_ends_with_its_key(visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asset_reporting.api_keys.LOOK_EVERY_S", 0.0)
    file = keys_file(tmp_path / "keys", entry_of("o", ["operator"]), entry_of("v", ["viewer"]))
    client = sign_in(visitor(keys=Keys(ApiKeys.from_file(file), anonymous=False)), OPERATOR)
    keys_file(file, entry_of("o", ["viewer"]), entry_of("v", ["viewer"]))
    assert client.get("/letters").headers["location"] == "sign-in"
    sign_in(client, VIEWER)
    keys_file(file, entry_of("o", ["operator"]))
    assert client.get("/letters").headers["location"] == "sign-in"
    sign_in(client, OPERATOR)
    keys_file(file, entry_of("o", ["operator"]).model_copy(update={"sha256": "0" * 64}))  # another key of this id
    assert client.get("/letters").headers["location"] == "sign-in"


def test_a_key_that_only_reports_is_no_good_at_the_console(visitor: Visitor) -> None:
    assert visitor().post("/sign-in", data={"key": key_of("r")}).status_code == 401


def test_a_session_ends_by_its_time() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    token, session = sessions.begin(Caller("ada-1", "Ada", parse_scopes(["operator"])))
    now[0] = access.SESSION_S - 1
    assert sessions.find(token) is session
    assert (session.who, session.may_act) == ("Ada (ada-1)", True)
    now[0] += 1
    assert sessions.find(token) is None


def test_beyond_loopback_nobody_looks_without_a_key_unless_that_is_wanted(tmp_path: Path) -> None:
    file = keys_file(tmp_path / "keys", entry_of("o", ["operator"]))

    def keys(**settings: Any) -> Keys:
        return load_keys(Settings(console=ConsoleSettings(**settings)))

    with pytest.raises(SettingsError):
        keys(host="0.0.0.0")
    with pytest.raises(SettingsError):
        keys(keys_file=tmp_path / "missing")
    assert keys(host="0.0.0.0", allow_anonymous=True).anonymous
    assert not keys(host="0.0.0.0", keys_file=file).anonymous
    assert not keys(keys_file=file).anonymous
    assert keys(keys_file=file, allow_anonymous=True).anonymous
    assert keys().anonymous


def test_forms_are_read_within_bounds(visitor: Visitor) -> None:
    client = visitor()
    assert client.post("/sign-in", data={"key": "x" * 10_000}).status_code == 413
    assert client.post("/sign-in", content=b"key=%ff").status_code == 400


def test_a_form_that_drips_is_not_waited_for_for_ever(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "GRACE_S", 0.1)

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.01)
            yield b"k"

    assert posted_in_pieces(visitor(), "/sign-in", pieces()) == 408


def test_who_is_no_operator_any_more_when_the_form_is_there_may_not_act(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asset_reporting.api_keys.LOOK_EVERY_S", 0.0)
    file = keys_file(tmp_path / "keys", entry_of("o", ["operator"]))
    client = sign_in(visitor(keys=Keys(ApiKeys.from_file(file), anonymous=False)), OPERATOR)

    def pieces() -> Iterator[bytes]:
        yield f"csrf={csrf(client)}&topic=other&do=".encode()
        keys_file(file, entry_of("o", ["viewer"]))
        yield b"pause"

    assert posted_in_pieces(client, "/pause", pieces()) == 403


def posted_in_pieces(client: TestClient, path: str, pieces: Iterator[bytes]) -> int:
    """The status of an answer to a form that is read while it is being sent."""
    sent: list[Any] = []
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    async def receive() -> dict[str, Any]:
        piece = await asyncio.to_thread(next, pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost"), (b"cookie", cookies.encode())], "http_version": "1.1",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type] # ASGI, as Starlette's is
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "at", ["", "x", "other.dlq/0/0", "dagster.asset-events.dlq/0/-1", "dagster.asset-events.dlq/0/1e9"]
)
def test_a_letters_place_is_one_of_our_topics(visitor: Visitor, at: str) -> None:
    assert visitor().get("/letter", params={"at": at}).status_code == 404


def test_a_preview_is_of_the_session_that_asked_for_it(visitor: Visitor) -> None:
    client = sign_in(visitor(), OPERATOR)
    world = client.app.state.world  # type: ignore[attr-defined] # the application under test
    mine = world.sessions.find(client.cookies["asset_bridge_console"])
    _, other = world.sessions.begin(world.keys.identify(OPERATOR))
    order = Order("park", ((LINE.place),), "me")
    foresight = Foresight(Counter({"park": 1}), (), (), 0)
    ours, theirs = (world.previews.put(Preview(who, order, foresight, "letters", "letters")) for who in (mine, other))

    assert "Park 1 letter" in client.get(f"/preview?id={ours}").text
    assert client.get(f"/preview?id={theirs}").status_code == 404
    assert client.post("/apply", data={"id": theirs, "csrf": csrf(client)}).status_code == 404
    assert client.get(f"/result?id={world.runs.put(Run(other, order, '', ''))}").status_code == 404


def test_of_two_who_confirm_one_preview_one_gets_it() -> None:
    shelf = Shelf[str]()
    name = shelf.put("preview")
    assert [shelf.get(name), shelf.take(name), shelf.take(name)] == ["preview", "preview", None]


@pytest.mark.parametrize("patch", ["no JSON", "[]", '[{"op": "fly"}]'])
def test_a_patch_that_is_none_is_told_at_once(visitor: Visitor, patch: str) -> None:
    client = sign_in(visitor(), OPERATOR)
    form = {"action": "replay", "how": "patch", "patch": patch, "at": LINE.at, "csrf": csrf(client)}
    answer = client.post("/preview", data=form)
    assert answer.status_code == 400
    assert "The patch" in answer.text


def test_a_database_that_is_away_is_told_to_who_wants_a_preview(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(visitor(), OPERATOR)

    def away() -> None:
        raise OperationalError("SELECT secret", {}, Exception("secret"))

    monkeypatch.setattr(client.app.state.world.storage, "instance", away)  # type: ignore[attr-defined] # see above
    answer = client.post("/preview", data={"action": "park", "at": LINE.at, "csrf": csrf(client)})
    assert answer.status_code == 503
    assert "OperationalError" in answer.text
    assert "secret" not in answer.text

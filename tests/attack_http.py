"""Hostile requests, as a server hands them to the application: method, path, query, headers and body."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes, unquote

from attack_bytes import Bytes
from attack_watch import Watch, leaks
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_app
from known_keys import key_of, known_keys
from starlette.applications import Starlette
from starlette.testclient import TestClient

from asset_events import LineageRules
from asset_reporting.app import REPORT_HANDLERS
from asset_reporting.auth import LINEAGE_PATH
from asset_reporting.batch_endpoint import BATCH_PATH
from asset_reporting.handlers import ReportingContext

RULES: Final = LineageRules(inputs="observe", failures="check")
KEY: Final = key_of("attack")
JSON: Final = (b"content-type", b"application/json")

_ROUTES: Final = [*REPORT_HANDLERS, *REPORT_HANDLERS, LINEAGE_PATH, BATCH_PATH]
_METHODS: Final = ["POST"] * 120 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "POST\n", "x"]
_MEDIA: Final = [
    "application/json", "application/json", "Application/Json; charset=utf-8", "application/x-ndjson",
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json; charset=%s",
    "application/%s+json", "text/plain", "", "application/json; charset*=utf-8''%s", 'application/json; x="%s',
    "multipart/form-data; boundary=%s", "application/json;" * 50, "%s", "application/json; charset=\xff",
    "application/json; charset*0*=x''%%E4; charset*1=%s", "application/json; charset=utf-8\0%s",
]  # fmt: skip
_NAMES: Final = [
    "asset_key", "partition", "metadata", "description", "data_version", "tags", "event_time", "passed", "severity",
    "check_name", "idempotency_key", "event_type", "dry_run", "specversion", "metadata[x]", "",
]  # fmt: skip
_HEADERS: Final = [
    b"content-encoding", b"idempotency-key", b"ce-specversion", b"ce-type", b"ce-source", b"ce-id", b"ce-subject",
    b"ce-time", b"ce-datacontenttype", b"ce-%00", b"x-api-key", b"authorization", b"content-length", b"accept",
    b"transfer-encoding", b"traceparent", b"tracestate", b"cookie", b"host", b"x-forwarded-host", b"expect",
    b"x-http-method-override", b"upgrade", b"\xff", b"", b"event-type", b"if-none-match", b"range",
]  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One request; `breaks_off` leaves its body without an end."""

    method: str
    target: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    secured: bool = False
    breaks_off: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether all is said in the body, so that a record could say the same."""
        return self.headers == (JSON,) and not self.query and not self.secured and not self.breaks_off

    @property
    def scope(self) -> dict[str, Any]:
        """As uvicorn makes it."""
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
            "method": self.method, "path": unquote(self.target.decode("ascii")), "raw_path": self.target,
            "query_string": self.query, "root_path": "", "headers": list(self.headers), "client": ("c", 1),
            "server": ("s", 1), "state": {},
        }  # fmt: skip


class Requests:
    """Draws requests; the same seed, the same ones."""

    def __init__(self, drawn: random.Random) -> None:
        self._drawn, self._bytes = drawn, Bytes(drawn)

    def plain(self) -> Request:
        """One that says all in its body."""
        route = self._drawn.choice([*REPORT_HANDLERS, LINEAGE_PATH])
        return Request("POST", route.encode(), b"", (JSON,), self._bytes.body(_kind(route)))

    def any(self) -> Request:
        """One with something wrong, or odd, anywhere."""
        drawn = self._drawn
        route = drawn.choice(_ROUTES)
        body = (
            self._bytes.batch()
            if route == BATCH_PATH
            else self._bytes.body(_kind(route))
            if drawn.random() < 0.9
            else b""
        )
        headers = [
            (b"content-type", self._media_type()),
            *(self._header() for _ in range(drawn.choice((0, 0, 1, 2, 5)))),
        ]
        secured = drawn.random() < 0.3
        if secured and drawn.random() < 0.8:
            headers.append((b"x-api-key", KEY.encode()))
        return Request(
            drawn.choice(_METHODS), self._target(route), self._query() if drawn.random() < 0.3 else b"", tuple(headers),
            body, secured, drawn.random() < 0.01,
        )  # fmt: skip

    def _target(self, route: str) -> bytes:
        drawn = self._drawn
        if drawn.random() < 0.6:
            return route.encode()
        parts = [
            quote(self._bytes.text(), safe=drawn.choice(("", "/")), errors="replace")
            if drawn.random() < 0.7
            else drawn.choice(
                ("..", ".", "", "%2e%2e", "%2F", "%00", "%ff", "%0A", "%0d%0a", "%", "a;b", "%u0041", "\\")
            )
            for _ in range(drawn.choice((1, 1, 2, 5)))
        ]
        odd = drawn.choice((route.upper(), f"/{route}", f"/x/..{route}"))
        target = f"{odd if drawn.random() < 0.05 else route}/{'/'.join(parts)}"
        return target.encode("ascii", "ignore")

    def _query(self) -> bytes:
        drawn = self._drawn
        pairs = []
        for _ in range(drawn.choice((1, 1, 1, 1, 2, 2, 2, 3, 4, 120))):
            value = self._bytes.text().encode("utf-8", "replace") if drawn.random() < 0.7 else self._bytes.body()[:300]
            name = drawn.choice(_NAMES) if drawn.random() < 0.8 else self._bytes.name()
            pairs.append(f"{quote(name)}={quote_from_bytes(value) if drawn.random() < 0.9 else '%zz%'}")
        if drawn.random() < 0.2:
            pairs.append(f"dry_run={drawn.choice(('true', 'TRUE', 'false', '1', self._bytes.canary()))}")
        return drawn.choice(("&", "&", "&", ";", "&&")).join(pairs).encode("utf-8", "replace")

    def _media_type(self) -> bytes:
        if self._drawn.random() < 0.7:
            return JSON[1]
        return self._drawn.choice(_MEDIA).replace("%s", self._bytes.canary()).encode("latin-1")

    def _header(self) -> tuple[bytes, bytes]:
        drawn = self._drawn
        if drawn.random() < 0.1:
            return b"x-" + self._bytes.canary().encode(), self._bytes.body()[:200]
        name = drawn.choice(_HEADERS)
        values = {
            b"content-length": ("-1", "0", "9" * 30, "\xb2", "1, 2", "abc", self._bytes.canary()),
            b"content-encoding": ("gzip", "identity", " , identity", self._bytes.canary()),
            b"ce-specversion": ("1.0", "1.0", "0.3", self._bytes.canary()),
            b"ce-type": ("asset_check", "com.acme.asset_materialization", self._bytes.canary()),
            b"ce-time": ("2024-01-15T10:30:00Z", self._bytes.canary()),
            b"authorization": (f"Bearer {self._bytes.canary()}", f"Basic {self._bytes.canary()}", f"Bearer {KEY}"),
            b"x-api-key": (self._bytes.canary(), KEY + self._bytes.canary(), f"ab_attack_{self._bytes.canary():A<43}"),
        }.get(name)
        if values is not None and drawn.random() < 0.8:
            return name, drawn.choice(values).encode("latin-1")
        value = (
            self._bytes.text().encode("utf-8", "surrogatepass") if drawn.random() < 0.7 else self._bytes.body()[:200]
        )
        return drawn.choice((name, name.upper())), value


def _kind(route: str) -> str:
    """What kind of body is asked for there."""
    return "run" if route == LINEAGE_PATH else route.removeprefix("/report_") if route in REPORT_HANDLERS else "any"


@dataclass
class Target:
    """The application without keys, and with one, on a recorder that takes everything."""

    open: Starlette
    secured: Starlette
    watch: Watch
    statuses: Counter[int] = field(default_factory=Counter[int])

    async def send(self, request: Request) -> tuple[int, bytes]:
        """Send it and look at its answer."""
        answer = _Answer(request)
        with self.watch.over(request):
            async with asyncio.timeout(30):
                await (self.secured if request.secured else self.open)(request.scope, answer.receive, answer.send)
        self.statuses[answer.status] += 1
        self._look_at(request, answer)
        return answer.status, answer.body

    def _look_at(self, request: Request, answer: _Answer) -> None:
        check, text = self.watch.check, answer.body.decode("utf-8", "replace")
        check(100 <= answer.status < 500, f"answered {answer.status}: {text[:500]}", request)
        told = f"{text} {answer.headers!r}"
        self.watch.check_kept(told, "answered with a value", request, request.body)
        check(KEY[10:] not in told, f"answered with the key: {told[:2000]}", request)
        try:
            lines = answer.media_type == b"application/x-ndjson"
            for one in text.splitlines() if lines else [text]:
                json.loads(one)
        except ValueError:
            self.watch.found(f"answered no JSON: {text[:500]}", request)

    def exposed(self) -> None:
        """Look at what the metrics have become."""
        text = TestClient(self.open).get("/metrics").text
        self.watch.check(not leaks(text), f"metrics: {text}", "everything")


class _Answer:
    def __init__(self, request: Request) -> None:
        middle = len(request.body) // 2
        self._pieces = [request.body[:middle], request.body[middle:]]
        self._breaks_off = request.breaks_off
        self.status, self.body, self.headers = 0, b"", list[Any]()

    @property
    def media_type(self) -> bytes:
        return next((value for name, value in self.headers if name == b"content-type"), b"")

    async def receive(self) -> dict[str, Any]:
        if not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        more = bool(self._pieces) or self._breaks_off
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")


@asynccontextmanager
async def http_target(instance: DagsterInstance, watch: Watch) -> AsyncIterator[Target]:
    """Both applications, started."""
    with (
        http_app(instance, ReportingContext(FakeRecorder()), lineage=RULES) as app,
        http_app(instance, ReportingContext(FakeRecorder()), lineage=RULES, api_keys=known_keys("attack")) as secured,
    ):
        async with app.router.lifespan_context(app), secured.router.lifespan_context(secured):
            yield Target(app, secured, watch)

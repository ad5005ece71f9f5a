"""Report by HTTP, to `asset-bridge serve`.

    with HttpReporter("https://bridge.example.com", api_key=key) as reporter:
        reporter.materialization(["warehouse", "customers"], partition="2024-01-15", metadata={"rows": 1000})

A post that got no answer, or was told to come later, is sent again with the same idempotency key until the deadline, so
that a retry never records an event twice.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

import anyio
import httpx2

from asset_client.answers import Answer, NoAnswer
from asset_client.attempts import Limits, Post, report_flow
from asset_client.parts import Pause
from asset_client.reporter import AsyncReporter, Reporter, Result
from asset_client.results import Reported
from asset_events import MAX_EVENT_BYTES, AssetEvent

DEADLINE_S = 60.0
TIMEOUT_S = 15.0  # longer than the server itself waits for its database (10 s)


class HttpReporter(Reporter[Reported]):
    """Reports over HTTP, and waits until the event is recorded."""

    def __init__(  # noqa: PLR0913 # all but the first by keyword
        self,
        url: str,
        *,
        api_key: str | None = None,
        deadline_s: float = DEADLINE_S,
        timeout_s: float = TIMEOUT_S,
        max_event_bytes: int = MAX_EVENT_BYTES,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take the address of `asset-bridge serve`; connects when it is needed.

        Args:
            url: `http://…` or `https://…`, with a path where the bridge stands below one.
            api_key: Sent as `X-API-Key`; it is in no repr, log line or exception.
            deadline_s: Seconds in which an event, or a part of many, is reported, all retries included.
            timeout_s: Seconds to wait for one answer.
            max_event_bytes: Largest event, as the server has it.
            ssl_context: How to verify the server; the system's authorities if not given.

        Raises:
            ValueError: The address or the key could not work; neither is repeated.
        """
        self._limits = Limits(deadline_s, timeout_s, max_event_bytes)
        self._url = _checked_url(url)
        self._client = httpx2.Client(base_url=self._url, headers=_headers(api_key), verify=ssl_context or True)

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._client.close()

    def __repr__(self) -> str:
        """Where it reports to."""
        return f"HttpReporter({self._url!r})"

    def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Reported]]:
        flow = report_flow(events, self._limits, many=many)
        said: Answer | NoAnswer | None = None
        while True:
            try:
                step = flow.send(said)
            except StopIteration as done:
                results: list[Result[Reported]] = done.value
                return results
            said = self._do(step)

    def _do(self, step: Post | Pause) -> Answer | NoAnswer | None:
        if isinstance(step, Post):
            return self._post(step)
        time.sleep(step.seconds)
        return None

    def _post(self, post: Post) -> Answer | NoAnswer:
        until = time.monotonic() + post.timeout_s
        content = b""
        try:
            with self._client.stream("POST", post.path, content=post.body, timeout=post.timeout_s) as response:
                for piece in response.iter_bytes():
                    content += piece
                    if time.monotonic() > until:  # the timeout is that of each read: an answer in drops would pass it
                        return _TOO_SLOW
        except httpx2.HTTPError as error:
            return _no_answer(error)
        return Answer(response.status_code, response.headers, content)


class AsyncHttpReporter(AsyncReporter[Reported]):
    """Reports over HTTP on asyncio or trio, and waits until the event is recorded."""

    def __init__(  # noqa: PLR0913 # all but the first by keyword
        self,
        url: str,
        *,
        api_key: str | None = None,
        deadline_s: float = DEADLINE_S,
        timeout_s: float = TIMEOUT_S,
        max_event_bytes: int = MAX_EVENT_BYTES,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take what `HttpReporter` takes; raises as it does."""
        self._limits = Limits(deadline_s, timeout_s, max_event_bytes)
        self._url = _checked_url(url)
        self._client = httpx2.AsyncClient(base_url=self._url, headers=_headers(api_key), verify=ssl_context or True)

    async def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        await self._client.aclose()

    def __repr__(self) -> str:
        """Where it reports to."""
        return f"AsyncHttpReporter({self._url!r})"

    async def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Reported]]:
        flow = report_flow(events, self._limits, many=many)
        said: Answer | NoAnswer | None = None
        while True:
            try:
                step = flow.send(said)
            except StopIteration as done:
                results: list[Result[Reported]] = done.value
                return results
            said = await self._do(step)

    async def _do(self, step: Post | Pause) -> Answer | NoAnswer | None:
        if isinstance(step, Post):
            return await self._post(step)
        await anyio.sleep(step.seconds)
        return None

    async def _post(self, post: Post) -> Answer | NoAnswer:
        try:
            with anyio.fail_after(post.timeout_s):
                response = await self._client.post(post.path, content=post.body, timeout=post.timeout_s)
        except httpx2.HTTPError as error:
            return _no_answer(error)
        except TimeoutError:
            return _TOO_SLOW
        return Answer(response.status_code, response.headers, response.content)


_TOO_SLOW = NoAnswer("the server's answer takes too long", sent=True)


def _no_answer(error: httpx2.HTTPError) -> NoAnswer:
    """Say it by the exception's type: its message may name what a proxy or a resolver was asked."""
    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return NoAnswer(f"no answer from the server ({type(error).__name__})", sent=not isinstance(error, unsent))


def _checked_url(url: str) -> str:
    """Refuse an address that cannot work, before the first event fails by it."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("The URL must be an http:// or https:// address.")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("The URL must have no user, password, query or fragment; a key is given as api_key.")
    return str(parsed)


def _headers(api_key: str | None) -> dict[str, Any]:
    if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ValueError("The API key must be printable ASCII without spaces.")
    key = {} if api_key is None else {"X-API-Key": api_key}
    return {**key, "Content-Type": "application/json", "User-Agent": "asset-bridge-client"}

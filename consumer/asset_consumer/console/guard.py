"""What stands before every page: whose Host header is believed, where forms come from, what a browser may do."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from asset_reporting.cross_site import LOCAL_NAMES, is_of_another_site, name_in
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none, browsers send no origin with a form either
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = logging.getLogger("asset_bridge.console")


class Guard:
    """The outermost layer of the console."""

    def __init__(self, app: ASGIApp, *, local: bool) -> None:
        """`local` is whether it listens on loopback only."""
        self._app, self._local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be, with safe headers on the answer; what nothing inside catches ends as one line of log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def safe_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (self._app if refusal is None else PlainTextResponse(refusal, 403))(scope, receive, safe_send)
        except asyncio.CancelledError:
            if started:
                raise
            await PlainTextResponse("The console is stopping.", 503)(scope, receive, safe_send)
        except Exception as error:  # noqa: BLE001 # its traceback in the log would show values of events
            reason = describe(error)
            text = "A page of the console failed: %s."
            _log.error(text, reason, extra={"happening": "console_failed", "reason": reason})
            if not started:
                await PlainTextResponse("This page failed; the console's log says where.", 500)(
                    scope, receive, safe_send
                )

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        if self._local and name_in(headers.get("host", "")) not in LOCAL_NAMES:
            return "The console listens on this machine only: use http://localhost or http://127.0.0.1."
        if scope["method"] in {"GET", "HEAD"}:
            return None
        return "This form came from another site." if is_of_another_site(headers) else None

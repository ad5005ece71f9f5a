"""Where nobody needs a key: keep the web pages that somebody on this machine looks at from reporting.

A page of any site may let its reader's browser post to `localhost`, without asking, and a post without a body is an
event. Browsers say whose page it was; nobody else sends these headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from asset_reporting.answers import one_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class CrossSiteGuard:
    """Answers 403 to what a page of another site makes a browser send."""

    def __init__(self, app: ASGIApp, *, local: bool) -> None:
        """Guard `app`; `local`: only this machine reaches it, so a page under another name was brought here by DNS."""
        self._app, self._local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"} and self._is_foreign(scope):
            answer = one_error("asset.forbidden", "A page of another site may not report.")
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if site not in {"same-origin", "none"}:
            return True
        if origin is None:
            return False
        if self._local and _name(origin) not in LOCAL_NAMES:
            return True
        return origin.partition("://")[2] != headers.get("host", "")


class GraphqlGuard:
    """Keeps other sites' pages from Dagster's GraphQL: it asks for no key, changes what a GET asks it to, and reports.

    By what browsers say of `https` and of this machine alone; Dagster's own pages and programs are not concerned.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] in {"http", "websocket"} and scope["path"].rstrip("/").endswith("/graphql"):
            site = Headers(scope=scope).get("sec-fetch-site", "none")
            if site not in {"same-origin", "none"}:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    answer = one_error("asset.forbidden", "A page of another site may not ask Dagster.")
                    await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _name(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""

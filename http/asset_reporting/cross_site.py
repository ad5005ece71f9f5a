"""Whose web page makes a browser ask, and what is kept from the pages of others.

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
"""What a browser on this machine calls a server that listens on loopback; any other name was made to point here."""


def is_of_another_site(headers: Headers) -> bool:
    """Whether a page of another site made a browser send this."""
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != headers.get("host", "")
    return foreign or headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def name_in(host: str) -> str:
    """The name in a Host header, or behind an origin's `//`; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class CrossSiteGuard:
    """Answers 403 to what a page of another site makes a browser send, where nobody needs a key."""

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
        origin = headers.get("origin")
        brought_here = self._local and origin is not None and name_in(origin.partition("://")[2]) not in LOCAL_NAMES
        return brought_here or is_of_another_site(headers)


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

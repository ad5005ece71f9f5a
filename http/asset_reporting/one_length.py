"""Refuse a request that says its length in two ways: a proxy in front might see another end of it (RFC 9112, 6.3).

h11 lets `Transfer-Encoding` win and reads on. What follows could be the rest of the body to the proxy, and so a request
that nobody has looked at; somebody sends such a request for no other reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_reporting.answers import one_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


class OneLength:
    """Answers 400 to a request with both headers, and lets the server close the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer; the body is not read either way."""
        if scope["type"] == "http" and {name for name, _ in scope["headers"]} >= _LENGTHS:
            message = "Content-Length and Transfer-Encoding contradict each other; send one of them."
            await one_error("encoding.unsupported", message, headers={"Connection": "close"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

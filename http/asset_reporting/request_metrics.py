"""Counts and times HTTP requests, by the route they matched: a path would be as many series as there are assets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from asset_reporting import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED = "unmatched"
"""The route of a request that none serves."""

GONE = ""
"""The status of a request whose sender went away unanswered."""

_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


class RequestMetrics:
    """The outermost layer, so that what the others answer is counted too."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """Take the routes that `app` serves; each has an endpoint of its own."""
        self._app = app
        self._tried = [route for route in routes if isinstance(route, Route)]
        self._routes: dict[object, str] = {route.endpoint: route.path for route in self._tried}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note route, status and time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = GONE

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting_send)
        finally:
            route = self._route(scope)
            method: str = scope["method"] if scope["method"] in _METHODS else "other"
            metrics.HTTP_REQUESTS.labels(route, method, status).inc()
            metrics.HTTP_SECONDS.labels(route).observe(time.perf_counter() - began)

    def _route(self, scope: Scope) -> str:
        """The route that has answered, or would have, had not a layer before it: a request without its key."""
        if (endpoint := scope.get("endpoint")) is not None:
            return self._routes.get(endpoint, UNMATCHED)
        return next((route.path for route in self._tried if route.matches(scope)[0] is not Match.NONE), UNMATCHED)

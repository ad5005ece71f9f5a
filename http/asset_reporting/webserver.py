"""The real Dagster UI with our report endpoints in the place of its own, and middleware around all of it.

    webserver = AssetReportingWebserver(workspace_context)
    app = webserver.create_asgi_app(middleware=[Middleware(AssetReportingAuthMiddleware)])

Nothing else imports this module: dagster-webserver takes seconds, is large, and comes with the extra `ui` only.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_webserver.webserver import DagsterWebserver
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Mount, Route, Router

from asset_reporting import tracing
from asset_reporting.app import SERVED, answer_no_route, routes_by
from asset_reporting.auth import LINEAGE_PATH, SCOPES_ARE_CHECKED, AssetReportingAuthMiddleware
from asset_reporting.cross_site import GraphqlGuard
from asset_reporting.endpoints import (
    handle_report_asset_check_request,
    handle_report_asset_materialization_request,
    handle_report_asset_observation_request,
)
from asset_reporting.http_reporting import http_reporting
from asset_reporting.last_resort import LastResort
from asset_reporting.request_metrics import RequestMetrics
from asset_reporting.storage_threads import StorageThreadsError
from asset_reporting.traced_requests import TracedRequests

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from asset_reporting.app import Endpoint, Handler
    from asset_reporting.http_reporting import HttpReporting

    Lifespan = Callable[[Starlette], AbstractAsyncContextManager[Any]]
    Webserver = DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]
else:
    Webserver = DagsterWebserver

OURS = ("/report_asset{rest:path}", LINEAGE_PATH)
"""Every path that begins so is answered by us, by whatever method: neither by Dagster's handlers nor by its pages."""


class AssetReportingWebserver(Webserver):
    """`DagsterWebserver` whose report endpoints are ours, and whose application takes middleware."""

    def __init__(  # Dagster's four, and ours by keyword
        self,
        process_context: WorkspaceProcessContext,
        app_path_prefix: str = "",
        live_data_poll_rate: int | None = None,
        uses_app_path_prefix: bool = True,  # noqa: FBT001, FBT002 # Dagster's signature
        *,
        reporting: HttpReporting | None = None,
    ) -> None:
        """Serve a workspace; `reporting` says how to report, and is closed with the application.

        Without it reports go to the instance's best recorder, with the default limits and for any target.
        """
        self._reporting = reporting
        super().__init__(process_context, app_path_prefix, live_data_poll_rate, uses_app_path_prefix)

    def create_asgi_app(
        self,
        *,
        middleware: Sequence[Middleware] = (),
        lifespan: Lifespan | None = None,
        **options: Any,  # noqa: ANN401 # Starlette's, as Dagster passes them on
    ) -> Starlette:
        """Build the application, `middleware` around all of it, the first outermost; `options` are Starlette's."""
        app = super().create_asgi_app(  # pyright: ignore[reportUnknownMemberType] # Dagster's options have no types
            lifespan=self._lifespan(lifespan), **options
        )
        app.user_middleware[:0] = [self._below_prefix(layer) for layer in middleware]
        app.user_middleware.append(Middleware(GraphqlGuard))
        setattr(app.state, SCOPES_ARE_CHECKED, True)
        if self._reporting is not None:
            app.state.reporting = self._reporting
        return app

    def build_routes(self) -> list[BaseRoute]:
        """Route ours before Dagster's, below the prefix where there is one."""
        endpoints = _report_endpoints(self._endpoint)
        ours = [Route(path, endpoints) for path in OURS]
        stock: list[BaseRoute] = super().build_routes()  # type: ignore[no-untyped-call] # Dagster's
        if not self._app_path_prefix:
            return [*ours, *stock]
        routes = [_with(ours, route, self._app_path_prefix) for route in stock]
        if routes == stock:
            raise TypeError("This dagster-webserver mounts its path prefix in a way that is not known.")
        return routes

    async def report_asset_materialization_endpoint(self, request: Request) -> Any:  # noqa: ANN401 # Dagster's differ
        """Report by our handler, by whichever route."""
        return await self._endpoint(handle_report_asset_materialization_request)(request)

    async def report_asset_check_endpoint(self, request: Request) -> Any:  # noqa: ANN401 # see above
        """Report by our handler, by whichever route."""
        return await self._endpoint(handle_report_asset_check_request)(request)

    async def report_asset_observation_endpoint(self, request: Request) -> Any:  # noqa: ANN401 # see above
        """Report by our handler, by whichever route."""
        return await self._endpoint(handle_report_asset_observation_request)(request)

    def _endpoint(self, handler: Handler) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            with self.request_context(request) as context:
                return await handler(context, request)

        return endpoint

    def _below_prefix(self, layer: Middleware) -> Middleware:
        """Tell our own guard of the prefix: outside the mount, it sees it as a part of every path."""
        if not self._app_path_prefix or "path_prefix" in layer.kwargs or not _is_our_guard(layer.cls):
            return layer
        factory: Any = layer.cls
        options: dict[str, Any] = {**layer.kwargs, "path_prefix": self._app_path_prefix}
        return Middleware(factory, *layer.args, **options)

    def _lifespan(self, given: Lifespan | None) -> Lifespan:
        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncGenerator[Any]:
            # During an outage the first report asks again, as it does where no lifespan is run.
            with contextlib.suppress(StorageThreadsError):
                await http_reporting(app, self._process_context.instance)
            try:
                async with given(app) if given else contextlib.nullcontext() as state:
                    yield state
            finally:
                reporting: HttpReporting | None = getattr(app.state, "reporting", None)
                if reporting is not None:
                    await asyncio.to_thread(reporting.reporter.close, 0.5)
                    if self._reporting is None:
                        del app.state.reporting  # another start makes it anew

        return lifespan


def _is_our_guard(factory: object) -> bool:
    return isinstance(factory, type) and issubclass(factory, AssetReportingAuthMiddleware)


def _report_endpoints(endpoint: Callable[[Handler], Endpoint]) -> ASGIApp:
    """The report endpoints as `endpoint` makes them of handlers; what is none of them is answered as `serve` does."""
    routes = routes_by(endpoint)
    app: ASGIApp = Router(routes, redirect_slashes=False)
    app = ExceptionMiddleware(app, handlers={HTTPException: partial(answer_no_route, SERVED)})
    app = LastResort(app)
    if tracing.tracer() is not None:
        app = TracedRequests(app)
    return RequestMetrics(app, routes)


def _with(ours: list[Route], route: BaseRoute, prefix: str) -> BaseRoute:
    if isinstance(route, Mount) and route.path == prefix:
        return Mount(prefix, routes=[*ours, *route.routes])
    return route

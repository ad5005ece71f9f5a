"""The HTTP applications: the report endpoints with their probes, and the probes alone for the consumer."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from asset_events import MAX_EVENT_BYTES, LineageRules
from asset_reporting import tracing
from asset_reporting.answers import one_error, unavailable_answer
from asset_reporting.api_keys import ApiKeys
from asset_reporting.auth import LINEAGE_PATH, SCOPES_ARE_CHECKED, AssetReportingAuthMiddleware
from asset_reporting.batch_endpoint import BATCH_PATH, handle_report_asset_events_request
from asset_reporting.cross_site import CrossSiteGuard
from asset_reporting.documents import document_routes
from asset_reporting.endpoints import (
    handle_report_asset_check_request,
    handle_report_asset_materialization_request,
    handle_report_asset_observation_request,
)
from asset_reporting.exposition import Exposition
from asset_reporting.health import Health
from asset_reporting.http_reporting import MAX_BATCH_BYTES, HttpReporting
from asset_reporting.last_resort import LastResort
from asset_reporting.lineage_endpoint import handle_lineage_request
from asset_reporting.recorders import recorder_facts
from asset_reporting.reporters import STORAGE_DEADLINE_S, STORAGE_WORKERS, DryRun, choose_reporter
from asset_reporting.request_metrics import RequestMetrics
from asset_reporting.storage_watch import CONDITION, PROBE_INTERVAL_S
from asset_reporting.traced_requests import TracedReporter, TracedRequests
from asset_reporting.watching import watching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from dagster._core.workspace.context import BaseWorkspaceRequestContext, IWorkspaceProcessContext
    from starlette.requests import Request

    from asset_events import UnknownFields
    from asset_reporting.handlers import ReportingContext
    from asset_reporting.rate_limit import RateLimit

    Endpoint = Callable[[Request], Awaitable[Response]]
    Handler = Callable[[BaseWorkspaceRequestContext, Request], Awaitable[Response]]
    ProcessContext = IWorkspaceProcessContext[Any]

REPORT_HANDLERS: Mapping[str, Handler] = {
    "/report_asset_materialization": handle_report_asset_materialization_request,
    "/report_asset_check": handle_report_asset_check_request,
    "/report_asset_observation": handle_report_asset_observation_request,
}

_STARTED = {True: "started", False: "not started"}

SERVED = "POST " + ", ".join(f"{path}/{{asset_key}}" for path in REPORT_HANDLERS) + f", {BATCH_PATH}, {LINEAGE_PATH}"


def create_app(  # noqa: PLR0913 # one keyword per setting of the server
    context: ProcessContext,
    *,
    reporting: ReportingContext,
    api_keys: ApiKeys | None = None,
    rate_limit: RateLimit | None = None,
    local: bool = True,
    health: Health | None = None,
    probes: bool = True,
    storage_deadline_s: float = STORAGE_DEADLINE_S,
    storage_workers: int = STORAGE_WORKERS,
    max_body_bytes: int = MAX_EVENT_BYTES,
    max_batch_bytes: int = MAX_BATCH_BYTES,
    unknown_fields: UnknownFields = "reject",
    lineage: LineageRules | None = None,
    probe_interval_s: float = PROBE_INTERVAL_S,
    asyncapi: Mapping[str, Any] | None = None,
) -> Starlette:
    """Build the application that takes reports over HTTP; its lifespan must run for it to become ready.

    Args:
        context: Dagster's process context, entered; it makes each request's context.
        reporting: Where to record, and which targets to accept.
        api_keys: Who may report; None lets everybody.
        rate_limit: How often each key may.
        local: Whether only this machine reaches it; without keys, web pages under other names may not report then.
        health: What `/livez` and `/readyz` answer from; the application keeps its condition `storage`, and its heart.
        probes: Whether they and `/metrics` are served here; else they are on a port of their own.
        storage_deadline_s: Seconds after which a report is answered 503, whatever the storage does.
        storage_workers: Storage calls at a time, for a recorder that records event by event; any other has one writer.
        max_body_bytes: Larger events are answered 413.
        max_batch_bytes: Larger requests of many events are.
        unknown_fields: Whether a field outside the contract is an error.
        lineage: How OpenLineage's run events become asset events.
        probe_interval_s: Seconds between two questions to the storage whether it works.
        asyncapi: What `/asyncapi.json` says of the Kafka side; None serves no such path.
    """
    health = health or Health()
    health.set(CONDITION, ok=False, reason="not asked yet")
    health.note("recorder", recorder_facts(reporting.recorder))
    reporter = choose_reporter(reporting, deadline_s=storage_deadline_s, workers=storage_workers)
    guards = [
        Middleware(CrossSiteGuard, local=local)
        if api_keys is None
        else Middleware(AssetReportingAuthMiddleware, api_keys=api_keys, rate_limit=rate_limit)
    ]
    outermost = []
    if tracing.tracer() is not None:
        reporter, outermost = TracedReporter(reporter, reporting.database), [Middleware(TracedRequests)]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        try:
            async with watching(health, reporting, reporter, probe_interval_s):
                yield
        finally:
            await asyncio.to_thread(reporter.close, 0.5)  # by now every request has its answer

    documents = document_routes(secured=api_keys is not None, probes=probes, asyncapi=asyncapi)
    routes = [*report_routes(context), *(probe_routes(health) if probes else []), *documents]
    app = _application(routes, guards, SERVED, lifespan, outermost)
    setattr(app.state, SCOPES_ARE_CHECKED, True)
    app.state.reporting = HttpReporting(
        reporter,
        DryRun(reporting.targets),
        max_body_bytes=max_body_bytes,
        max_batch_bytes=max_batch_bytes,
        unknown_fields=unknown_fields,
        lineage=lineage or LineageRules(),
    )
    return app


def create_management_app(health: Health) -> Starlette:
    """Build the application of a management port: probes and metrics, and nothing that reports."""
    return _application(probe_routes(health), [], "GET /livez, /readyz, /startupz, /metrics", None)


def create_waiting_app(
    health: Health, *, secured: bool = True, probes: bool = True, asyncapi: Mapping[str, Any] | None = None
) -> Starlette:
    """Build the application that stands in for the report endpoints until the storage answers: a 404 would be final."""

    async def not_yet(_: Request) -> Response:
        return unavailable_answer("Dagster's database has not answered yet; nothing was recorded.")

    documents = document_routes(secured=secured, probes=probes, asyncapi=asyncapi)
    routes = [*routes_by(lambda _: not_yet), *(probe_routes(health) if probes else []), *documents]
    return _application(routes, [], SERVED, None)


def report_routes(context: ProcessContext) -> list[BaseRoute]:
    """Route the report endpoints, with the asset key in the path and without, and those for many events."""
    return routes_by(partial(_endpoint, context))


def routes_by(endpoint: Callable[[Handler], Endpoint]) -> list[BaseRoute]:
    """Route them with what `endpoint` makes of each handler."""
    routes: list[BaseRoute] = [
        Route(BATCH_PATH, endpoint(handle_report_asset_events_request), methods=["POST"]),
        Route(LINEAGE_PATH, endpoint(handle_lineage_request), methods=["POST"]),
    ]
    for path, handler in REPORT_HANDLERS.items():
        routes += [Route(path + suffix, endpoint(handler), methods=["POST"]) for suffix in ("", "/{asset_key:path}")]
    return routes


def probe_routes(health: Health) -> list[BaseRoute]:
    """Route `/livez`, `/readyz`, `/startupz` and `/metrics`; all answer from what is known already."""
    exposition = Exposition(health)

    async def livez(_: Request) -> JSONResponse:
        return _probe_answer(health.liveness(), ok=health.alive)

    async def readyz(_: Request) -> JSONResponse:
        document = health.report()
        return _probe_answer(document, ok=document["status"] == "ready")

    async def startupz(_: Request) -> JSONResponse:
        document = health.report()
        return _probe_answer({**document, "status": _STARTED[health.started]}, ok=health.started)

    async def exposed(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(exposition), headers={"Content-Type": media_type})

    probes = {"/livez": livez, "/readyz": readyz, "/startupz": startupz}
    return [*(Route(path, probe) for path, probe in probes.items()), Route("/metrics", exposed)]


def _application(
    routes: list[BaseRoute],
    guards: list[Middleware],
    served: str,
    lifespan: Callable[[Starlette], Any] | None,
    outermost: Sequence[Middleware] = (),
) -> Starlette:
    app = Starlette(
        routes=routes,
        middleware=[Middleware(RequestMetrics, routes=routes), *outermost, Middleware(LastResort), *guards],
        exception_handlers={HTTPException: partial(answer_no_route, served)},
        lifespan=lifespan,
    )
    # A redirected POST loses its body with many clients, and the address would be built from the client's Host header.
    app.router.redirect_slashes = False
    return app


async def answer_no_route(served: str, _: Request, error: Exception) -> Response:
    """Answer what Starlette raises by itself: no such path, or not by this method."""
    if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004 # Method Not Allowed
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
        return one_error("method.unsupported", f"This path takes {allowed} only.", headers={"Allow": allowed})
    return one_error("route.unknown", f"Nothing is served under this path; served are {served}.")


def _endpoint(context: ProcessContext, handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        with context.create_request_context(request) as request_context:
            return await handler(request_context, request)

    return endpoint


def _probe_answer(document: dict[str, Any], *, ok: bool) -> JSONResponse:
    return JSONResponse(document, status_code=200 if ok else 503, headers={"Cache-Control": "no-store"})

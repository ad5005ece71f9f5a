"""The Dagster UI with the report endpoints in it, until told to stop."""

from __future__ import annotations

import contextlib
import importlib.util
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from asset_consumer.addresses import is_loopback
from asset_consumer.dagster_instance import open_ui_reporting
from asset_consumer.serve import rate_limit, run_http
from asset_consumer.server_tls import server_tls
from asset_consumer.settings_problems import SettingsError
from asset_reporting import tracing
from asset_reporting.answers import unavailable_answer
from asset_reporting.app import probe_routes
from asset_reporting.auth import AssetReportingAuthMiddleware
from asset_reporting.cross_site import CrossSiteGuard
from asset_reporting.http_reporting import HttpReporting
from asset_reporting.recorders import recorder_facts
from asset_reporting.reporters import DryRun, choose_reporter
from asset_reporting.server import HttpServer
from asset_reporting.traced_requests import TracedReporter
from asset_reporting.watching import watching

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from dagster._core.workspace.context import WorkspaceProcessContext
    from starlette.requests import Request
    from starlette.responses import Response

    from asset_consumer.settings import Settings
    from asset_reporting.api_keys import ApiKeys
    from asset_reporting.handlers import ReportingContext
    from asset_reporting.health import Health

POLL_MS = 2000
"""How often the pages ask for news of assets: dagster-webserver's own default."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def serve_ui(  # noqa: PLR0913 # one keyword per option of the command
    settings: Settings,
    stop: threading.Event,
    ready: Callable[[str], None],
    *,
    workspace_files: Sequence[Path] = (),
    path_prefix: str = "",
    read_only: bool = False,
) -> None:
    """Serve Dagster's UI and reports until `stop` is set; `ready` is called with the address once they are answered.

    Raises:
        SettingsError: The UI is not installed, or the settings would let anybody report, or name what is not there.
    """
    if importlib.util.find_spec("dagster_webserver") is None:
        raise SettingsError(["asset-bridge ui needs an extra: pip install 'dagster-asset-bridge[ui]'"])
    opening = open_ui_reporting(
        settings, stop, workspace_files, version=version("dagster-webserver"), read_only=read_only
    )
    waiting = partial(_waiting_app, settings)
    run_http(settings, stop, ready, waiting, opening, partial(_start, settings, path_prefix), path_prefix)


def _start(  # noqa: PLR0913, PLR0917 # bound to the first two, called with the rest
    settings: Settings,
    path_prefix: str,
    reporting: ReportingContext,
    workspace: WorkspaceProcessContext,
    api_keys: ApiKeys | None,
    health: Health,
) -> HttpServer:
    from asset_reporting.webserver import AssetReportingWebserver  # noqa: PLC0415 # an extra, and seconds

    health.note("recorder", recorder_facts(reporting.recorder))
    reporter = choose_reporter(reporting, deadline_s=settings.storage.deadline_s, workers=settings.storage.workers)
    if tracing.tracer() is not None:
        reporter = TracedReporter(reporter, reporting.database)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with watching(health, reporting, reporter):
            yield

    webserver = AssetReportingWebserver(
        workspace,
        path_prefix,
        POLL_MS,
        reporting=HttpReporting(
            reporter,
            DryRun(reporting.targets),
            max_body_bytes=settings.max_event_bytes,
            max_batch_bytes=settings.http.max_batch_bytes,
            unknown_fields=settings.unknown_fields,
            lineage=settings.lineage.rules_of(),
        ),
    )
    guards = [
        Middleware(CrossSiteGuard, local=is_loopback(settings.http.host))
        if api_keys is None
        else Middleware(AssetReportingAuthMiddleware, api_keys=api_keys, rate_limit=rate_limit(settings))
    ]
    app = webserver.create_asgi_app(middleware=guards, lifespan=lifespan)
    app.router.routes[:0] = _probes(settings, health)
    tls = server_tls(settings.http, "http")
    server = HttpServer(app, settings.http.host, settings.http.port, tls, websockets=True)
    server.start()
    return server


def _waiting_app(settings: Settings, health: Health, _: ApiKeys | None) -> Starlette:
    """Answers for the UI as well: a 404 would be taken for final."""

    async def not_yet(_: Request) -> Response:
        return unavailable_answer("Dagster is still being opened; nothing was recorded.")

    return Starlette(routes=[*_probes(settings, health), Route("/{path:path}", not_yet, methods=METHODS)])


def _probes(settings: Settings, health: Health) -> list[BaseRoute]:
    """Outside the prefix: they are for whoever reaches this process, and not for whoever reaches the pages."""
    return probe_routes(health) if settings.http.management_port is None else []

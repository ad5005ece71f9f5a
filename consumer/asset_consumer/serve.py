"""The HTTP service: the report endpoints on their port, until told to stop."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from asset_consumer.addresses import is_loopback
from asset_consumer.asyncapi import asyncapi
from asset_consumer.dagster_instance import open_reporting
from asset_consumer.server_tls import server_tls
from asset_consumer.settings_problems import SettingsError
from asset_consumer.span_export import open_tracing
from asset_consumer.stopping import Stopped
from asset_reporting import metrics
from asset_reporting.api_key_file import InvalidApiKeysError
from asset_reporting.api_keys import ApiKeys
from asset_reporting.app import create_app, create_management_app, create_waiting_app
from asset_reporting.health import Health
from asset_reporting.rate_limit import RateLimit
from asset_reporting.server import HttpServer, HttpServerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from dagster._core.workspace.context import WorkspaceProcessContext
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from asset_consumer.settings import Settings
    from asset_reporting.handlers import ReportingContext

LOOK_S = 1.0
"""How often the server is looked at: if its thread dies, so must the process, to be started anew."""

STOP_S = 10.0
"""How long requests under way may take when the service stops."""


BEAT_AGE_S = 60.0
"""For how long the loop that answers requests may stand still before a probe on another port says so."""


def serve(settings: Settings, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Serve reports over HTTP until `stop` is set; `ready` is called with the address once requests are answered.

    Raises:
        SettingsError: The settings would let anybody report, or name something that is not there.
    """

    def waiting(health: Health, api_keys: ApiKeys | None) -> Starlette:
        probes = settings.http.management_port is None
        secured = api_keys is not None
        return create_waiting_app(health, secured=secured, probes=probes, asyncapi=asyncapi(settings.kafka))

    run_http(settings, stop, ready, waiting, open_reporting(settings, stop), partial(start_http, settings))


def run_http(  # noqa: PLR0913, PLR0917 # what the services that listen differ in
    settings: Settings,
    stop: threading.Event,
    ready: Callable[[str], None],
    waiting_app: Callable[[Health, ApiKeys | None], ASGIApp],
    opening: AbstractContextManager[tuple[ReportingContext, WorkspaceProcessContext]],
    start: Callable[[ReportingContext, WorkspaceProcessContext, ApiKeys | None, Health], HttpServer],
    path: str = "",
) -> None:
    """Serve until `stop` is set: `waiting_app` while `opening` waits for the storage, then what `start` starts.

    Raises:
        SettingsError: The settings would let anybody report; or what `opening` raises.
    """
    api_keys = load_api_keys(settings)
    health = Health(max_beat_age_s=None if settings.http.management_port is None else BEAT_AGE_S)
    health.set("storage", ok=False, reason="waited for")
    with _management(settings, health), _told(api_keys):
        # Answers probes, and posts with 503: a probe must not end us for the storage's outage.
        tls = server_tls(settings.http, "http")
        waiting = HttpServer(waiting_app(health, api_keys), settings.http.host, settings.http.port, tls)
        waiting.start()
        try:
            with open_tracing(settings), opening as (reporting, workspace):
                waiting.stop(1.0)
                server = start(reporting, workspace, api_keys, health)
                scheme = "https" if settings.http.tls_cert_file else "http"
                ready(f"{scheme}://{settings.http.host}:{server.port}{path}, {reporting.recorder.name} recorder")
                _until_stopped(server, stop)
        except Stopped:
            pass
        finally:
            waiting.stop(1.0)


@contextlib.contextmanager
def _management(settings: Settings, health: Health) -> Generator[None]:
    """Answer probes on a port of their own, where one is given, from the first moment to the last."""
    port = settings.http.management_port
    if port is None:
        yield
        return
    server = HttpServer(create_management_app(health), settings.management.host, port)
    server.start()
    try:
        yield
    finally:
        server.stop(1.0)


@contextlib.contextmanager
def _told(api_keys: ApiKeys | None) -> Generator[None]:
    """Let metrics say when keys end."""
    if api_keys is None:
        yield
        return
    metrics.LIVE.add(api_keys.told)
    try:
        yield
    finally:
        metrics.LIVE.remove(api_keys.told)


def _until_stopped(server: HttpServer, stop: threading.Event) -> None:
    while not stop.wait(LOOK_S):
        if not server.running:
            raise HttpServerError("The HTTP server has ended by itself; the log says why.")
    server.stop(STOP_S)


def start_http(
    settings: Settings,
    reporting: ReportingContext,
    workspace: WorkspaceProcessContext,
    api_keys: ApiKeys | None,
    health: Health | None = None,
) -> HttpServer:
    """Start the endpoints on the configured address."""
    app = create_app(
        workspace,
        reporting=reporting,
        api_keys=api_keys,
        rate_limit=rate_limit(settings),
        local=is_loopback(settings.http.host),
        health=health,
        probes=settings.http.management_port is None,
        storage_deadline_s=settings.storage.deadline_s,
        storage_workers=settings.storage.workers,
        max_body_bytes=settings.max_event_bytes,
        max_batch_bytes=settings.http.max_batch_bytes,
        unknown_fields=settings.unknown_fields,
        lineage=settings.lineage.rules_of(),
        asyncapi=asyncapi(settings.kafka),
    )
    server = HttpServer(app, settings.http.host, settings.http.port, server_tls(settings.http, "http"))
    server.start()
    return server


def rate_limit(settings: Settings) -> RateLimit | None:
    """How often each key may ask, as the settings say it."""
    per_s = settings.http.key_requests_per_s
    return None if per_s is None else RateLimit(per_s, settings.http.key_burst)


def load_api_keys(settings: Settings) -> ApiKeys | None:
    """Read the keys; without any, only loopback may be served unless the operator has said otherwise.

    Raises:
        SettingsError: No keys, bound beyond loopback, and nobody said that this is wanted; or the file is unusable.
    """
    path = settings.http.api_keys_file
    if path is not None:
        try:
            return ApiKeys.from_file(path)
        except InvalidApiKeysError as error:
            raise SettingsError([f"ASSET_BRIDGE_HTTP__API_KEYS_FILE (http.api_keys_file): {error}"]) from None
    if not settings.http.allow_anonymous and not is_loopback(settings.http.host):
        problem = (
            "ASSET_BRIDGE_HTTP__API_KEYS_FILE (http.api_keys_file): is needed beyond loopback; "
            "set ASSET_BRIDGE_HTTP__ALLOW_ANONYMOUS=true to let anybody report"
        )
        raise SettingsError([problem])
    return None

"""A span for each request that reports, and in it one for what is recorded; used only where tracing is on.

Our own and not OpenTelemetry's ASGI middleware: by itself that one names spans by the whole path, with its asset key,
and notes exceptions with their messages, which may quote an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from asset_reporting import tracing
from asset_reporting.auth import LINEAGE_PATH
from asset_reporting.batch_fates import BATCH_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from asset_events import AssetEvent
    from asset_reporting.outcomes import Outcome
    from asset_reporting.reporters import Reporter

_METHODS: Final = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
_ONE_EVENT: Final = ("/report_asset_materialization", "/report_asset_check", "/report_asset_observation")
_MOST_OF_PATH: Final = 256
_SERVER_ERROR: Final = 500


class TracedRequests:
    """ASGI middleware: continues the sender's trace over the report endpoints; probes and documents have no spans."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, in a span that ends with the answer."""
        tracer = tracing.tracer()
        route = _route(scope["path"]) if scope["type"] == "http" else None
        if tracer is None or route is None:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.path": scope["path"][:_MOST_OF_PATH],
            "url.scheme": scope.get("scheme", "http"),
        }
        parent = tracing.parent_of((name.decode("latin-1"), value) for name, value in scope["headers"])
        with tracer.start_as_current_span(
            f"{'HTTP' if method == '_OTHER' else method} {route}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, _noting(span, send))
            except BaseException as error:
                tracing.fail(span, type(error).__qualname__)
                raise


class TracedReporter:
    """A reporter, with a span `record` in the request's: from waiting for its transaction to the outcome."""

    def __init__(self, reporter: Reporter, database: str | None) -> None:
        """Wrap a reporter; `database` is OpenTelemetry's name of the kind of database it writes to."""
        self._reporter, self._database = reporter, database

    @property
    def most_events(self) -> int:
        """As the reporter says."""
        return self._reporter.most_events

    @property
    def stuck(self) -> bool:
        """As the reporter says."""
        return self._reporter.stuck

    async def report(self, events: Sequence[AssetEvent], *, whole: bool = False) -> list[Outcome]:
        """Report, as the reporter does."""
        with tracing.stage(tracing.RECORD, tracing.recording(events, self._database)) as span:
            outcomes = await self._reporter.report(events, whole=whole)
            if span is not None:
                span.set_attribute("asset_bridge.event_ids", tracing.event_ids(outcomes))
                if error := tracing.error_of(outcomes):
                    tracing.fail(span, error)
            return outcomes

    def close(self, timeout_s: float = 2.0) -> bool:
        """Close the reporter."""
        return self._reporter.close(timeout_s)


def _noting(span: Span, send: Send) -> Send:
    async def noting_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status: int = message["status"]
            span.set_attribute("http.response.status_code", status)
            if status >= _SERVER_ERROR:  # a sender's error is none of the server's; the span inside has its code
                tracing.fail(span, str(status))
        await send(message)

    return noting_send


def _route(path: str) -> str | None:
    """The route of a report endpoint, with its asset key left out: spans are grouped by it."""
    if path in (BATCH_PATH, LINEAGE_PATH, *_ONE_EVENT):
        return path
    return next((f"{begin}/{{asset_key}}" for begin in _ONE_EVENT if path.startswith(f"{begin}/")), None)

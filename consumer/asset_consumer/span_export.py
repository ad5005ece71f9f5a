"""Send spans to an OpenTelemetry collector, as the standard `OTEL_…` variables say; never in anybody's way.

Spans wait in a bounded queue that one thread empties: when the collector is down they are dropped, and a line says so.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from asset_consumer.settings_error import SettingsError
from asset_reporting import tracing

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.sdk.trace import TracerProvider

    from asset_consumer.settings import Settings

SERVICE = "asset-bridge"

FLUSH_S = 3.0
"""How long the end of the process waits for the last spans to be taken."""

QUIET_S = 60.0
"""At most one line in so many seconds, whatever OpenTelemetry has to say."""

QUEUE_SPANS = 8192
"""How many spans may wait: a batch of 1,000 records makes 3,000 at once, and the SDK's own queue holds 2,048."""

_QUEUE_VARIABLE = "OTEL_BSP_MAX_QUEUE_SIZE"
_PROTOCOL = "http/protobuf"
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_log = logging.getLogger("asset_bridge.tracing")


@contextmanager
def open_tracing(settings: Settings) -> Generator[None]:
    """Make and send spans until the block ends, where that is asked for.

    Raises:
        SettingsError: The extra `tracing` is not installed, or the `OTEL_…` variables cannot be used.
    """
    if not settings.tracing.enabled:
        yield
        return
    library = logging.getLogger("opentelemetry")
    library.handlers, library.propagate = [_FewLines()], False
    provider = _provider()
    handlers = list(logging.root.handlers)
    for handler in handlers:
        handler.addFilter(add_trace_ids)
    tracing.start(provider)
    try:
        yield
    finally:
        tracing.stop()
        for handler in handlers:
            handler.removeFilter(add_trace_ids)
        # By itself it would wait half a minute for a collector that is gone, and up to ten seconds more for its answer.
        flush = threading.Thread(target=provider.shutdown, name="flush-spans", daemon=True)
        flush.start()
        flush.join(FLUSH_S)


def add_trace_ids(record: logging.LogRecord) -> bool:
    """Let a log line that is written for a record or a request name its trace, in fields for machines to join by."""
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span  # noqa: PLC0415 # cheap: loaded

    context = get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id, record.span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return True


def check_usable() -> None:
    """See whether spans could be sent.

    Raises:
        SettingsError: The extra `tracing` is not installed, or another protocol is asked for.
    """
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ModuleNotFoundError:
        raise _problem("needs an extra: pip install 'dagster-asset-bridge[tracing]'") from None
    for name in _PROTOCOL_VARIABLES:
        if os.environ.get(name, _PROTOCOL) != _PROTOCOL:
            raise _problem(f"spans are sent by {_PROTOCOL} alone, and {name} says otherwise")


def _provider() -> TracerProvider:
    check_usable()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 # an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 # see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 # see above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 # see above

    try:
        resource = Resource.create({"service.version": version("dagster-asset-bridge")})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):  # the SDK's word for no name
            resource = resource.merge(Resource({"service.name": SERVICE}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        queue = None if _QUEUE_VARIABLE in os.environ else QUEUE_SPANS
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=queue))
    except (OSError, ValueError) as error:
        raise _problem(f"the variables OTEL_… cannot be used ({type(error).__name__})") from None
    return provider


def _problem(what: str) -> SettingsError:
    return SettingsError([f"ASSET_BRIDGE_TRACING__ENABLED (tracing.enabled): {what}."])


class _FewLines(logging.Handler):
    """One line of ours now and then in place of the library's many, with numbers but no texts: those may be secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next, self._unsaid = 0.0, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, unless something was said a moment ago."""
        self._unsaid += 1
        if time.monotonic() < self._next:
            return
        said, self._unsaid, self._next = self._unsaid, 0, time.monotonic() + QUIET_S
        fields = {"happening": "tracing_trouble", "lines": said, "said": _without_texts(record)}
        _log.warning("Spans are lost or cut: %s", fields["said"], extra=fields)


def _without_texts(record: logging.LogRecord) -> str:
    arguments = record.args if isinstance(record.args, tuple) else ()
    try:
        return str(record.msg) % tuple(map(_number_or_type, arguments))
    except (TypeError, ValueError):
        return str(record.msg)


def _number_or_type(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    return type(argument).__name__ if isinstance(argument, Exception) else "…"

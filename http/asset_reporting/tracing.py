"""Spans of OpenTelemetry: what becomes of a record or a request, as part of its sender's trace; none unless started.

The spans are ours, made with OpenTelemetry's API alone: its instrumentation for the Kafka client leaves a record's work
in a trace of its own, and that for HTTP knows neither what is validated nor what is recorded. No span holds a value of
an event besides its asset's key, nor an exception's message, which may quote one. docs/tracing.md lists them all.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from asset_events import InvalidEventError
from asset_reporting.outcomes import Failed, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from asset_events import AssetEvent

    Attributes = Mapping[str, AttributeValue]

VALIDATE: Final = "validate"
RECORD: Final = "record"

INTERNAL: Final = "internal"
"""The `error.type` of what nobody foresaw; every other one is an error code of docs/errors.md, or an HTTP status."""

MOST_LISTED: Final = 20
"""Most asset keys and event ids on one span."""

_W3C = TraceContextTextMapPropagator()


@dataclass(slots=True)
class _Switch:
    tracer: Tracer | None = None


_switch = _Switch()


def start(provider: TracerProvider) -> None:
    """Make spans from now on, with the tracer of this provider, in this process."""
    _switch.tracer = provider.get_tracer("asset_bridge")


def stop() -> None:
    """Make no more spans."""
    _switch.tracer = None


def clock() -> int:
    """The time in nanoseconds for `begin` and `add_child`; 0 while tracing is off, so that this is the one question."""
    return time.time_ns() if _switch.tracer is not None else 0


def tracer() -> Tracer | None:
    """What makes spans; None while tracing is off."""
    return _switch.tracer


def parent_of(headers: Iterable[tuple[str, bytes | None]]) -> Context:
    """The sender's place in its trace (W3C Trace Context); nothing where there is none, or one that is broken.

    Names count in any case, and of a header that comes twice the last one does.
    """
    carrier = {
        lowered: value.decode("latin-1")
        for name, value in headers
        if value is not None and (lowered := name.lower()) in _W3C.fields
    }
    return _W3C.extract(carrier)


def add_child(  # noqa: PLR0913 # what a span is made of
    parent: Span,
    name: str,
    times_ns: tuple[int, int],
    attributes: Attributes | None = None,
    *,
    error: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> None:
    """Add what has been done for a span that is open, from begin to end; `error` is the code of how it failed."""
    if _switch.tracer is None or not parent.is_recording():
        return
    began_ns, ended_ns = times_ns
    child = _switch.tracer.start_span(
        name, context=set_span_in_context(parent), kind=kind, attributes=attributes, start_time=began_ns
    )
    if error is not None:
        fail(child, error)
    child.end(ended_ns)


def fail(span: Span, code: str) -> None:
    """Mark a span as failed; the code alone, as the words are for the sender."""
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR))


@contextmanager
def stage(name: str, attributes: Attributes | None = None) -> Generator[Span | None]:
    """Make a span of the block, a child of the current one; it fails with what is raised. None while tracing is off."""
    if _switch.tracer is None:
        yield None
        return
    with _switch.tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            fail(span, _code_of(error))
            raise


def say_refused(span: Span, refused: Sequence[InvalidEventError]) -> None:
    """Say of a span in which many events were validated how many of them were refused, and the code of the first."""
    if refused:
        span.set_attribute("asset_bridge.refused", len(refused))
        fail(span, _code_of(refused[0]))


def recording(events: Sequence[AssetEvent], database: str | None) -> dict[str, AttributeValue]:
    """What a span `record` says of the events that are to be recorded."""
    attributes: dict[str, AttributeValue] = {
        "asset_bridge.events": len(events),
        "asset_bridge.asset_keys": ["/".join(event.asset_key) for event in events[:MOST_LISTED]],
    }
    return attributes if database is None else {"db.system.name": database, **attributes}


def event_ids(outcomes: Iterable[Outcome]) -> list[int]:
    """Under which ids Dagster keeps the events: the way from a trace to the event log."""
    ids = [outcome.event_id for outcome in outcomes if isinstance(outcome, Recorded) and outcome.event_id is not None]
    return ids[:MOST_LISTED]


def error_of(outcomes: Iterable[Outcome]) -> str | None:
    """The code of the first failure."""
    for outcome in outcomes:
        match outcome:
            case Rejected(errors):
                return errors[0].code
            case Unavailable():
                return "storage.unavailable"
            case Failed():
                return INTERNAL
            case _:
                pass
    return None


def _code_of(error: Exception) -> str:
    if isinstance(error, InvalidEventError):
        return error.errors[0].code
    return "storage.unavailable" if isinstance(error, StorageThreadsError) else INTERNAL

"""Spans that stay in memory, the trees they make, and senders that trace themselves with OpenTelemetry's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from asset_reporting import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(frozen=True)
class Spans:
    """A span and those below it, as far as they do not differ from run to run."""

    name: str
    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)
    below: tuple[Spans, ...] = ()
    events: tuple[str, ...] = ()


class Traces:
    """What the bridge and its sender have exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._sender = self.provider().get_tracer("shop")

    def provider(self) -> TracerProvider:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        return provider

    @contextmanager
    def sending(self, name: str = "send events") -> Iterator[dict[str, str]]:
        """An instrumented sender at work; yields the headers that it gives what it sends."""
        with self._sender.start_as_current_span(name, kind=SpanKind.PRODUCER):
            headers: dict[str, str] = {}
            inject(headers)
            yield headers

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.ended if span.name == name]

    def context(self, name: str) -> SpanContext:
        """Of the one span of this name."""
        (span,) = self.named(name)
        return self._context(span)

    def trees(self) -> list[Spans]:
        """Every trace from its root, in the order in which they began; each span lies within its trace and parent."""
        roots = [span for span in self.ended if span.parent is None or not self._parent(span)]
        return [self._tree(root) for root in sorted(roots, key=lambda root: root.start_time or 0)]

    def _tree(self, span: ReadableSpan) -> Spans:
        below = [child for child in self.ended if child.parent and child.parent.span_id == self._context(span).span_id]
        for child in below:
            assert self._context(child).trace_id == self._context(span).trace_id
            assert (span.start_time or 0) <= (child.start_time or 0) <= (child.end_time or 0)
        failed = span.status.status_code is StatusCode.ERROR
        assert failed == ("error.type" in (span.attributes or {})), "a failure has a code, and nothing else has"
        assert not span.status.description
        return Spans(
            span.name,
            span.kind.name,
            {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in (span.attributes or {}).items()
            },
            tuple(self._tree(child) for child in sorted(below, key=lambda child: child.start_time or 0)),
            tuple(event.name for event in span.events),
        )

    def _parent(self, span: ReadableSpan) -> bool:
        ids = {self._context(other).span_id for other in self.ended}
        return span.parent is not None and span.parent.span_id in ids

    def _context(self, span: ReadableSpan) -> SpanContext:
        context = span.get_span_context()
        assert context is not None
        return context


@contextmanager
def tracing_on() -> Iterator[Traces]:
    """Tracing is on, and what is traced stays here."""
    traces = Traces()
    tracing.start(traces.provider())
    try:
        yield traces
    finally:
        tracing.stop()

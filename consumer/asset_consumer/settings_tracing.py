"""The settings of tracing: one, as all else has standard names of OpenTelemetry's."""

from __future__ import annotations

from asset_consumer.settings_fields import Section


class TracingSettings(Section):
    """Whether spans are made. Needs the extra `tracing`; where they go, the standard variables `OTEL_…` say."""

    enabled: bool = False
    """Whether spans are made, and sent to the OpenTelemetry collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names."""

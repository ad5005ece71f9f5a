"""Tell asset-bridge what happened to an asset, by HTTP or by Kafka. Light: no Dagster.

`asset_client.http` has `HttpReporter` and `AsyncHttpReporter` (extra `client`), `asset_client.kafka` has
`KafkaReporter` and `AsyncKafkaReporter` (extra `client-kafka`); here is what they return and raise.
"""

from __future__ import annotations

from asset_client.errors import EventRefusedError, NotReportedError, ReportError
from asset_client.results import Delivered, Reported

__all__ = ["Delivered", "EventRefusedError", "NotReportedError", "ReportError", "Reported"]

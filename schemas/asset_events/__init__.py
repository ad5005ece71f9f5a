"""What an asset event is: the contract between senders and Dagster. Needs pydantic only.

A sender makes one of the three events and sends `event.model_dump_json(exclude_none=True)`; a receiver calls
`parse_event` with the bytes and gets an equal event, or an `InvalidEventError` that says what to repair.
"""

from __future__ import annotations

from asset_events.cloud_event_headers import cloud_event_mode
from asset_events.cloud_events import CloudEventMode
from asset_events.errors import ERROR_CODES, AssetEventError, ErrorCode, ErrorDetail, InvalidEventError
from asset_events.events import EVENT_TYPES, AssetEvent, CheckEvent, EventType, MaterializationEvent, ObservationEvent
from asset_events.limits import MAX_EVENT_BYTES
from asset_events.lineage_rules import LineageRules, NamingRule, naming_rule
from asset_events.media_type import check_media_type
from asset_events.openlineage import read_run_event
from asset_events.params import ReportAssetCheckEvalParam, ReportAssetMatParam, ReportAssetObsParam
from asset_events.parse import UnknownFields, parse_event, parse_parts
from asset_events.typed_metadata import TypedMetadata

__all__ = [
    "ERROR_CODES",
    "EVENT_TYPES",
    "MAX_EVENT_BYTES",
    "AssetEvent",
    "AssetEventError",
    "CheckEvent",
    "CloudEventMode",
    "ErrorCode",
    "ErrorDetail",
    "EventType",
    "InvalidEventError",
    "LineageRules",
    "MaterializationEvent",
    "NamingRule",
    "ObservationEvent",
    "ReportAssetCheckEvalParam",
    "ReportAssetMatParam",
    "ReportAssetObsParam",
    "TypedMetadata",
    "UnknownFields",
    "check_media_type",
    "cloud_event_mode",
    "naming_rule",
    "parse_event",
    "parse_parts",
    "read_run_event",
]

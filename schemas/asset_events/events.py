"""The three events: what a sender can tell Dagster about an asset."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from asset_events.asset_key import AssetKey
from asset_events.metadata import Metadata
from asset_events.refusals import refusal
from asset_events.tags import Tags
from asset_events.text import CheckName, DataVersion, Description, IdempotencyKey, Partition
from asset_events.times import Time

EventType: TypeAlias = Literal["asset_materialization", "asset_check", "asset_observation"]
"""What `event_type` can be."""

EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
"""Every event type."""


def check_severity(value: object) -> str:
    """Return a severity in capitals; null means the default."""
    if value is None:
        return "ERROR"
    severity = value.upper() if isinstance(value, str) and value.isascii() else ""
    if severity not in ("ERROR", "WARN", "INFO"):
        raise refusal("must be ERROR, WARN or INFO")
    return severity


Severity: TypeAlias = Annotated[Literal["ERROR", "WARN", "INFO"], BeforeValidator(check_severity)]
"""How bad a failed check is. Dagster knows no INFO; it is kept here for whoever records the event."""


class _Event(BaseModel):
    """What all three have."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    asset_key: AssetKey
    partition: Partition | None = None
    metadata: Metadata = Field(default_factory=dict)
    description: Description | None = None
    event_time: Time | None = None
    idempotency_key: IdempotencyKey | None = None


class MaterializationEvent(_Event):
    """An asset was created or updated. In Dagster it can trigger what lies downstream.

    Make one by keyword (`MaterializationEvent(asset_key=("warehouse", "customers"))`) and send
    `event.model_dump_json(exclude_none=True)`. Raises pydantic's `ValidationError`, without values in its message.
    """

    event_type: Literal["asset_materialization"] = "asset_materialization"
    data_version: DataVersion | None = None
    tags: Tags = Field(default_factory=dict)


class CheckEvent(_Event):
    """A data quality check of an asset passed or failed."""

    event_type: Literal["asset_check"] = "asset_check"
    check_name: CheckName
    passed: bool
    severity: Severity = "ERROR"


class ObservationEvent(_Event):
    """Something was seen about an asset that did not change. In Dagster it records and triggers nothing."""

    event_type: Literal["asset_observation"] = "asset_observation"
    data_version: DataVersion | None = None
    tags: Tags = Field(default_factory=dict)


AssetEvent: TypeAlias = MaterializationEvent | CheckEvent | ObservationEvent
"""Any of the three."""

EVENT_CLASSES: Final[dict[EventType, type[AssetEvent]]] = {
    "asset_materialization": MaterializationEvent,
    "asset_check": CheckEvent,
    "asset_observation": ObservationEvent,
}
"""The model of each event type."""

DAGSTER_CLASSES: Final[dict[EventType, str]] = {
    "asset_materialization": "AssetMaterialization",
    "asset_check": "AssetCheckEvaluation",
    "asset_observation": "AssetObservation",
}
"""What Dagster calls each of them; its own messages begin so."""

"""The three events: what a sender can tell Dagster about an asset."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

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


_ANY_CASE: Final = "^([Ee][Rr][Rr][Oo][Rr]|[Ww][Aa][Rr][Nn]|[Ii][Nn][Ff][Oo])$"

Severity: TypeAlias = Annotated[
    Literal["ERROR", "WARN", "INFO"],
    BeforeValidator(check_severity),
    WithJsonSchema({"type": ["string", "null"], "pattern": _ANY_CASE}),
]
"""How bad a failed check is. Dagster knows no INFO; it is kept here for whoever records the event."""


class _Event(BaseModel):
    """What all three have."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    asset_key: AssetKey = Field(
        description="Which asset: the components of its key, or one string, which is one component and is not split.",
        examples=[["warehouse", "customers"], "customers"],
    )
    partition: Partition | None = Field(
        default=None,
        description="Which partition of the asset, as Dagster writes its key.",
        examples=["2024-01-15", "eu|2024-01-15"],
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description="What Dagster shows with the event, by name; values are plain, or typed as those of Dagster Pipes.",
        examples=[{"rows": 1000, "dashboard": {"type": "url", "raw_value": "https://bi.example.com/customers"}}],
    )
    description: Description | None = Field(
        default=None, description="Free text that the UI shows with the event.", examples=["Daily ETL run completed"]
    )
    event_time: Time | None = Field(
        default=None,
        description="When it happened: RFC 3339 with an offset, or epoch seconds; left out, the time of arrival.",
        examples=["2024-01-15T10:30:00Z", 1705314600],
    )
    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        description="The sender's own name for the event, the same when it is sent again: it is recorded once.",
        examples=["daily-etl/2024-01-15"],
    )


_EVENT_TYPE: Final = "Which of the three events this is; needed unless the endpoint, topic or header says it."
_DATA_VERSION: Final = "What identifies the content of the asset: equal versions mean equal data."
_TAGS: Final = "Short labels: keys and values of letters, digits, `_`, `-` and `.`, a key with one optional `prefix/`."


class MaterializationEvent(_Event):
    """An asset was created or updated. In Dagster it can trigger what lies downstream.

    Make one by keyword (`MaterializationEvent(asset_key=("warehouse", "customers"))`) and send
    `event.model_dump_json(exclude_none=True)`. Raises pydantic's `ValidationError`, without values in its message.
    """

    event_type: Literal["asset_materialization"] = Field(default="asset_materialization", description=_EVENT_TYPE)
    data_version: DataVersion | None = Field(default=None, description=_DATA_VERSION, examples=["v1.2.3"])
    tags: Tags = Field(default_factory=dict, description=_TAGS, examples=[{"team": "data", "acme.org/env": "prod"}])


class CheckEvent(_Event):
    """A data quality check of an asset passed or failed."""

    event_type: Literal["asset_check"] = Field(default="asset_check", description=_EVENT_TYPE)
    check_name: CheckName = Field(description="Which check of the asset.", examples=["price_validation"])
    passed: bool = Field(description="Whether the check passed.", examples=[True])
    severity: Severity = Field(
        default="ERROR",
        description="How bad it is that the check failed: ERROR, WARN or INFO, in any case; INFO is stored as WARN.",
        examples=["WARN"],
    )


class ObservationEvent(_Event):
    """Something was seen about an asset that did not change. In Dagster it records and triggers nothing."""

    event_type: Literal["asset_observation"] = Field(default="asset_observation", description=_EVENT_TYPE)
    data_version: DataVersion | None = Field(default=None, description=_DATA_VERSION, examples=["v1.2.3"])
    tags: Tags = Field(default_factory=dict, description=_TAGS, examples=[{"team": "data", "acme.org/env": "prod"}])


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

"""Turn an asset event of the contract into the Dagster event that a Dagster user would have built by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import dagster
from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetKey, AssetMaterialization, AssetObservation
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster._core.definitions.metadata.external_metadata import metadata_value_from_external

from asset_events import (
    CheckEvent,
    ErrorDetail,
    InvalidEventError,
    MaterializationEvent,
    ObservationEvent,
    TypedMetadata,
)
from asset_reporting.defined_checks import blocking_of
from asset_reporting.installed_dagster import CHECKS_HAVE_PARTITIONS

if TYPE_CHECKING:
    from asset_events import AssetEvent

DagsterAssetEvent: TypeAlias = AssetMaterialization | AssetObservation | AssetCheckEvaluation

SEVERITY_METADATA_KEY = "asset_bridge/severity"
"""Where the word INFO is kept: Dagster knows only WARN and ERROR."""


def to_dagster_event(event: AssetEvent) -> DagsterAssetEvent:
    """Build the Dagster event; the contract has already refused whatever Dagster would choke on.

    Raises:
        InvalidEventError: The installed Dagster cannot hold all that the event says.
    """
    match event:
        case MaterializationEvent():
            return AssetMaterialization(
                asset_key=AssetKey(event.asset_key),
                description=event.description,
                metadata=_metadata(event),
                partition=event.partition,
                tags=_tags(event),
            )
        case ObservationEvent():
            return AssetObservation(
                asset_key=AssetKey(event.asset_key),
                description=event.description,
                metadata=_metadata(event),
                partition=event.partition,
                tags=_tags(event),
            )
        case CheckEvent():
            return _check(event)


def _check(event: CheckEvent) -> AssetCheckEvaluation:
    metadata = _metadata(event)
    if event.severity == "INFO":
        metadata[SEVERITY_METADATA_KEY] = "INFO"
    return AssetCheckEvaluation(
        asset_key=AssetKey(event.asset_key),
        check_name=event.check_name,
        passed=event.passed,
        metadata=metadata,
        severity=AssetCheckSeverity.ERROR if event.severity == "ERROR" else AssetCheckSeverity.WARN,
        description=event.description,
        blocking=blocking_of(event),
        **_check_partition(event),
    )


def _check_partition(event: CheckEvent) -> dict[str, Any]:
    """The partition, where a result can have one; without it, the result would pass for one of the whole asset."""
    if CHECKS_HAVE_PARTITIONS:
        return {"partition": event.partition}
    if event.partition is None:
        return {}
    message = f"Dagster {dagster.__version__} keeps no partition of a check's result; 1.12.13 and later do."
    raise InvalidEventError([ErrorDetail("/partition", "partition.unsupported", message)])


def _metadata(event: AssetEvent) -> dict[str, Any]:
    return {
        key: metadata_value_from_external(value.raw_value, value.type)  # type: ignore[arg-type] # checked by the contract
        if isinstance(value, TypedMetadata)
        else value
        for key, value in event.metadata.items()
    }


def _tags(event: MaterializationEvent | ObservationEvent) -> dict[str, str] | None:
    if event.data_version is None:
        return dict(event.tags) or None
    return {**event.tags, DATA_VERSION_TAG: event.data_version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}

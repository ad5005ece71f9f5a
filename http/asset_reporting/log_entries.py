"""The event log entry that Dagster's public call would make of an event: where both recorders begin."""

from __future__ import annotations

import logging
import time

from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation, EventLogEntry
from dagster._core.events import AssetObservationData, DagsterEvent, DagsterEventType, StepMaterializationData

from asset_events import AssetEvent
from asset_reporting.dagster_events import to_dagster_event

RUNLESS = ""
"""Run id and job name of an event that belongs to no run."""


def to_dagster_log_event(event: AssetEvent) -> DagsterEvent:
    """Wrap an event as Dagster's log holds it."""
    data: StepMaterializationData | AssetObservationData | AssetCheckEvaluation
    match to_dagster_event(event):
        case AssetMaterialization() as materialization:
            kind, data = DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(materialization)
        case AssetObservation() as observation:
            kind, data = DagsterEventType.ASSET_OBSERVATION, AssetObservationData(observation)
        case AssetCheckEvaluation() as evaluation:
            kind, data = DagsterEventType.ASSET_CHECK_EVALUATION, evaluation
    return DagsterEvent(event_type_value=kind.value, event_specific_data=data, job_name=RUNLESS)


def to_log_entry(event: AssetEvent) -> EventLogEntry:
    """Build the entry, as `DagsterInstance.report_dagster_event` does; without an event time it happened now."""
    return EventLogEntry(  # type: ignore[no-untyped-call] # Dagster's
        user_message="",
        level=logging.INFO,
        job_name=RUNLESS,
        run_id=RUNLESS,
        error_info=None,
        timestamp=event.event_time if event.event_time is not None else time.time(),
        step_key=None,
        dagster_event=to_dagster_log_event(event),
    )

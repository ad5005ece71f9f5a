"""Record events one by one through Dagster's public calls: works with any instance, at-least-once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from dagster._core.events import AssetObservationData, DagsterEvent, DagsterEventType, StepMaterializationData

from asset_events import ErrorDetail
from asset_reporting.dagster_events import to_dagster_event
from asset_reporting.event_ids import watch_event_ids
from asset_reporting.outcomes import Failed, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.storage_errors import classify, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterInstance

    from asset_events import AssetEvent
    from asset_reporting.dagster_events import DagsterAssetEvent
    from asset_reporting.recorder import Progress

RUNLESS = ""
"""Run id and job name of an event that belongs to no run."""


class PublicRecorder:
    """The recorder for any Dagster instance; it keeps no offsets, so a crash may repeat the last batch."""

    name = "public"
    guarantee = "at-least-once"

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._ids = watch_event_ids(instance.event_log_storage)

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:  # noqa: ARG002 # no ledger here
        """Record in order; after the first `Unavailable` nothing more is tried, so that order holds."""
        outcomes: list[Outcome] = []
        for event in events:
            outcome = self._record_one(event)
            if isinstance(outcome, Unavailable):
                return outcomes + [outcome] * (len(events) - len(outcomes))
            outcomes.append(outcome)
        return outcomes

    def probe(self) -> str | None:
        """Read the event log's highest id: one cheap query that needs a working connection and schema."""
        try:
            self._instance.event_log_storage.get_maximum_record_id()
        except Exception as error:  # noqa: BLE001 # whatever it is, the storage does not answer
            return describe(error)
        return None

    def _record_one(self, event: AssetEvent) -> Outcome:
        self._ids.forget()
        try:
            _store(self._instance, to_dagster_event(event), event.event_time)
        except Exception as error:  # noqa: BLE001 # told apart by type below, never by message
            return _refusal(error)
        return Recorded(self._ids.take())


def _store(instance: DagsterInstance, event: DagsterAssetEvent, timestamp: float | None) -> None:
    if timestamp is None:
        instance.report_runless_asset_event(event)
        return
    # The call that report_runless_asset_event makes, which has no way to give a timestamp (dagster-io/dagster #19976).
    instance.report_dagster_event(_dagster_event(event), run_id=RUNLESS, timestamp=timestamp)


def _dagster_event(event: DagsterAssetEvent) -> DagsterEvent:
    data: StepMaterializationData | AssetObservationData | AssetCheckEvaluation
    match event:
        case AssetMaterialization():
            kind, data = DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(event)
        case AssetObservation():
            kind, data = DagsterEventType.ASSET_OBSERVATION, AssetObservationData(event)
        case AssetCheckEvaluation():
            kind, data = DagsterEventType.ASSET_CHECK_EVALUATION, event
    return DagsterEvent(event_type_value=kind.value, event_specific_data=data, job_name=RUNLESS)


def _refusal(error: Exception) -> Outcome:
    match classify(error):
        case "unavailable":
            return Unavailable(describe(error))
        case "rejected":
            message = "Dagster's database refuses this event for its content."
            return Rejected((ErrorDetail("", "storage.rejected", message),))
        case "unknown":
            return Failed(describe(error))

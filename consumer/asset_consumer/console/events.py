"""The last asset events that came from outside Dagster's runs, out of its event log, with links into its UI."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote, urlencode

from dagster import AssetCheckEvaluation, DagsterEventType
from dagster._core.events import AssetObservationData, StepMaterializationData

from asset_consumer.decode import PROVENANCE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster import DagsterInstance

SHOWN = 50
"""How many events are looked at."""

Kind: TypeAlias = Literal["materialization", "observation", "check"]

_KINDS = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event; `record` is the Kafka record that it came in, where its metadata says so."""

    event_id: int
    time: datetime
    kind: Kind
    asset_key: tuple[str, ...]
    partition: str | None
    check_name: str | None = None
    passed: bool | None = None
    severity: str = ""
    record: str | None = None

    @property
    def key_text(self) -> str:
        """The asset key as Dagster shows it."""
        return "/".join(self.asset_key)


def last_events(instance: DagsterInstance) -> list[RecordedEvent]:
    """The newest events outside all runs, the newest first; raises what the storage raises."""
    page = instance.get_records_for_run("", of_type=_KINDS, limit=SHOWN, ascending=False)
    return [
        event
        for record in page.records
        if (event := _event(record.storage_id, record.event_log_entry.timestamp, _data(record))) is not None
    ]


def _data(record: Any) -> Any:  # noqa: ANN401 # one of three classes, told apart below
    dagster_event = record.event_log_entry.dagster_event
    return None if dagster_event is None else dagster_event.event_specific_data


def _event(event_id: int, timestamp: float, data: Any) -> RecordedEvent | None:  # noqa: ANN401 # see above
    time = datetime.fromtimestamp(timestamp, UTC)
    if isinstance(data, AssetCheckEvaluation):
        return RecordedEvent(
            event_id,
            time,
            "check",
            tuple(data.asset_key.path),
            getattr(data, "partition", None),  # Dagster before 1.13 has none
            data.check_name,
            data.passed,
            data.severity.value,
            _record(data.metadata),
        )
    if isinstance(data, StepMaterializationData):
        made: Any = data.materialization
        kind: Kind = "materialization"
    elif isinstance(data, AssetObservationData):
        made, kind = data.asset_observation, "observation"
    else:
        return None
    return RecordedEvent(
        event_id, time, kind, tuple(made.asset_key.path), made.partition, record=_record(made.metadata)
    )


def _record(metadata: Mapping[str, Any]) -> str | None:
    value = getattr(metadata.get(PROVENANCE_KEY), "value", None)
    return value if isinstance(value, str) else None


def dagster_link(base: str | None, event: RecordedEvent) -> str | None:
    """Where Dagster's UI shows this event: the asset's events up to its time, or the check's page.

    The form of Dagster's own links (1.12 and 1.13): each component escaped by itself.
    """
    if base is None:
        return None
    path = "/".join(quote(part, safe="!'()*-._~", errors="replace") for part in event.asset_key)
    if event.kind == "check":
        query = {"view": "checks", "checkDetail": event.check_name or ""}
    else:
        query = {"view": "events", "asOf": str(int(event.time.timestamp() * 1000))}
        if event.partition is not None:
            query["partition"] = event.partition
    return f"{base}/assets/{path}?{urlencode(query, quote_via=quote, errors='replace')}"

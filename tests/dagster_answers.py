"""What Dagster's own API says about assets and checks, in a form in which two instances can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    EventLogRecord,
    StaticPartitionsDefinition,
)
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster_reading import runless_entries
from dagster_tables import ranks_of_events

from asset_reporting.installed_dagster import CHECKS_HAVE_PARTITIONS

_KINDS = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION)
_MANY = 1000


@dataclass(frozen=True, slots=True)
class Answers:
    """Asks one instance; storage ids are told as ranks."""

    instance: DagsterInstance
    ranks: dict[int, int]
    partitions: tuple[str, ...]

    def of_asset(self, key: AssetKey) -> dict[str, Any]:
        instance, storage = self.instance, self.instance.event_log_storage
        (record,) = instance.get_asset_records([key])
        answers: dict[str, Any] = {
            "latest": instance.get_latest_materialization_event(key),
            "catalog": self._record(record.asset_entry.last_materialization_record),
            "latest run": record.asset_entry.last_run_id,
            "materializations": self._records(instance.fetch_materializations(key, _MANY).records),
            "observations": self._records(instance.fetch_observations(key, _MANY).records),
            "materialized partitions": storage.get_materialized_partitions(key),
            "event tags": list(storage.get_event_tags_for_asset(key)),
            "status": self._partition_status(key),
        }
        for kind in _KINDS:
            latest = storage.get_latest_storage_id_by_partition(key, kind)
            answers[f"{kind} by partition"] = {name: self.ranks[event_id] for name, event_id in latest.items()}
            answers[f"{kind} versions"] = storage.get_latest_tags_by_partition(key, kind, [DATA_VERSION_TAG])
        for partition in (None, self.partitions[0]):
            version = instance.get_latest_data_version_record(key, partition_key=partition)
            answers[f"data version of {partition}"] = self._record(version)
        return answers

    def of_check(self, key: AssetCheckKey) -> dict[str, Any]:
        storage = self.instance.event_log_storage
        history = storage.get_asset_check_execution_history(key, _MANY)
        latest = storage.get_latest_asset_check_execution_by_key([key]).get(key)
        partitions = storage.get_asset_check_partition_info([key]) if CHECKS_HAVE_PARTITIONS else []
        return {
            "history": [(one.status, one.event, one.run_id, getattr(one, "partition", None)) for one in history],
            "latest": (latest.status, latest.event, getattr(latest, "partition", None)) if latest else None,
            "partitions": {
                info.partition_key: (info.latest_execution_status, self.ranks[info.latest_check_event_storage_id])
                for info in partitions
            },
        }

    def _records(self, records: Sequence[EventLogRecord]) -> list[Any]:
        return [self._record(record) for record in records]

    def _record(self, record: EventLogRecord | None) -> Any:
        return None if record is None else (self.ranks[record.storage_id], record.event_log_entry)

    def _partition_status(self, key: AssetKey) -> Any:
        definition = StaticPartitionsDefinition(self.partitions)
        status = get_and_update_asset_status_cache_value(self.instance, key, definition)
        return None if status is None else status.deserialize_materialized_partition_subsets(definition)


def answers(
    instance: DagsterInstance, check_keys: Sequence[AssetCheckKey], partitions: tuple[str, ...]
) -> dict[str, Any]:
    """Everything that Dagster answers about the assets it knows and the checks that are named."""
    ask = Answers(instance, ranks_of_events(instance), partitions)
    return {
        "run view": runless_entries(instance),
        "assets": {key: ask.of_asset(key) for key in sorted(instance.all_asset_keys())},
        "checks": {key: ask.of_check(key) for key in check_keys},
    }

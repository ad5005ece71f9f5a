"""What both recorders do, on a real Dagster instance with SQLite storage, and what the public one alone does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from check_partitions import needs_check_partitions
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    MetadataValue,
)
from dagster_reading import count_rows, event_of, latest_materialization, runless_entries, runless_events
from databases import Database
from pydantic import JsonValue
from recorder_events import recorded_ids, unchecked

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent, TypedMetadata
from asset_reporting.outcomes import Again, Failed, Recorded, Rejected, Unavailable
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import Recorder
from asset_reporting.transactional_recorder import TransactionalRecorder


@pytest.fixture
def instance(sqlite: Database) -> DagsterInstance:
    return sqlite.open()


@pytest.fixture(params=[PublicRecorder, TransactionalRecorder])
def recorder(instance: DagsterInstance, request: pytest.FixtureRequest) -> Recorder:
    recorder: Recorder = request.param(instance)
    return recorder


def test_each_kind_of_event_is_stored_as_dagsters_own_call_stores_it(
    instance: DagsterInstance, recorder: Recorder
) -> None:
    events: list[AssetEvent] = [
        MaterializationEvent(
            asset_key=("a", "b"),
            partition="p",
            description="d",
            metadata={"rows": 3},
            data_version="v",
            tags={"t": "1"},
        ),
        ObservationEvent(asset_key=("a",), metadata={"nested": {"x": [1, 2.5, None]}}, data_version="v"),
        CheckEvent(asset_key=("a",), check_name="c", passed=False, severity="WARN", description="d"),
    ]

    recorder.record(events)

    system_tags = {"dagster/data_version": "v", "dagster/data_version_is_user_provided": "true"}
    materialization, observation, check = runless_events(instance)
    assert materialization == AssetMaterialization(
        AssetKey(["a", "b"]), description="d", metadata={"rows": 3}, partition="p", tags={"t": "1", **system_tags}
    )
    assert observation == AssetObservation(
        AssetKey(["a"]), metadata={"nested": {"x": [1, 2.5, None]}}, tags=system_tags
    )
    assert check == AssetCheckEvaluation(
        AssetKey(["a"]), "c", passed=False, metadata={}, severity=AssetCheckSeverity.WARN, description="d"
    )


def test_an_event_without_optional_fields_equals_dagsters_bare_event(
    instance: DagsterInstance, recorder: Recorder
) -> None:
    recorder.record([MaterializationEvent(asset_key=("a",))])

    assert latest_materialization(instance, AssetKey("a")) == AssetMaterialization(AssetKey("a"))


def test_typed_metadata_becomes_dagsters_metadata_value(instance: DagsterInstance, recorder: Recorder) -> None:
    typed: dict[str, JsonValue | TypedMetadata] = {
        "link": TypedMetadata("url", "https://example.org"),
        "when": TypedMetadata("timestamp", 5.0),
        "other": TypedMetadata("asset", "x/y"),
    }

    recorder.record([MaterializationEvent(asset_key=("a",), metadata=typed)])

    assert dict(latest_materialization(instance, AssetKey("a")).metadata) == {
        "link": MetadataValue.url("https://example.org"),
        "when": MetadataValue.timestamp(5.0),
        "other": MetadataValue.asset(AssetKey(["x", "y"])),
    }


def test_info_severity_is_stored_as_warn_and_the_word_is_kept(instance: DagsterInstance, recorder: Recorder) -> None:
    recorder.record([CheckEvent(asset_key=("a",), check_name="c", passed=True, severity="INFO")])

    (check,) = runless_events(instance)
    assert check.severity is AssetCheckSeverity.WARN  # type: ignore[union-attr] # a check
    assert check.metadata == {"asset_bridge/severity": MetadataValue.text("INFO")}


def test_outcomes_carry_the_storage_ids_that_dagster_reads_by(instance: DagsterInstance, recorder: Recorder) -> None:
    events: list[AssetEvent] = [
        MaterializationEvent(asset_key=("a",)),
        ObservationEvent(asset_key=("b",)),
        MaterializationEvent(asset_key=("a",)),
    ]

    first, second, third = recorded_ids(recorder.record(events))

    assert [r.storage_id for r in instance.fetch_materializations(AssetKey("a"), limit=10).records] == [third, first]
    assert [r.storage_id for r in instance.fetch_observations(AssetKey("b"), limit=10).records] == [second]


def test_a_checks_id_is_the_one_its_execution_row_points_to(instance: DagsterInstance, recorder: Recorder) -> None:
    (event_id,) = recorded_ids(recorder.record([CheckEvent(asset_key=("a",), check_name="c", passed=True)]))

    key = AssetCheckKey(AssetKey("a"), "c")
    (execution,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    entry = execution.event
    assert entry is not None
    assert [event_id] == [
        record.storage_id
        for record in instance.get_records_for_run("", ascending=True).records
        if record.event_log_entry == entry
    ]


def test_threads_that_record_at_once_each_get_their_own_ids(instance: DagsterInstance, recorder: Recorder) -> None:
    start = threading.Barrier(4)

    def record(name: str) -> tuple[str, list[int]]:
        start.wait(30)
        return name, recorded_ids(recorder.record([MaterializationEvent(asset_key=(name,))] * 5))

    with ThreadPoolExecutor(4) as pool:
        for name, ids in pool.map(record, "wxyz"):
            stored = instance.fetch_materializations(AssetKey(name), limit=10, ascending=True).records
            assert [record.storage_id for record in stored] == ids


def test_two_recorders_of_one_instance_watch_its_storage_once(instance: DagsterInstance) -> None:
    PublicRecorder(instance)
    before = dict(vars(instance.event_log_storage))

    PublicRecorder(instance)

    assert vars(instance.event_log_storage) == before


def test_a_given_event_time_is_the_stored_timestamp(instance: DagsterInstance, recorder: Recorder) -> None:
    events: list[AssetEvent] = [
        MaterializationEvent(asset_key=("a",), event_time=1_700_000_000.25),
        ObservationEvent(asset_key=("a",), event_time=1_700_000_001.0),
        CheckEvent(asset_key=("a",), check_name="c", passed=True, event_time=1_700_000_002.0),
    ]

    recorded_ids(recorder.record(events))

    entries = runless_entries(instance)
    assert [entry.timestamp for entry in entries] == [1_700_000_000.25, 1_700_000_001.0, 1_700_000_002.0]
    assert [type(event_of(entry)).__name__ for entry in entries] == [
        "AssetMaterialization",
        "AssetObservation",
        "AssetCheckEvaluation",
    ]


@needs_check_partitions
def test_second_result_of_a_partitioned_check_replaces_the_first(instance: DagsterInstance, recorder: Recorder) -> None:
    key = AssetCheckKey(AssetKey("a"), "c")

    for passed in (True, False):
        recorded_ids(
            recorder.record([CheckEvent(asset_key=("a",), check_name="c", passed=passed, partition="2024-01-01")])
        )

    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert [record.status.value for record in history] == ["FAILED"]
    assert count_rows(instance)[0] == 2  # both results stay in the event log; no orphan row was added


@needs_check_partitions
def test_partitions_and_names_keep_their_own_check_results(instance: DagsterInstance, recorder: Recorder) -> None:
    results: list[AssetEvent] = [
        CheckEvent(asset_key=("a",), check_name=name, passed=True, partition=partition)
        for name in ("c", "d")
        for partition in ("p", "q", "p", None, None)
    ]

    recorded_ids(recorder.record(results))

    assert count_rows(instance)[2] == 2 * (2 + 2)  # p once, q once, and every unpartitioned result


@pytest.mark.parametrize("kind", [PublicRecorder, TransactionalRecorder])
def test_a_database_that_fails_is_unavailable_and_the_rest_is_not_tried(
    sqlite: Database, kind: Callable[[DagsterInstance], Recorder]
) -> None:
    home = sqlite.new_home()
    recorder = kind(sqlite.open(home))
    recorded_ids(recorder.record([MaterializationEvent(asset_key=("a",))]))
    assert recorder.probe() is None
    index = next(home.rglob("index.db"))
    os.truncate(index, 0)
    index.write_bytes(b"this is no database" * 500)

    outcomes = recorder.record([MaterializationEvent(asset_key=("canary",))] * 3)

    reason = outcomes[0].reason if isinstance(outcomes[0], Unavailable) else None
    # Dagster's own call has several transactions, and does not tell which of them failed; the rest was never tried.
    unsure = kind is PublicRecorder
    assert outcomes == [Unavailable(str(reason), may_be_recorded=unsure), *[Unavailable(str(reason))] * 2]
    assert recorder.probe() is not None
    assert "canary" not in repr(outcomes)


def test_an_event_that_storage_refuses_is_rejected_and_its_neighbours_recorded(instance: DagsterInstance) -> None:
    poison = unchecked(partition="\ud800")
    good = MaterializationEvent(asset_key=("a",))

    outcomes = PublicRecorder(instance).record([good, poison, good])

    assert [type(outcome) for outcome in outcomes] == [Recorded, Rejected, Recorded]
    rejected = outcomes[1]
    assert isinstance(rejected, Rejected)
    assert [error.code for error in rejected.errors] == ["storage.rejected"]


def test_behind_an_unforeseen_error_nothing_is_recorded_and_no_value_told(
    instance: DagsterInstance,
) -> None:
    strange = unchecked(metadata={"canary": object()})
    good = MaterializationEvent(asset_key=("a",))

    outcomes = PublicRecorder(instance).record([good, strange, good])

    assert [type(outcome) for outcome in outcomes] == [Recorded, Failed, Again]
    assert "canary" not in repr(outcomes)

"""OpenLineage: what a run event says of the datasets that the run wrote and read, as asset events.

OpenLineage (https://openlineage.io) is the standard by which Spark, Flink, dbt and Airflow tell of their runs. A run
that is complete has materialized its outputs; assertions about data quality are results of checks.
`docs/openlineage.md` has the whole mapping.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeAlias

from pydantic_core import PydanticCustomError

from asset_events.decode import decode_object
from asset_events.errors import ErrorDetail, InvalidEventError
from asset_events.events import AssetEvent, CheckEvent, EventType, MaterializationEvent, ObservationEvent
from asset_events.limits import MAX_ERRORS, MAX_EVENT_BYTES, MAX_IDEMPOTENCY_KEY_CHARS, MAX_RUN_EVENT_ASSET_EVENTS
from asset_events.lineage_rules import LineageRules
from asset_events.openlineage_checks import CheckResult, assertion_results, has_assertions, run_result
from asset_events.openlineage_columns import column_entries
from asset_events.openlineage_metadata import (
    Entry,
    data_version,
    dataset_entries,
    description,
    fitting,
    read_entries,
    run_entries,
    written_entries,
)
from asset_events.openlineage_run import Dataset, RunEvent, is_about_no_run, parse_run

Side: TypeAlias = Literal["outputs", "inputs"]

_NOTHING_YET: Final = (None, "START", "RUNNING")
_RUN_ENDS: Final = ("COMPLETE", "ABORT", "FAIL")


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A dataset that has an asset key."""

    side: Side
    path: str
    dataset: Dataset
    asset_key: tuple[str, ...]


def read_run_event(value: bytes, rules: LineageRules, *, max_bytes: int = MAX_EVENT_BYTES) -> list[AssetEvent]:
    """Read an OpenLineage event from its bytes; none or many asset events, outputs before inputs.

    Raises:
        InvalidEventError: It is no event of the standard, or a dataset has no asset key that Dagster could hold; paths
            are JSON pointers into it. Nothing of it is to be recorded then.
    """
    fields = decode_object(value, max_bytes)
    if is_about_no_run(fields):
        return []
    event = parse_run(fields)
    if event.event_type in _NOTHING_YET:
        return []
    events = list(islice(_events(event, rules), MAX_RUN_EVENT_ASSET_EVENTS + 1))
    if len(events) > MAX_RUN_EVENT_ASSET_EVENTS:
        message = f"The run event makes more than {MAX_RUN_EVENT_ASSET_EVENTS} asset events"
        raise InvalidEventError([ErrorDetail("", "schema.invalid", message)])
    return events


def _events(event: RunEvent, rules: LineageRules) -> Iterator[AssetEvent]:
    for mapped in _mapped_datasets(event, rules):
        if event.event_type == "COMPLETE":
            yield from _written(event, mapped, rules) if mapped.side == "outputs" else _read(event, mapped, rules)
        if rules.failures == "check" and mapped.side == "outputs" and event.event_type in _RUN_ENDS:
            yield _check(event, mapped, run_result(event))
        yield from (_check(event, mapped, result) for result in assertion_results(mapped.dataset, mapped.path))


def _written(event: RunEvent, mapped: _Mapped, rules: LineageRules) -> Iterator[MaterializationEvent]:
    dataset = mapped.dataset
    if dataset.facet("lifecycleStateChange").get("lifecycleStateChange") == "DROP":
        return
    left_out: list[str] = []
    version, documentation = data_version(dataset, left_out), description(dataset, left_out)
    entries = (
        *run_entries(event), *dataset_entries(dataset), *written_entries(dataset), *column_entries(dataset, rules)
    )  # fmt: skip
    yield MaterializationEvent(
        asset_key=mapped.asset_key,
        metadata=fitting(entries, left_out),
        description=documentation,
        data_version=version,
        event_time=event.event_time,
        idempotency_key=_identity(event, mapped, "asset_materialization"),
    )


def _read(event: RunEvent, mapped: _Mapped, rules: LineageRules) -> Iterator[ObservationEvent]:
    dataset = mapped.dataset
    if rules.inputs != "observe":
        return
    left_out: list[str] = []
    version, documentation = data_version(dataset, left_out), description(dataset, left_out)
    yield ObservationEvent(
        asset_key=mapped.asset_key,
        metadata=fitting((*run_entries(event), *dataset_entries(dataset), *read_entries(dataset)), left_out),
        description=documentation,
        data_version=version,
        event_time=event.event_time,
        idempotency_key=_identity(event, mapped, "asset_observation"),
    )


def _check(event: RunEvent, mapped: _Mapped, result: CheckResult) -> CheckEvent:
    entries: Iterable[Entry] = (*run_entries(event), *result.entries)
    return CheckEvent(
        asset_key=mapped.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        severity=result.severity,
        metadata=fitting(entries),
        event_time=event.event_time,
        idempotency_key=_identity(event, mapped, "asset_check", result.check_name),
    )


def _mapped_datasets(event: RunEvent, rules: LineageRules) -> list[_Mapped]:
    """The datasets of which something is to be said, with their asset keys."""
    sides: tuple[tuple[Side, list[Dataset]], ...] = (("outputs", event.outputs), ("inputs", event.inputs))
    targets: list[_Mapped] = []
    errors: list[ErrorDetail] = []
    for side, datasets in sides:
        for path, dataset in _each_once(side, datasets):
            if side == "inputs" and rules.inputs == "ignore" and not has_assertions(dataset):
                continue
            try:
                key = rules.asset_key(dataset.namespace, dataset.name)
            except PydanticCustomError as error:
                errors.append(ErrorDetail(f"{path}/name", "schema.invalid", f"name {error.message()}"))
            else:
                targets += [] if key is None else [_Mapped(side, path, dataset, key)]
    if errors:
        raise InvalidEventError(errors[:MAX_ERRORS])
    return targets


def _each_once(side: Side, datasets: list[Dataset]) -> Iterable[tuple[str, Dataset]]:
    """Each dataset with its path; of one that is named twice the last counts, as with the keys of a JSON object."""
    named = {(one.namespace, one.name): (f"/{side}/{index}", one) for index, one in enumerate(datasets)}
    return named.values()


def _identity(event: RunEvent, mapped: _Mapped, event_type: EventType, check_name: str = "") -> str:
    """The same for the same event sent again, by whichever road.

    The time belongs to it: a run may tell more of itself later, and that is another event, not a wrong repetition.
    """
    told = (event.run.run_id, event.event_type, event.event_time, mapped.side, event_type)
    name = json.dumps([*told, mapped.dataset.namespace, mapped.dataset.name, check_name])
    if len(name) <= MAX_IDEMPOTENCY_KEY_CHARS:
        return name
    return f"openlineage sha256:{hashlib.sha256(name.encode()).hexdigest()}"

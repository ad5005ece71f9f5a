"""Both recorders leave the same rows in every table, and Dagster reads the same out of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from check_partitions import where_held
from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.test_utils import freeze_time
from dagster_answers import answers
from dagster_tables import all_rows
from databases import Database
from event_strategies import events as any_events
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent
from asset_reporting import log_entries
from asset_reporting.installed_dagster import give_connections_back
from asset_reporting.outcomes import Recorded
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import Recorder
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.heavy

Batches: TypeAlias = list[list[AssetEvent]]

NOW = 1_790_000_000.123456

FEW = ("a", "b", "ü/\"'", "2024-01-01")
few_names = st.sampled_from(FEW)


@st.composite
def batches(draw: st.DrawFn) -> Batches:
    """Some batches over a few assets, checks and partitions, so that events meet each other; the rest is anything."""
    return draw(st.lists(st.lists(_events(), min_size=1, max_size=12), min_size=1, max_size=3))


@st.composite
def _events(draw: st.DrawFn) -> AssetEvent:
    event = draw(any_events)
    changes: dict[str, Any] = {"idempotency_key": None}  # which only one of the two recorders keeps
    if draw(st.integers(0, 9)):
        changes |= {"asset_key": (draw(few_names),), "partition": draw(st.none() | few_names)}
        if isinstance(event, CheckEvent):
            changes |= {"check_name": draw(few_names), "partition": where_held(changes["partition"])}
    return event.model_copy(update=changes)


REPEATED_CHECKS: Batches = [
    [
        CheckEvent(asset_key=("a",), check_name="c", passed=passed, partition=where_held(partition))
        for partition in ("p", None, "q", "p", None, "p")
        for passed in (True, False)
    ]
] * 2
MIXED_LATEST: Batches = [
    [
        MaterializationEvent(asset_key=("a",), event_time=2e9, data_version="1"),
        ObservationEvent(asset_key=("b",), data_version="2"),
        ObservationEvent(asset_key=("a",), event_time=1e9),
        MaterializationEvent(asset_key=("c",), event_time=1e9, partition="p"),
    ],
    [MaterializationEvent(asset_key=("b",)), ObservationEvent(asset_key=("c",)), ObservationEvent(asset_key=("a",))],
]


@dataclass
class BothWays:
    """Two instances of one kind: Dagster's public call writes to the first, transactions write to the second."""

    by_call: DagsterInstance
    in_transactions: DagsterInstance

    def record(self, batches: Batches) -> None:
        """Record the same events into both, emptied before, at the same standing time."""
        with pytest.MonkeyPatch.context() as patch, freeze_time(NOW):
            patch.setattr(log_entries, "time", SimpleNamespace(time=lambda: NOW))
            self._record(PublicRecorder, self.by_call, batches)
            self._record(TransactionalRecorder, self.in_transactions, batches)

    @staticmethod
    def _record(recorder: Callable[[DagsterInstance], Recorder], instance: DagsterInstance, batches: Batches) -> None:
        instance.event_log_storage.wipe()
        for batch in batches:
            assert {type(outcome) for outcome in recorder(instance).record(batch)} == {Recorded}


@pytest.fixture
def both(database: Database) -> BothWays:
    both = BothWays(database.open(), database.open())
    for instance in (both.by_call, both.in_transactions):  # as `serve` and `consume` do: connections are kept open
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=2)
        give_connections_back(instance.event_log_storage)
    return both


UNTIMED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=25, suppress_health_check=UNTIMED)
@example(REPEATED_CHECKS)
@example(MIXED_LATEST)
@given(batches())
def test_the_same_events_leave_the_same_rows_in_every_table(both: BothWays, batches: Batches) -> None:
    both.record(batches)

    assert all_rows(both.in_transactions) == all_rows(both.by_call)


@pytest.mark.fault("any events and repeated checks, read back as Dagster's own call leaves them", "P8")
@settings(max_examples=3, suppress_health_check=UNTIMED)
@example(REPEATED_CHECKS)
@example(MIXED_LATEST)
@given(batches())
def test_dagster_reads_the_same_out_of_both(both: BothWays, batches: Batches) -> None:
    both.record(batches)

    asked = (check_keys(batches), FEW)
    assert answers(both.in_transactions, *asked) == answers(both.by_call, *asked)


def check_keys(batches: Batches) -> list[AssetCheckKey]:
    keys = {
        AssetCheckKey(AssetKey(event.asset_key), event.check_name)
        for batch in batches
        for event in batch
        if isinstance(event, CheckEvent)
    }
    return sorted(keys, key=str)

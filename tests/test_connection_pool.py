"""Dagster's pool of connections to PostgreSQL does not run dry, whatever is asked of a Dagster that leaks them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from dagster import DagsterInstance
from databases import Database
from recorder_events import check, event, recorded_ids

from asset_events import AssetEvent
from asset_reporting import recorders
from asset_reporting.handlers import report, reporting_context

MORE_THAN_THE_POOL: list[AssetEvent] = [check(), event(data_version="v")] * 3


@pytest.fixture
def pooled(postgresql: Database) -> Iterator[DagsterInstance]:
    """As `serve` and `consume` open it, with a small pool, and nobody who sweeps up after it."""
    instance = postgresql.open()
    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=2)
    gc.disable()
    yield instance
    gc.enable()


@pytest.mark.parametrize("known", [recorders._TRANSACTIONAL, set()], ids=["transactional", "public"])
def test_checks_and_data_versions_take_no_connection_for_good(
    pooled: DagsterInstance, known: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "_TRANSACTIONAL", known)
    context = reporting_context(pooled)
    assert context.recorder.name == ("transactional" if known else "public")

    recorded_ids(report(context, MORE_THAN_THE_POOL))

    assert taken(pooled) == 0


def test_questions_about_dynamic_partitions_take_none_either(pooled: DagsterInstance) -> None:
    reporting_context(pooled)

    assert [pooled.has_dynamic_partition("regions", str(number)) for number in range(6)] == [False] * 6

    assert taken(pooled) == 0


def taken(instance: DagsterInstance) -> int:
    storage: Any = instance.event_log_storage
    count: int = storage._engine.pool.checkedout()
    return count

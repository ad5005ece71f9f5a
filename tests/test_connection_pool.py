"""Dagster's pool of connections to PostgreSQL does not run dry, whatever is asked of a Dagster that leaks them."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from dagster import DagsterInstance
from databases import Database
from recorder_events import check, event, recorded_ids

from asset_consumer.dagster_instance import open_reporting
from asset_consumer.settings import Settings
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


@pytest.mark.parametrize("known", [recorders._TRANSACTIONAL, {}], ids=["transactional", "public"])
def test_checks_and_data_versions_take_no_connection_for_good(
    pooled: DagsterInstance, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.fault("database gone from the network without a word", "P3")
def test_a_server_that_has_left_the_network_is_given_up_after_25_seconds(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(postgresql.new_home()))
    with open_reporting(Settings(), threading.Event()) as (_, workspace):
        storages: list[Any] = [workspace.instance.event_log_storage, workspace.instance.run_storage]
        for storage in storages:
            with storage._engine.connect() as connection:
                descriptor = os.dup(connection.connection.dbapi_connection.fileno())
                with socket.socket(fileno=descriptor) as one:
                    idle = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                    silent_ms = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert (idle, silent_ms) == (10, 25_000)
                assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "15s"


def taken(instance: DagsterInstance) -> int:
    storage: Any = instance.event_log_storage
    count: int = storage._engine.pool.checkedout()
    return count

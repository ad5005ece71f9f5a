"""Processes that open a new Dagster home at the same moment, as those of a compose file do, all find it whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from command_line import python
from dagster._core.errors import DagsterInvariantViolationError
from databases import Database, PostgresDatabases
from filelock import FileLock

from asset_consumer import instance_opening

pytestmark = [pytest.mark.heavy]

PROCESSES, HOMES = 3, 2

OPEN = f"""
import json, multiprocessing, sys
from asset_consumer.instance_opening import get_instance

def opened(_):
    try:
        with get_instance() as instance:
            return instance.event_log_storage.has_asset_key is not None and instance.schedule_storage is not None
    except Exception as error:
        return type(error).__name__

with multiprocessing.get_context("fork").Pool({PROCESSES}) as pool:
    print(json.dumps([pool.map(opened, range({PROCESSES}), 1), pool.map(opened, range({PROCESSES}), 1)]))
"""


def test_a_new_home_is_whole_whoever_comes_first(tmp_path: Path) -> None:
    for number in range(HOMES):
        home = tmp_path / str(number)
        home.mkdir()
        done = python("-c", OPEN, DAGSTER_HOME=str(home))
        assert json.loads(done.stdout.splitlines()[-1]) == [[True] * PROCESSES] * 2, done.stderr


def test_who_holds_the_turn_for_too_long_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(instance_opening, "TURN_S", 0.1)
    with FileLock(tmp_path / instance_opening.LOCK_FILE), instance_opening.get_instance() as instance:
        assert instance.event_log_storage is not None


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "absent"))
    with pytest.raises(DagsterInvariantViolationError):
        instance_opening.get_instance()
    assert not (tmp_path / "absent").exists()


def test_a_home_of_postgresql_is_not_written_to(postgresql: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    home = postgresql.new_home()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with instance_opening.get_instance():
        assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_a_home_with_one_storage_in_sqlite_is_opened_in_turns(postgres: PostgresDatabases, tmp_path: Path) -> None:
    server = postgres.server
    url = f"postgresql://{server.user}:unused@{server.host}:{server.port}/{postgres.new_name()}"
    storage = {"module": "dagster_postgres.event_log", "class": "PostgresEventLogStorage"}
    (tmp_path / "dagster.yaml").write_text(
        yaml.safe_dump({"event_log_storage": {**storage, "config": {"postgres_url": url}}}), "utf-8"
    )
    done = python("-c", OPEN, DAGSTER_HOME=str(tmp_path))
    assert json.loads(done.stdout.splitlines()[-1]) == [[True] * PROCESSES] * 2, done.stderr

"""A reader that walks storage ids upwards, as Dagster's sensors and automation do, misses nothing of ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as db
from consuming import eventually
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance
from databases import Database, PostgresDatabases
from postgres import WAITING
from recorder_events import check, event, recorded_ids

from asset_events import AssetEvent
from asset_reporting import transactional_recorder
from asset_reporting.transactional_recorder import TransactionalRecorder
from asset_reporting.writers_lock import take_writers_lock

WRITERS, BATCHES, ASSET = 4, 25, AssetKey("a")


class Reader:
    """Remembers how far the log has come, and never looks below that again."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._cursor = 0
        self.seen: list[int] = []

    def read(self) -> None:
        """One evaluation: the highest id is the next cursor, whatever comes below it later."""
        newest = self._instance.event_log_storage.get_maximum_record_id() or 0
        after = AssetRecordsFilter(ASSET, after_storage_id=self._cursor, before_storage_id=newest + 1)
        records = self._instance.fetch_materializations(after, limit=10_000, ascending=True).records
        self.seen += [record.storage_id for record in records]
        self._cursor = newest

    def read_until(self, ended: Callable[[], bool]) -> None:
        while not ended():
            self.read()
        self.read()


def write_at_full_speed(recorder: TransactionalRecorder) -> list[int]:
    """Batches of several sizes, other events between; the ids of the materializations, which the reader looks for."""
    ids: list[int] = []
    for number in range(BATCHES):
        batch: list[AssetEvent] = [event() if n % 2 else check() for n in range(2 + number % 7 * 5)]
        ids += recorded_ids(recorder.record(batch))[1::2]
    return ids


def before_commit(instance: DagsterInstance, do: Callable[[], None]) -> None:
    """Do something in each transaction of this instance when only the commit is left."""
    db.event.listen(instance.event_log_storage._engine, "commit", lambda _: do())  # type: ignore[attr-defined] # PostgreSQL's


@pytest.mark.fault("several writers at full speed, read by ascending id", "P6")
@pytest.mark.parametrize("late_s", [0, 0.002])
def test_a_reader_that_never_looks_back_misses_nothing_of_several_writers(postgresql: Database, late_s: float) -> None:
    """`late_s` widens the window between the first id and the commit, so that what can overlap does."""
    home = postgresql.new_home()
    instances = [postgresql.open(home) for _ in range(WRITERS)]
    recorders = [TransactionalRecorder(instance) for instance in instances]
    for instance in instances:
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=2)
        before_commit(instance, lambda: time.sleep(late_s))
    reader = Reader(postgresql.open(home))
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write_at_full_speed, recorder) for recorder in recorders]
        reader.read_until(lambda: all(future.done() for future in writing))
    written = [event_id for future in writing for event_id in future.result()]

    assert len(written) > WRITERS * BATCHES
    assert reader.seen == sorted(written)


def test_a_writer_may_be_silent_for_ten_seconds_while_it_holds_the_lock(postgresql: Database) -> None:
    storage: Any = postgresql.open().event_log_storage
    with storage.index_transaction() as connection:
        take_writers_lock(connection)
        assert connection.scalar(db.text("SHOW idle_in_transaction_session_timeout")) == "10s"


class HeldCommit:
    """A writer that has taken its ids and stands before its commit until it is let go."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self._recorder = TransactionalRecorder(instance)
        before_commit(instance, self._wait)

    def write(self) -> list[int]:
        return recorded_ids(self._recorder.record([event()]))

    def _wait(self) -> None:
        self.reached.set()
        assert self.let_go.wait(30)


@pytest.mark.fault("several writers at full speed, read by ascending id", "P6")
def test_a_later_writer_waits_for_the_commit_of_an_earlier_one(
    postgresql: Database, postgres: PostgresDatabases
) -> None:
    home = postgresql.new_home()
    held, later = HeldCommit(postgresql.open(home)), TransactionalRecorder(postgresql.open(home))
    reader = Reader(postgresql.open(home))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(held.write)
        assert held.reached.wait(30)
        second = pool.submit(later.record, [event()])
        eventually(lambda: postgres.server.execute(WAITING))
        reader.read()
        held.let_go.set()
        ids = first.result() + recorded_ids(second.result())
    reader.read()

    assert reader.seen == ids


def test_without_the_writers_lock_the_reader_would_miss_the_earlier_one(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = postgresql.new_home()
    held, later = HeldCommit(postgresql.open(home)), TransactionalRecorder(postgresql.open(home))
    reader = Reader(postgresql.open(home))
    monkeypatch.setattr(transactional_recorder, "take_writers_lock", lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(held.write)
        assert held.reached.wait(30)
        seen = recorded_ids(later.record([event("b")]))
        reader.read()
        held.let_go.set()
        missed = first.result()
    reader.read()

    assert missed < seen
    assert reader.seen == []

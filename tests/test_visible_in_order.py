"""A reader that walks storage ids upwards, as Dagster's sensors and automation do, misses nothing of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as db
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance
from databases import Database
from recorder_events import check, event, recorded_ids

from asset_events import AssetEvent
from asset_reporting import transactional_recorder
from asset_reporting.transactional_recorder import TransactionalRecorder

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


def late_commits(instance: DagsterInstance, seconds: float) -> None:
    """Widen the window between the first id and the commit, so that what could overlap does."""
    db.event.listen(instance.event_log_storage._engine, "commit", lambda _: time.sleep(seconds))  # type: ignore[attr-defined] # PostgreSQL's


def written_and_missed(database: Database, late_s: float) -> tuple[list[int], set[int]]:
    """Let several writers run beside a reader; what they have written, and what the reader never saw."""
    home = database.new_home()
    instances = [database.open(home) for _ in range(WRITERS)]
    recorders = [TransactionalRecorder(instance) for instance in instances]
    for place, instance in enumerate(instances):
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=2)
        late_commits(instance, late_s * place)
    reader = Reader(database.open(home))
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write_at_full_speed, recorder) for recorder in recorders]
        reader.read_until(lambda: all(future.done() for future in writing))
    written = [event_id for future in writing for event_id in future.result()]
    assert len(set(reader.seen)) == len(reader.seen)
    return written, set(written) - set(reader.seen)


@pytest.mark.parametrize("late_s", [0, 0.002])
def test_a_reader_that_never_looks_back_misses_nothing_of_several_writers(postgresql: Database, late_s: float) -> None:
    written, missed = written_and_missed(postgresql, late_s)

    assert len(written) > WRITERS * BATCHES
    assert missed == set()


def test_without_the_writers_lock_it_would(postgresql: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactional_recorder, "take_writers_lock", lambda _: None)

    _, missed = written_and_missed(postgresql, late_s=0.002)

    assert missed

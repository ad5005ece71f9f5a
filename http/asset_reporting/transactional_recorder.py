"""Record a batch in one database transaction, together with the offsets it came from: all of it, or nothing, once.

Dagster's readers (sensors, automation) walk storage ids upwards and never look back, so a transaction that takes ids
must be short, and two of ours must never overlap between their first id and their commit. Everything that takes time
is therefore done before; then the writers' lock is taken, and nothing waits until the commit.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from asset_events import AssetEvent
from asset_reporting import ledger, metrics
from asset_reporting.batch_rows import BatchRows, prepare
from asset_reporting.batch_size import FIRST_EVENTS, adapted, after_failure
from asset_reporting.batch_transaction import write
from asset_reporting.bridge_tables import METADATA
from asset_reporting.claims import KeyReusedError, Keys, write_once
from asset_reporting.idempotency import RETENTION_S
from asset_reporting.log_entries import RUNLESS
from asset_reporting.outcomes import Again, Fenced, Outcome, Unavailable
from asset_reporting.recorder import GroupId, Positions, Progress
from asset_reporting.storage_errors import classify, describe, refusal
from asset_reporting.writers_lock import take_writers_lock

if TYPE_CHECKING:
    from collections.abc import Generator

    from dagster import DagsterInstance
    from sqlalchemy.engine import Connection

_log = logging.getLogger("asset_bridge.storage")


class CommitError(Exception):
    """Raised when all was written and the commit failed: the database may have committed, or may still be about to."""


class TransactionalRecorder:
    """The recorder for PostgreSQL and SQLite event logs."""

    name = "transactional"
    guarantee = "exactly-once"
    shortcoming = None

    def __init__(self, instance: DagsterInstance, key_retention_s: float = RETENTION_S) -> None:
        """Make our two tables where they are not there yet; raises what the database raises.

        `key_retention_s` is for how many seconds an idempotency key is remembered.
        """
        storage: Any = instance.event_log_storage  # which of the two it is was checked by the chooser
        self._storage = storage
        self._writer = threading.Lock()
        self._key_retention_s = key_retention_s
        self.batch_events = FIRST_EVENTS
        with self._transaction() as connection:  # one at a time: several processes may start at once
            METADATA.create_all(connection)

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        """Record all and move the ledger, or do neither and say which events stand in the way."""
        rows = prepare(self._storage, events)
        if not isinstance(rows, BatchRows):
            return rows
        try:
            return self._write(rows, Keys.of(events), progress)
        except ledger.LedgerMovedError:
            return [Fenced()] * len(events)
        except KeyReusedError as refused:
            return refused.outcomes
        except Exception as error:  # noqa: BLE001 # told apart by type below
            # Also a connection that broke while committing: whether that took effect is read from the ledger, since
            # trying the same batch again finds the ledger moved. A post is told, and has its idempotency key for this.
            if classify(error) == "unavailable":
                return [_unavailable(error)] * len(events)
            return self._offenders(rows, error)

    def move(self, progress: Sequence[Progress]) -> Outcome | None:
        """Move the ledger alone, when a batch leaves nothing to record."""
        try:
            with self._transaction() as connection:
                ledger.advance(connection, progress)
        except ledger.LedgerMovedError:
            return Fenced()
        except Exception as error:  # noqa: BLE001 # the ledger holds nothing that could be refused for its content
            return _unavailable(error)
        return None

    def probe(self) -> str | None:
        """Read the event log's highest id: one cheap query that needs a working connection and schema."""
        try:
            self._storage.get_maximum_record_id()
        except Exception as error:  # noqa: BLE001 # whatever it is, the storage does not answer
            return describe(error)
        return None

    def positions(self, group: GroupId) -> Positions:
        """Where the ledger says that each partition of the group stands."""
        with self._storage.index_connection() as connection:
            return ledger.read(connection, group)

    def place(self, group: GroupId, offsets: Positions, stood: Positions) -> bool:
        """Let the ledger follow: a first use, or an operator's reset."""
        try:
            with self._transaction() as connection:
                ledger.place(connection, group, offsets, stood)
        except ledger.LedgerMovedError:
            return False
        return True

    def _write(self, rows: BatchRows, keys: Keys, progress: Sequence[Progress]) -> list[Outcome]:
        with self._transaction(events=len(rows.entries)) as connection:
            ledger.advance(connection, progress)
            fresh = partial(write, connection)
            outcomes = write_once(connection, keys, rows, fresh, self._key_retention_s)
        self._mirror(rows.pick([index for index, outcome in enumerate(outcomes) if not outcome.replayed]))
        return [*outcomes]

    @contextmanager
    def _transaction(self, events: int = 0) -> Generator[Connection]:
        """One transaction that holds the writers' lock: in this process, and against every other of ours."""
        asked, began, written = time.monotonic(), math.inf, False
        with self._writer:
            try:
                with self._storage.index_transaction() as connection:
                    take_writers_lock(connection)
                    began = time.monotonic()
                    yield connection
                    written = True
            except Exception as error:
                self._resize(after_failure(self.batch_events, events, window_s=time.monotonic() - began))
                if written:
                    raise CommitError from error
                raise
            self._adapt(events, waited_s=began - asked, window_s=time.monotonic() - began)

    def _adapt(self, events: int, *, waited_s: float, window_s: float) -> None:
        """Note how long a batch has held the writers' lock, and make the next one fit."""
        if events:
            self._resize(adapted(self.batch_events, events, window_s))
            metrics.LOCK_WAIT.observe(waited_s)
            metrics.WINDOW.observe(window_s)
            metrics.BATCH_EVENTS.observe(events)

    def _resize(self, batch_events: int) -> None:
        self.batch_events = batch_events
        metrics.BATCH_LIMIT.set(batch_events)

    def _mirror(self, rows: BatchRows) -> None:
        """SQLite keeps runless events a second time, in the file of the run without a name, for Dagster's run view.

        Two files cannot be committed as one; the index, which everything else reads, comes first.
        """
        if not rows.entries or not self._storage.is_run_sharded:
            return
        try:
            with self._storage.run_connection(RUNLESS) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows.log_rows)
        except Exception as error:  # noqa: BLE001 # the events are recorded; only the run view lacks them
            _log.warning("Recorded events are missing in SQLite's run view: %s.", describe(error))

    def _offenders(self, rows: BatchRows, first: Exception) -> list[Outcome]:
        """Find the events that the database refuses, by halves, in transactions that are rolled back."""
        found: dict[int, Outcome] = {}
        stack = [(0, len(rows.entries))]
        while stack:
            begin, end = stack.pop()
            error = self._try(rows.pick(range(begin, end)))
            if error is None:
                continue
            if classify(error) == "unavailable":
                return [_unavailable(error)] * len(rows.entries)
            if end - begin == 1:
                found[begin] = refusal(error)
            else:
                middle = (begin + end) // 2
                stack += [(begin, middle), (middle, end)]
        if not found:  # each is fine by itself: nothing of theirs, so it is held and tried again
            return [_unavailable(first)] * len(rows.entries)
        return [found.get(index, Again()) for index in range(len(rows.entries))]

    def _try(self, rows: BatchRows) -> Exception | None:
        try:
            with self._transaction() as connection:
                write(connection, rows)
                connection.rollback()
        except Exception as error:  # noqa: BLE001 # the question was which one
            return error
        return None


def _unavailable(error: Exception) -> Unavailable:
    cause = error.__cause__ if isinstance(error, CommitError) else None
    return Unavailable(describe(cause or error), may_be_recorded=cause is not None)

"""Where operators' pauses are kept: beside the ledger, so that every consumer of the group sees them.

The table is made by the first pause. A storage that cannot have it cannot pause, and consumers on it find nothing
paused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from asset_reporting import pauses
from asset_reporting.bridge_tables import PAUSES
from asset_reporting.pauses import Pause, PauseError, Pauses, checked
from asset_reporting.recorders import keeps_tables
from asset_reporting.writers_lock import begin_writing, take_writers_lock

if TYPE_CHECKING:
    from collections.abc import Collection

    from dagster import DagsterInstance


class PauseStore:
    """The pauses in one Dagster instance's database; safe to call from several threads, blocking.

    Every call raises what the storage raises.
    """

    def __init__(self, instance: DagsterInstance) -> None:
        storage: Any = instance.event_log_storage
        self._storage = storage

    def read(self, group_id: str) -> Pauses:
        """What a group has paused, by topic."""
        if not keeps_tables(self._storage):
            return {}
        with self._storage.index_connection() as connection:
            return pauses.read(connection, group_id)

    def pause(self, group_id: str, topics: Collection[str], *, reason: str, by: str) -> Pauses:
        """Pause topics, and return those pauses that were there already; they take the new reason.

        Raises:
            PauseTextError: A text is empty, too long or not printable.
            PauseError: The storage cannot keep pauses.
        """
        new = checked(Pause(reason, by, int(time.time())))
        self._make_table()
        with self._storage.index_transaction() as connection:
            begin_writing(connection)
            before = pauses.read(connection, group_id)
            pauses.write(connection, group_id, topics, new)
        return {topic: pause for topic, pause in before.items() if topic in topics}

    def resume(self, group_id: str, topics: Collection[str]) -> Pauses:
        """End the pauses of topics, and return those that there were.

        Raises:
            PauseError: The storage cannot keep pauses.
        """
        self._refuse_unless_kept()
        with self._storage.index_transaction() as connection:
            begin_writing(connection)
            ended = {topic: pause for topic, pause in pauses.read(connection, group_id).items() if topic in topics}
            if ended:
                pauses.delete(connection, group_id, ended)
        return ended

    def _make_table(self) -> None:
        """Under the writers' lock, since two may come first; later nobody waits for a batch under way to pause."""
        self._refuse_unless_kept()
        if self._storage.has_table(PAUSES.name):
            return
        with self._storage.index_transaction() as connection:
            take_writers_lock(connection)
            PAUSES.create(connection, checkfirst=True)

    def _refuse_unless_kept(self) -> None:
        if not keeps_tables(self._storage):
            kind = type(self._storage).__name__
            raise PauseError(f"pausing needs a table in Dagster's database, which {kind} cannot have: stop consumers")

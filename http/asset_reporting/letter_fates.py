"""What became of dead letters, in Dagster's database: seen from every machine, and by two who work them at a time.

A letter is claimed before it is sent and settled after the acknowledgement. So nobody else sends it meanwhile, and a
process that dies in between leaves a claim: the letter may have been sent, and nothing pretends to know.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import sqlalchemy as db

from asset_reporting.bridge_tables import DEAD_LETTER_FATES, LETTER_METADATA
from asset_reporting.storage_errors import describe, is_misfit
from asset_reporting.upsert import upsert
from asset_reporting.writers_lock import take_writers_lock

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy.engine import Connection

FateState: TypeAlias = Literal["sending", "replayed", "parked"]

Place: TypeAlias = tuple[str, int, int, int]
"""Dead-letter topic, partition, offset, and when the letter was written, in milliseconds."""

CLAIM_S: Final = 300
"""How long a claim keeps others away: one of more than this age is of a process that died."""

_KEYS: Final = tuple(DEAD_LETTER_FATES.primary_key.columns.keys())


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a letter; `sending` is a claim whose end nobody has written down."""

    state: FateState
    at: int
    by: str
    patched: bool = False

    @property
    def settled(self) -> bool:
        """Whether the letter is done with, or somebody is at it now."""
        return self.state != "sending" or time.time() - self.at < CLAIM_S


class LetterFatesError(Exception):
    """Raised when the database does not answer, or has not our table and does not let us make it."""


class LetterFates:
    """Reads and writes the fates of one Kafka cluster's letters.

    Raises:
        LetterFatesError: By every method, when the database does not do what it should.
    """

    def __init__(self, instance: DagsterInstance, cluster_id: str) -> None:
        """Take an instance on PostgreSQL or SQLite; changes nothing until a letter is claimed."""
        self._storage: Any = instance.event_log_storage
        self._cluster_id = cluster_id
        self._there = False

    def known(self, places: Sequence[Place]) -> dict[Place, Fate]:
        """The fates of those letters that have one."""
        with _told(), self._storage.index_connection() as connection:
            self._there = self._there or db.inspect(connection).has_table(DEAD_LETTER_FATES.name)
            return self._known(connection, places) if self._there else {}

    def claim(self, places: Sequence[Place], by: str) -> set[Place]:
        """Claim letters, to send them now; returns those that nobody else has worked or is working."""
        if not places:
            return set()
        with self._transaction() as connection:
            taken = {place for place, fate in self._known(connection, places).items() if fate.settled}
            free = [place for place in places if place not in taken]
            self._write(connection, dict.fromkeys(free, Fate("sending", int(time.time()), by)))
        return set(free)

    def settle(self, fates: Mapping[Place, Fate], free: Sequence[Place] = ()) -> None:
        """Write down what became of claimed letters; those of `free` are open again, since they were not sent."""
        with self._transaction() as connection:
            self._write(connection, fates)
            for place in free:
                connection.execute(DEAD_LETTER_FATES.delete().where(*self._at(place)))

    def forget(self, topic: str, begins: Mapping[int, int]) -> None:
        """Drop the fates of letters that retention has deleted: those before where each partition begins."""
        table = DEAD_LETTER_FATES
        with self._transaction() as connection:
            for partition, begin in begins.items():
                whose = (table.c.cluster_id == self._cluster_id, table.c.topic == topic, table.c.partition == partition)
                connection.execute(table.delete().where(*whose, table.c.offset < begin))

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with _told(), self._storage.index_transaction() as connection:
            take_writers_lock(connection)
            LETTER_METADATA.create_all(connection)
            yield connection

    def _known(self, connection: Connection, places: Sequence[Place]) -> dict[Place, Fate]:
        table, found = DEAD_LETTER_FATES, dict[Place, Fate]()
        offsets: dict[tuple[str, int], list[int]] = {}
        for topic, partition, offset, _ in places:
            offsets.setdefault((topic, partition), []).append(offset)
        for (topic, partition), ours in offsets.items():
            where = (*self._at((topic, partition, 0, 0))[:3], table.c.offset.between(min(ours), max(ours)))
            for row in connection.execute(table.select().where(*where)):
                fate = Fate(row.fate, row.decided_at, row.decided_by, row.patched)
                found[topic, partition, row.offset, row.written_ms] = fate
        return {place: found[place] for place in places if place in found}

    def _write(self, connection: Connection, fates: Mapping[Place, Fate]) -> None:
        if fates:
            changed = ["fate", "decided_at", "decided_by", "patched"]
            statement = upsert(connection, DEAD_LETTER_FATES, _KEYS, changed)
            connection.execute(statement, [self._row(place, fate) for place, fate in fates.items()])

    def _row(self, place: Place, fate: Fate) -> dict[str, object]:
        keys = dict(zip(_KEYS, (self._cluster_id, *place), strict=True))
        what = {"fate": fate.state, "decided_at": fate.at, "decided_by": fate.by[:255], "patched": fate.patched}
        return {**keys, **what}

    def _at(self, place: Place) -> tuple[Any, ...]:
        return tuple(
            DEAD_LETTER_FATES.c[key] == is_at for key, is_at in zip(_KEYS, (self._cluster_id, *place), strict=True)
        )


@contextmanager
def _told() -> Generator[None]:
    """Say in one line what the database does not do."""
    try:
        yield
    except Exception as error:
        reason = "cannot be created or used" if is_misfit(error) else "cannot be reached"
        raise LetterFatesError(f"the table {DEAD_LETTER_FATES.name} {reason}: {describe(error)}") from error

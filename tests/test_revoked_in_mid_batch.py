"""A consumer whose partitions are taken away while its batch waits for the database: killed or not, once is once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
from broker import Broker
from brokers import each_group_protocol
from consuming import eventually
from databases import Database
from forked import Forked
from forked_group import ForkedGroup

from asset_reporting import writers_lock

pytestmark = [pytest.mark.heavy]


@contextmanager
def writers_locked(database: Database, home: Path) -> Iterator[None]:
    """Let everybody who wants to write wait."""
    storage: Any = database.open(home).event_log_storage
    with storage.index_transaction() as connection:
        writers_lock.take_writers_lock(connection)
        yield


def start_newcomer(group: ForkedGroup) -> Forked:
    """A consumer that has opened its storage, which takes the writers' lock, and waits before it joins."""
    newcomer = group.start()
    newcomer.strike("joining", how=SIGSTOP)
    newcomer.stopped_at("joining")
    return newcomer


@pytest.fixture
def patient_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the lock in this process may do so for as long as it likes."""
    monkeypatch.setattr(writers_lock, "IDLE_MS", 0)


@pytest.mark.fault("partitions taken away while their batch waits for the database", "P1", "P2", "P6")
@each_group_protocol
@pytest.mark.usefixtures("patient_lock")
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "alive"])
def test_what_is_open_when_its_partitions_go_is_recorded_once(
    broker: Broker, database: Database, *, killed: bool
) -> None:
    home = database.new_home()
    with ForkedGroup(home, broker) as group:
        first = group.start()
        first.ready()
        newcomer = start_newcomer(group)
        with writers_locked(database, home):
            first.signal(SIGSTOP)  # so that one fetch brings records of every partition
            group.feed(60)
            first.signal(SIGCONT)
            # What comes next is its transaction.
            eventually(lambda: '"dead_lettered"' in first.err, timeout_s=60)
            if killed:
                first.strike("revoked")
            newcomer.signal(SIGCONT)
            if killed:
                first.killed_at("revoked")
                group.end(first)
            else:
                # Now both wait, mostly with the same records.
                eventually(lambda: '"dead_lettered"' in newcomer.err, timeout_s=60)
            group.accounts.check()
        group.settled()
        group.leave(*group.running)
        group.accounts.close()

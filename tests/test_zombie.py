"""A consumer that freezes in mid-work, and wakes when others have its partitions, records nothing twice and goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from signal import SIGCONT, SIGSTOP

import pytest
from broker import Broker
from brokers import each_group_protocol
from consuming import eventually
from databases import Database, PostgresDatabases
from forked import Forked
from forked_group import PARTITIONS, ForkedGroup
from postgres import WAITING

pytestmark = [pytest.mark.heavy]

IDLE_MS = 4000
"""Instead of ten seconds (`writers_lock.IDLE_MS`), after which PostgreSQL rolls a silent writer back."""


def freeze(group: ForkedGroup, consumer: Forked, step: str) -> None:
    """Let a consumer stop at a step of its next batch, and lose its partitions."""
    consumer.strike(step, how=SIGSTOP)
    group.feed(60)
    consumer.stopped_at(step)
    group.expel(consumer)


def woken(group: ForkedGroup, zombie: Forked) -> None:
    """It goes on where it stopped, finds its partitions lost, and takes its share of the work again."""
    assert zombie.is_stopped
    zombie.signal(SIGCONT)
    eventually(lambda: len(zombie.owned) == PARTITIONS // 2)
    group.feed(60)
    group.settled()
    group.accounts.check()


def goes_on_alone(group: ForkedGroup, zombie: Forked, other: Forked) -> None:
    """The one that was frozen consumes again as if nothing had been, and everything is there once."""
    group.leave(other)
    group.feed(60)
    group.settled()
    group.leave(zombie)
    group.accounts.close()


def waits_for_the_lock(group: ForkedGroup, postgres: PostgresDatabases) -> bool:
    """Whether one that runs waits for the writers' lock; it is fed, since it may have done its part before."""
    group.feed(10)
    return bool(postgres.server.execute(WAITING))


@pytest.mark.fault("consumer frozen before its transaction, and woken later", "P1", "P2", "P6")
@each_group_protocol
def test_who_froze_before_its_transaction_is_fenced(broker: Broker, database: Database) -> None:
    with ForkedGroup(database.new_home(), broker) as group:
        zombie = group.start()
        zombie.ready()
        freeze(group, zombie, "handling")

        second = group.start()
        group.settled()
        assert len(second.owned) == PARTITIONS

        woken(group, zombie)
        eventually(lambda: '"fenced"' in zombie.err)
        goes_on_alone(group, zombie, second)


@pytest.mark.fault("consumer frozen while it finds out where to begin, and woken later", "P1", "P2", "P6")
@each_group_protocol
def test_who_froze_while_finding_out_where_to_begin_leaves_the_ledger_to_its_successor(
    broker: Broker, database: Database
) -> None:
    with ForkedGroup(database.new_home(), broker) as group:
        zombie = group.start()
        freeze(group, zombie, "placing")

        second = group.start()
        group.settled()

        woken(group, zombie)
        eventually(lambda: '"fenced"' in zombie.err)
        goes_on_alone(group, zombie, second)


@pytest.mark.fault("consumer frozen inside its transaction, and woken later", "P1", "P2", "P6")
@each_group_protocol
def test_who_froze_inside_its_transaction_is_rolled_back_by_postgresql(
    broker: Broker, postgresql: Database, postgres: PostgresDatabases
) -> None:
    with ForkedGroup(postgresql.new_home(), broker) as group:
        zombie, second = group.start(idle_ms=IDLE_MS), group.start()
        group.balanced()
        freeze(group, zombie, "rows_written")

        eventually(lambda: waits_for_the_lock(group, postgres))
        group.settled()

        woken(group, zombie)
        eventually(lambda: '"outage_began"' in zombie.err)  # it found its connection gone
        goes_on_alone(group, zombie, second)


@pytest.mark.fault("consumer frozen inside its transaction, and woken later", "P1", "P2", "P6")
@each_group_protocol
def test_who_froze_inside_its_transaction_keeps_everybody_waiting_on_sqlite(broker: Broker, sqlite: Database) -> None:
    home = sqlite.new_home()
    with ForkedGroup(home, broker) as group:
        zombie, second = group.start(), group.start()
        group.balanced()
        freeze(group, zombie, "rows_written")

        eventually(lambda: len(second.owned) == PARTITIONS)
        (index,) = home.rglob("index.db")
        with closing(sqlite3.connect(index, timeout=0)) as connection, pytest.raises(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
        zombie.signal(SIGCONT)

        group.settled()
        goes_on_alone(group, zombie, second)

"""Consumers that are stopped while their storage is down or hangs: out in time, nothing lost, nothing twice."""

from __future__ import annotations

import pytest
from consuming import eventually
from databases import Database, PostgresDatabases
from forked import Forked
from forked_group import ForkedGroup
from mock_cluster import MockCluster
from postgres import ThrowAwayServer
from postgres_proxy import PostgresProxy

DEADLINE = "ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S"
MARGIN_S = 5.0
"""What a slow machine takes to notice and to leave."""

PROMISES = ("P1", "P2", "P3", "P6")


def at_work(group: ForkedGroup, deadline_s: int) -> Forked:
    consumer = group.start(settings={DEADLINE: str(deadline_s)})
    consumer.ready()
    group.feed(60)
    group.settled()
    return consumer


def left_to_the_next(group: ForkedGroup) -> None:
    """Nothing has been passed, and whoever comes next does what is open."""
    group.accounts.check()
    group.start()
    group.settled()
    group.leave(*group.running)
    group.accounts.close()


@pytest.mark.fault("SIGTERM while PostgreSQL is down", *PROMISES)
def test_stopped_between_two_tries_it_leaves_as_it_always_does(
    cluster: MockCluster, postgresql: Database, stoppable_server: ThrowAwayServer
) -> None:
    with ForkedGroup(postgresql.new_home(), cluster) as group:
        consumer = at_work(group, deadline_s=600)
        stoppable_server.stop()
        group.feed(60)
        eventually(lambda: '"outage_began"' in consumer.err)

        consumer.signal()
        assert consumer.wait(MARGIN_S) == 0

        group.end(consumer)
        stoppable_server.start()
        left_to_the_next(group)


@pytest.mark.fault("SIGTERM, and a second one, while a commit hangs", *PROMISES)
@pytest.mark.parametrize(("deadline_s", "signals"), [(1, 1), (600, 2)], ids=["deadline", "told twice"])
def test_stopped_in_mid_commit_it_leaves_at_its_deadline_or_told_twice_and_the_commit_may_outlive_it(
    cluster: MockCluster, postgres: PostgresDatabases, deadline_s: int, signals: int
) -> None:
    with (
        PostgresProxy(postgres.server) as proxy,
        ForkedGroup(postgres.home(postgres.new_name(), port=proxy.port), cluster) as group,
    ):
        consumer = at_work(group, deadline_s)
        proxy.fail("COMMIT", "freeze", after="INSERT")
        group.feed(60)
        assert proxy.met.wait(20)

        consumer.signal()
        eventually(lambda: '"stopping"' in consumer.err)
        if signals == 2:
            consumer.signal()
        assert consumer.wait(MARGIN_S) == 1

        group.end(consumer)
        group.accounts.check()
        proxy.thaw()
        left_to_the_next(group)

"""Consumers killed at every step of their work lose nothing and record nothing twice; `kills.py` does it for longer."""

from __future__ import annotations

import pytest
from databases import Database
from forked_group import ForkedGroup
from kills import AT_WORK, every_step, kill_all
from mock_cluster import MockCluster

pytestmark = [pytest.mark.heavy]


@pytest.mark.fault("consumer killed at each step of its work", "P1", "P2", "P6")
@pytest.mark.timeout(300)
def test_killed_at_every_step_nothing_is_lost_and_nothing_recorded_twice(
    cluster: MockCluster, database: Database
) -> None:
    with ForkedGroup(database.new_home(), cluster) as group:
        counted = kill_all(group, every_step(), records=1000, seed=7)

    assert counted["kills"] >= 2 * len(AT_WORK)
    assert counted["dead"] > 0


def test_a_step_that_is_not_reached_fails_the_test(cluster: MockCluster, sqlite: Database) -> None:
    with ForkedGroup(sqlite.new_home(), cluster) as group:
        consumer = group.start()
        consumer.ready()
        consumer.strike("rows_written")
        consumer.signal()  # there is nothing to record
        with pytest.raises(AssertionError, match="ended with 0 before rows_written"):
            consumer.killed_at("rows_written")

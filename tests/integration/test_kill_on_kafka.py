"""Consumers killed at every step of their work on a real broker, which finds out by itself that they are gone."""

from __future__ import annotations

import pytest
from brokers import both_group_protocols
from databases import Database
from forked_group import ForkedGroup
from kills import AT_WORK, each_step_once, kill_all
from real_broker import RealBroker

pytestmark = [pytest.mark.kafka, pytest.mark.heavy]


@pytest.mark.fault("consumer killed at each step of its work", "P1", "P2", "P6")
@pytest.mark.timeout(300)
@both_group_protocols
def test_killed_at_every_step_nothing_is_lost_and_nothing_recorded_twice(kafka: RealBroker, sqlite: Database) -> None:
    """A kill costs two seconds: where one of two is killed by one protocol, the one that is left is by the other."""
    first = ["classic", "consumer"].index(kafka.group_protocol)
    with ForkedGroup(sqlite.new_home(), kafka) as group:
        counted = kill_all(group, each_step_once(first), records=1000, seed=7)

    assert counted["kills"] >= len(AT_WORK)
    assert counted["dead"] > 0

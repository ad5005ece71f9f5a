"""A storage that is down for long: the consumer stays in its group and holds, posts are refused, and both go on alone.

Ten minutes' worth, with time scaled to a hundredth: the outage lasts 6 s, the consumer waits from 5 ms to 0.3 s between
two tries and must poll every 3 s. Heartbeats are scaled less (a session of some 2 s, not 0.45): a third of the outage.
"""

from __future__ import annotations

import time

import pytest
from both_roads import PARTITIONS, BothRoads
from broker import Broker
from consuming import committed_offsets
from databases import Database
from postgres import ThrowAwayServer

from asset_consumer import backoff

SCALE = 100
OUTAGE_S = 600 / SCALE
POLL_MS = 300_000 // SCALE

PROMISES = ("P1", "P2", "P3", "P6", "P7")


@pytest.fixture(autouse=True)
def scaled_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", backoff.FIRST_S / SCALE)
    monkeypatch.setattr(backoff, "LONGEST_S", backoff.LONGEST_S / SCALE)


def stays_held(roads: BothRoads) -> None:
    """Look at it again and again for as long as the outage lasts."""
    offsets = committed_offsets(roads.broker, PARTITIONS)
    roads.holds("Exception")
    until = time.monotonic() + OUTAGE_S
    while time.monotonic() < until:
        roads.stays(offsets)
        roads.refuses("again")


@pytest.mark.fault("PostgreSQL is down for ten minutes (time scaled 1:100)", *PROMISES)
@pytest.mark.usefixtures("quick_reconnects")
def test_a_server_that_is_down(broker: Broker, postgresql: Database, stoppable_server: ThrowAwayServer) -> None:
    limits = {**broker.quick_group(), "max.poll.interval.ms": str(POLL_MS)}
    with BothRoads(broker, postgresql.new_home(), librdkafka=limits) as roads:
        stoppable_server.stop()
        stays_held(roads)
        roads.unready("DagsterPostgresException")
        stoppable_server.start()
        roads.healed("again")

"""A storage that is slow: batches take longer than Kafka lets a consumer be silent, or than the database allows."""

from __future__ import annotations

import pytest
from both_roads import BothRoads
from broker import Broker
from consuming import eventually
from databases import PostgresDatabases
from mock_cluster import MockCluster
from postgres_proxy import PostgresProxy
from storage_faults import slow_inserts

from asset_consumer import loop
from asset_reporting import transactional_recorder

pytestmark = [pytest.mark.usefixtures("quick_backoff")]

SILENCE_MS = "2500"
"""How long the consumer may be silent: 5 minutes otherwise; not less than a session."""

STATEMENT_S = 0.5
"""How long each statement of a transaction takes; there are seven at least, longer than the consumer may be silent."""


@pytest.mark.fault("PostgreSQL is slow", "P1", "P2", "P3", "P6")
def test_a_batch_that_takes_longer_than_the_group_waits_gets_through_and_makes_the_next_ones_smaller(
    broker: Broker, postgres: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactional_recorder, "FIRST_EVENTS", 150)
    monkeypatch.setattr(loop, "PATIENCE_S", 0.2)
    name = postgres.new_name()
    limits = {**broker.quick_group(), "max.poll.interval.ms": SILENCE_MS}
    with (
        PostgresProxy(postgres.server) as proxy,
        BothRoads(broker, postgres.home(name), postgres.home(name, port=proxy.port), librdkafka=limits) as roads,
    ):
        proxy.delay_s = STATEMENT_S
        roads.feed(200)
        roads.refuses("again")
        roads.settled(60)
        assert roads.recorder.batch_events < 150

        proxy.delay_s = 0
        roads.healed("again")


@pytest.mark.fault("a batch is too much for the statement timeout", "P1", "P2", "P3", "P6")
def test_a_batch_that_is_too_much_for_the_statement_timeout_is_halved_until_it_fits(
    cluster: MockCluster, postgres: PostgresDatabases
) -> None:
    name = postgres.new_name()
    with (
        BothRoads(cluster, postgres.home(name), statement_timeout_ms=300) as roads,
        slow_inserts(postgres.server, name, event_s=0.002),
    ):
        roads.feed(800)
        eventually(lambda: "QueryCanceled" in roads.consumer.reason("storage"))
        roads.healed()

"""A server that goes away in mid-transaction, or as a batch is committed: the ledger knows what became of it.

Both roads reach it by one address, as through a load balancer: a proxy, which leads to the new server from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from both_roads import BothRoads
from broker import Broker
from consuming import eventually
from databases import PostgresDatabases
from mock_cluster import MockCluster
from postgres import ThrowAwayServer
from postgres_pair import PostgresPair
from postgres_proxy import Fault, PostgresProxy

MOMENTS: list[tuple[str, Fault]] = [
    ("INSERT INTO asset_keys", "lose the request"),
    ("COMMIT", "lose the request"),
    ("COMMIT", "lose the answer"),
]
"""In mid-transaction; before the commit arrives; after it, when only the answer is missing."""

PROMISES = ("P1", "P2", "P3", "P6")

pytestmark = [pytest.mark.usefixtures("quick_backoff", "quick_reconnects")]


@pytest.fixture
def proxy(postgres: PostgresDatabases) -> Iterator[PostgresProxy]:
    with PostgresProxy(postgres.server) as proxy:
        yield proxy


@pytest.fixture
def elsewhere() -> Iterator[Executor]:
    """A thread for disasters; not one of the proxy's, as a server ends with the thread that has started it."""
    with ThreadPoolExecutor(1) as elsewhere:
        yield elsewhere


@pytest.fixture
def pair(proxy: PostgresProxy) -> Iterator[PostgresPair]:
    with closing(PostgresPair()) as pair:
        proxy.server = pair.primary.server
        yield pair


def strike(roads: BothRoads, proxy: PostgresProxy, disaster: Callable[[], object]) -> None:
    """Let the disaster strike a batch at each of its moments, and then a post."""
    posts: list[str] = []
    for statement, fault in MOMENTS:
        proxy.fail(statement, fault, then=disaster, after="INSERT")
        roads.feed(20)
        assert proxy.met.wait(20)
        roads.settled()

        proxy.fail(statement, fault, then=disaster, after="INSERT")
        posts.append(f"{fault} {statement}")
        eventually(lambda: is_refused(roads, proxy, posts[-1]))
    roads.healed(*posts)


def is_refused(roads: BothRoads, proxy: PostgresProxy, key: str) -> bool:
    """Whether the disaster is why: a connection from before the last one is refused too."""
    roads.refuses(key)
    return proxy.met.is_set()


@pytest.mark.fault("PostgreSQL is restarted in mid-transaction and at the commit", *PROMISES)
def test_a_server_that_is_restarted(
    broker: Broker,
    postgres: PostgresDatabases,
    stoppable_server: ThrowAwayServer,
    proxy: PostgresProxy,
    elsewhere: Executor,
) -> None:
    with BothRoads(broker, postgres.home(postgres.new_name(), port=proxy.port)) as roads:
        strike(roads, proxy, lambda: elsewhere.submit(stoppable_server.restart).result())


@pytest.mark.fault("PostgreSQL fails over in mid-transaction and at the commit", *PROMISES)
def test_a_server_that_fails_over_to_its_standby(
    broker: Broker, pair: PostgresPair, proxy: PostgresProxy, elsewhere: Executor, tmp_path: Path
) -> None:
    def fail_over() -> None:
        proxy.server = pair.fail_over()
        pair.follow()

    pair.follow()
    databases = PostgresDatabases(pair.primary.server, tmp_path)
    with BothRoads(broker, databases.home(databases.new_name(), port=proxy.port)) as roads:
        strike(roads, proxy, lambda: elsewhere.submit(fail_over).result())


@pytest.mark.fault("PostgreSQL fails over and has lost its last commits", "P1", "P2", "P6")
def test_what_a_standby_has_never_heard_of_is_read_from_kafka_and_recorded_again(
    cluster: MockCluster, pair: PostgresPair, proxy: PostgresProxy, tmp_path: Path
) -> None:
    databases = PostgresDatabases(pair.primary.server, tmp_path)
    with BothRoads(cluster, databases.home(databases.new_name(), port=proxy.port)) as roads:
        pair.follow(closely=False)
        pair.standby.stop()
        roads.feed(20)
        roads.settled()
        pair.primary.stop()
        pair.standby.start()
        proxy.server = pair.fail_over()

        roads.feed(20)
        eventually(roads.accounts.is_recorded)
        roads.healed()

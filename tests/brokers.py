"""Fixtures that give a test a Kafka: `cluster` inside this process, with faults; `broker` each kind that there is.

The real one is the broker that ASSET_BRIDGE_TEST_KAFKA=host:port names, else one of our own from the jars in the
cache, else a container where Docker answers. Without any, its cases are skipped; ASSET_BRIDGE_TEST_REQUIRE=kafka makes
them fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest
from broker import Broker
from containers import docker_answers, kafka_container
from kafka_jars import cached
from kafka_server import SETTINGS, ThrowAwayKafka, find_java
from missing import missing
from mock_cluster import MockCluster
from real_broker import RealBroker

if TYPE_CHECKING:
    from asset_consumer.librdkafka import GroupProtocol

NAMED = "ASSET_BRIDGE_TEST_KAFKA"

_MISSING = (
    "there is no Kafka: `make kafka` fetches one where Java 17 and Maven are, Docker will do,"
    f" or name a broker in {NAMED}=host:port"
)

EACH_BROKER = ["mock", pytest.param("kafka", marks=pytest.mark.kafka)]
"""For fixtures of a wider scope, which then call `open_broker(request)`."""

each_group_protocol: Final = pytest.mark.parametrize(
    "broker", [*EACH_BROKER, pytest.param("kafka-consumer-protocol", marks=pytest.mark.kafka)], indirect=True
)
"""For tests in which it matters how a group shares its partitions: by either protocol on the real broker."""

both_group_protocols: Final = pytest.mark.parametrize("kafka", ["classic", "consumer"], indirect=True)
"""The same for those that need a real broker."""


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A fresh one-broker Kafka cluster of this test alone, inside this process."""
    with MockCluster() as cluster:
        yield cluster


@pytest.fixture(params=EACH_BROKER)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each kind of Kafka: what holds on the one inside this process must hold on a real one."""
    with open_broker(request) as broker:
        yield broker


@pytest.fixture
def kafka(kafka_server: tuple[str, ThrowAwayKafka | None], request: pytest.FixtureRequest) -> Iterator[RealBroker]:
    """A real broker, for what only one can do; a parameter names the group protocol."""
    bootstrap, server = kafka_server
    with closing(RealBroker(bootstrap, server, getattr(request, "param", "classic"))) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_server(_kafka_server: tuple[str, ThrowAwayKafka | None] | None) -> tuple[str, ThrowAwayKafka | None]:
    """A real broker's address, and the broker itself where it is ours to stop."""
    return _kafka_server or missing("kafka", _MISSING)


@pytest.fixture(scope="session")
def _kafka_server() -> Iterator[tuple[str, ThrowAwayKafka | None] | None]:
    with running_kafka() as server:
        yield server


@pytest.fixture(scope="session")
def jars() -> Path:
    """What a broker of a test's own is started from."""
    found = cached()
    return found if found is not None and find_java() is not None else missing("kafka", _MISSING)


@contextmanager
def open_broker(request: pytest.FixtureRequest) -> Generator[Broker]:
    """The broker of the kind that the fixture's parameter names."""
    if request.param == "mock":
        with MockCluster() as cluster:
            yield cluster
    else:
        protocol: GroupProtocol = "consumer" if request.param == "kafka-consumer-protocol" else "classic"
        bootstrap, server = request.getfixturevalue("kafka_server")
        with closing(RealBroker(bootstrap, server, protocol)) as broker:
            yield broker


@contextmanager
def running_broker(kind: Literal["mock", "kafka"], protocol: GroupProtocol) -> Generator[Broker]:
    """A broker outside any test."""
    if kind == "mock":
        with MockCluster() as cluster:
            yield cluster
        return
    with running_kafka() as found:
        bootstrap, server = found or missing("kafka", _MISSING)
        with closing(RealBroker(bootstrap, server, protocol)) as broker:
            yield broker


@contextmanager
def running_kafka() -> Generator[tuple[str, ThrowAwayKafka | None] | None]:
    """The broker to test on, and how to stop it where it is ours; None where there is none."""
    named, jars = os.environ.get(NAMED), cached()
    if named:
        yield named, None
    elif jars is not None and find_java() is not None:
        with closing(ThrowAwayKafka(jars)) as ours:
            yield ours.bootstrap, ours
    elif docker_answers():
        with kafka_container(SETTINGS) as bootstrap:
            yield bootstrap, None
    else:
        yield None

"""What a soak does to its world: each fault begins, stays for a while, and is undone."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from confluent_kafka import KafkaError
from fault_points import STEPS
from mock_cluster import PRODUCE, MockCluster
from real_broker import RealBroker
from soak_database import Postgres, Sqlite
from soak_process_faults import frozen, frozen_at, http_killed, joined, killed, killed_at, left
from soak_topics import DEAD_LETTER_PARTITIONS, LETTER_BYTES
from soak_world import Struck, World

Target = Literal["group", "http", "broker", "database"]
Draw = Callable[[random.Random], dict[str, Any]]


def _which(chance: random.Random) -> dict[str, Any]:
    return {"which": chance.randrange(100)}


def _which_and_step(chance: random.Random) -> dict[str, Any]:
    return {**_which(chance), "step": chance.choice(sorted(STEPS))}


def _which_and_step_of_work(chance: random.Random) -> dict[str, Any]:
    """Between the poll and the commit, and never inside a transaction, which keeps all others waiting on SQLite."""
    return {**_which(chance), "step": chance.choice(["validated", "handling", "database_committed", "recorded"])}


def _which_inside_transaction(chance: random.Random) -> dict[str, Any]:
    return {**_which(chance), "step": "rows_written"}


def _nothing(_: random.Random) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """`seconds` are the least and the most that it stays; two faults of one target are never at the same time."""

    do: Callable[..., AbstractContextManager[Struck | None]]
    targets: frozenset[Target]
    seconds: tuple[float, float]
    draw: Draw = _nothing
    only: str | None = None
    """The broker or the database that it needs."""


@contextmanager
def _broker_down(world: World) -> Generator[None]:
    world.broker.broker_down()
    yield
    world.broker.broker_up()


@contextmanager
def _broker_slow(world: World, round_trip_ms: int) -> Generator[None]:
    assert isinstance(world.broker, MockCluster)
    world.broker.set_round_trip_ms(round_trip_ms)
    yield
    world.broker.set_round_trip_ms(0)


def _broker_frozen(world: World) -> AbstractContextManager[None]:
    assert isinstance(world.broker, RealBroker)
    return world.broker.frozen()


@contextmanager
def _letters_delayed(world: World, times: int) -> Generator[Struck]:
    """With an error after which the producer tries again by itself."""
    _refuse_letters(world, KafkaError.NOT_LEADER_FOR_PARTITION, times)
    ends = world.topics.letter_ends()
    yield lambda: world.topics.letter_ends() != ends  # what is written now has met its partition's errors before


@contextmanager
def _letters_refused(world: World, times: int) -> Generator[Struck]:
    """With an error after which it does not: the letter has failed, and its record must stay open."""
    held = world.letters_held()
    if isinstance(world.broker, MockCluster):
        _refuse_letters(world, KafkaError.TOPIC_AUTHORIZATION_FAILED, times)
        yield lambda: world.letters_held() > held
        return
    assert isinstance(world.broker, RealBroker)
    for consumer in world.at_large:
        consumer.ready()  # who starts now would refuse to, and rightly
    for topic in world.topics.names:
        world.broker.configure_topic(f"{topic}.dlq", max_message_bytes="100")
    yield lambda: world.letters_held() > held
    for topic in world.topics.names:
        world.broker.configure_topic(f"{topic}.dlq", max_message_bytes=LETTER_BYTES)


def _refuse_letters(world: World, error: int, times: int) -> None:
    assert isinstance(world.broker, MockCluster)
    for topic in world.topics.names:
        for partition in range(DEAD_LETTER_PARTITIONS):
            world.broker.push_partition_errors(f"{topic}.dlq", partition, PRODUCE, *[error] * times)


def _locked(world: World) -> AbstractContextManager[None]:
    assert isinstance(world.database, Sqlite)
    return world.database.locked()


def _database_down(world: World) -> AbstractContextManager[None]:
    assert isinstance(world.database, Postgres)
    return world.database.down()


@contextmanager
def _cut(world: World) -> Generator[Struck]:
    assert isinstance(world.database, Postgres)
    broken = world.database.proxy.cut()
    yield lambda: broken > 0


def _commit_lost(world: World, what: Any) -> AbstractContextManager[Struck]:
    assert isinstance(world.database, Postgres)
    return world.database.commit(what)


GROUP, HTTP, BROKER, DATABASE = (frozenset[Target]([target]) for target in get_args(Target))

KINDS = {
    "a consumer is killed at any moment": Kind(killed, GROUP, (0.2, 4), _which),
    "a consumer is killed at a step": Kind(killed_at, GROUP, (2, 5), _which_and_step),
    "a consumer is frozen": Kind(frozen, GROUP, (0.5, 9), _which),
    "a consumer is frozen at a step": Kind(frozen_at, GROUP, (3, 12), _which_and_step_of_work),
    "a consumer is frozen inside its transaction": Kind(
        frozen_at, GROUP, (3, 12), _which_inside_transaction, "postgresql"
    ),
    "a consumer joins and leaves": Kind(joined, GROUP | BROKER | DATABASE, (1, 5)),
    "a consumer leaves and another comes": Kind(left, GROUP, (0.2, 4), _which),
    "the HTTP service is killed": Kind(http_killed, HTTP, (0.2, 3)),
    "the broker is down": Kind(_broker_down, BROKER, (0.5, 8)),
    "the broker is slow": Kind(
        _broker_slow, BROKER, (2, 6), lambda chance: {"round_trip_ms": chance.randrange(100, 900)}, "mock"
    ),
    "the broker is frozen": Kind(_broker_frozen, BROKER, (0.5, 10), only="kafka"),
    "dead letters are delayed": Kind(
        _letters_delayed, BROKER, (0.5, 2), lambda chance: {"times": chance.randrange(1, 6)}, "mock"
    ),
    "dead letters are refused": Kind(
        _letters_refused, BROKER | GROUP | DATABASE, (1, 6), lambda chance: {"times": chance.randrange(1, 4)}
    ),
    "the database is locked": Kind(_locked, DATABASE, (1, 8), only="sqlite"),
    "the database is down": Kind(_database_down, DATABASE, (0.5, 8), only="postgresql"),
    "all database connections break": Kind(_cut, DATABASE, (0.1, 0.2), only="postgresql"),
    "a COMMIT is lost": Kind(_commit_lost, DATABASE, (1, 2), lambda _: {"what": "lose the request"}, "postgresql"),
    "the answer to a COMMIT is lost": Kind(
        _commit_lost, DATABASE, (1, 2), lambda _: {"what": "lose the answer"}, "postgresql"
    ),
}
"""An operator's reset is not among them: what is recorded again by his wish cannot be told from a breach."""

"""A broker that asks who is there, and what they may do: rights that are missing, taken away and given again."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from accounts import Accounts
from consuming import RunningConsumer, eventually
from databases import Database
from kafka_server import MORE_LISTENERS, ThrowAwayKafka
from ports import free_port
from processes import Process, kafka_environment
from real_broker import RealBroker
from rights import GROUP, READ, WRITE, Right, Rights

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

PASSWORD, WRONG = "CANARY-right", "CANARY-wrong"
LOGIN = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "bridge",
    "sasl.password": PASSWORD,
}
REFUSED = {**LOGIN, "sasl.password": WRONG}

PARTITIONS = 2


@pytest.fixture(scope="module")
def guarded(jars: Path) -> Iterator[tuple[ThrowAwayKafka, str]]:
    """A broker, through whose plain door everything is allowed, and the address of the door with a lock."""
    door = f"127.0.0.1:{free_port()}"
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    settings = {
        MORE_LISTENERS: f"SASL_PLAINTEXT://{door}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{module} required user_bridge="{PASSWORD}" ;',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with closing(ThrowAwayKafka(jars, settings)) as server:
        yield server, door


@pytest.fixture
def kafka(guarded: tuple[ThrowAwayKafka, str]) -> Iterator[RealBroker]:
    """As those see it who may do everything."""
    with closing(RealBroker(guarded[0].bootstrap)) as broker:
        broker.create_topic(broker.topic, PARTITIONS)
        broker.create_topic(broker.dead_letters, PARTITIONS, {"max.message.bytes": "1200000"})
        yield broker


@pytest.fixture
def behind_lock(guarded: tuple[ThrowAwayKafka, str], kafka: RealBroker) -> RealBroker:
    """As the bridge sees it."""
    seen = copy.copy(kafka)
    seen.bootstrap = guarded[1]
    return seen


@pytest.fixture
def accounts(kafka: RealBroker, sqlite: Database) -> Accounts:
    return Accounts(kafka, sqlite.open(), PARTITIONS)


@pytest.fixture
def rights(kafka: RealBroker) -> Rights:
    """The bridge's: those to read events, and to see the dead-letter topic, are given already."""
    rights = Rights(kafka.bootstrap, "bridge")
    rights.give(("GROUP", kafka.group, "READ"), read_events(kafka), ("TOPIC", kafka.dead_letters, "DESCRIBE"))
    return rights


def read_events(kafka: RealBroker) -> Right:
    return "TOPIC", kafka.topic, "READ"


def write_letters(kafka: RealBroker) -> Right:
    return "TOPIC", kafka.dead_letters, "WRITE"


@pytest.mark.fault("dead-letter topic forbidden from the start", "P1", "P2", "P6", "P7")
def test_a_missing_right_to_write_letters_holds_the_offset_until_it_is_given(
    kafka: RealBroker, behind_lock: RealBroker, accounts: Accounts, rights: Rights
) -> None:
    accounts.feed(50)
    with RunningConsumer(behind_lock, TransactionalRecorder(accounts.instance), librdkafka=LOGIN) as consumer:
        eventually(lambda: f"(WRITE on {kafka.dead_letters} is missing)" in consumer.reason("partitions"))
        accounts.check()
        rights.give(write_letters(kafka))
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()


def test_the_rights_that_are_asked_for_are_enough(
    kafka: RealBroker, behind_lock: RealBroker, accounts: Accounts, tmp_path: Path
) -> None:
    asked = [("GROUP", kafka.group, GROUP), ("TOPIC", kafka.topic, READ), ("TOPIC", kafka.dead_letters, WRITE)]
    rights = Rights(kafka.bootstrap, "bridge")
    rights.give(*((kind, name, operation) for kind, name, operations in asked for operation in operations))
    accounts.feed(50)
    with RunningConsumer(behind_lock, TransactionalRecorder(accounts.instance), librdkafka=LOGIN) as consumer:
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()

    login = {
        f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.upper().replace('.', '_')}": value for name, value in LOGIN.items()
    }
    with Process("check", home=tmp_path, environment={**kafka_environment(behind_lock), **login}) as check:
        assert check.wait(60) == 0, check.out + check.err
    assert "refused" not in "".join(check.out)
    assert "remark" not in "".join(check.out)  # such as a configuration that it may not see


@pytest.mark.fault("right to write dead letters taken away while running", "P1", "P2", "P6", "P7")
def test_a_right_that_is_taken_away_holds_the_offset_until_it_is_given_back(
    kafka: RealBroker, behind_lock: RealBroker, accounts: Accounts, rights: Rights
) -> None:
    accounts.feed(50)
    rights.give(write_letters(kafka))
    with RunningConsumer(behind_lock, TransactionalRecorder(accounts.instance), librdkafka=LOGIN) as consumer:
        accounts.settled()
        rights.take(write_letters(kafka))
        accounts.feed(50)
        eventually(lambda: f"(WRITE on {kafka.dead_letters}" in consumer.reason("partitions"))
        accounts.check()
        rights.give(write_letters(kafka))
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()


@pytest.mark.fault("right to read events taken away while running", "P1", "P2", "P6", "P7")
def test_events_that_may_not_be_read_any_more_are_read_once_they_may(
    kafka: RealBroker, behind_lock: RealBroker, accounts: Accounts, rights: Rights
) -> None:
    accounts.feed(50)
    rights.give(write_letters(kafka))
    with RunningConsumer(behind_lock, TransactionalRecorder(accounts.instance), librdkafka=LOGIN) as consumer:
        accounts.settled()
        rights.take(read_events(kafka))
        accounts.feed(50)
        eventually(lambda: f"{kafka.topic}: TOPIC_AUTHORIZATION_FAILED (READ on it" in consumer.reason("broker"))
        rights.give(read_events(kafka))
        accounts.settled(60)
        eventually(lambda: consumer.health.ready)
    accounts.close()


@pytest.mark.fault("wrong password", "P1", "P7")
def test_a_refused_login_is_told_as_one_and_without_the_password(
    kafka: RealBroker, behind_lock: RealBroker, accounts: Accounts, rights: Rights, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rights.give(write_letters(kafka))
    accounts.feed(50)
    recorder = TransactionalRecorder(accounts.instance)
    with RunningConsumer(behind_lock, recorder, librdkafka=REFUSED) as consumer:
        eventually(lambda: consumer.reason("broker") == "brokers: _AUTHENTICATION")
        assert consumer.health.alive
    accounts.check()
    assert accounts.stored == []
    with RunningConsumer(behind_lock, recorder, librdkafka=LOGIN) as corrected:
        accounts.settled()
        eventually(lambda: corrected.health.ready)
    accounts.close()
    assert "CANARY" not in caplog.text


@pytest.mark.fault("wrong password at start", "P7")
def test_consume_waits_for_a_login_and_says_so_without_the_password(behind_lock: RealBroker, tmp_path: Path) -> None:
    environment = kafka_environment(
        behind_lock, ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S="2", ASSET_BRIDGE_LOG_LEVEL="DEBUG"
    )
    for name, value in REFUSED.items():
        environment[f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.upper().replace('.', '_')}"] = value
    ready = f"http://127.0.0.1:{environment['ASSET_BRIDGE_MANAGEMENT__PORT']}/readyz"
    with Process("consume", home=tmp_path, environment=environment) as process:
        eventually(lambda: "they refuse the login (_AUTHENTICATION)" in "".join(process.err), timeout_s=60)
        eventually(lambda: "they refuse the login" in requests.get(ready, timeout=5).text)
        process.signal()
        assert process.wait(20) == 0
    assert "CANARY" not in "".join(process.out + process.err)

from __future__ import annotations

import ctypes
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from librdkafka import librdkafka

from asset_consumer.client import (
    ALIASES,
    CONSUMER_ONLY,
    PRODUCER_ONLY,
    admin_config,
    consumer_config,
    producer_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from broker import Broker

BOOTSTRAP = "127.0.0.1:1"


def consumer_of(passthrough: Mapping[str, str] | None = None) -> dict[str, Any]:
    return consumer_config(bootstrap_servers=BOOTSTRAP, group_id="bridge", client_id="pod-1", passthrough=passthrough)


def producer_of(passthrough: Mapping[str, str] | None = None) -> dict[str, Any]:
    return producer_config(bootstrap_servers=BOOTSTRAP, client_id="pod-1", passthrough=passthrough)


def admin_of(passthrough: Mapping[str, str] | None = None) -> dict[str, Any]:
    return admin_config(bootstrap_servers=BOOTSTRAP, client_id="pod-1", passthrough=passthrough)


EVERY_CLIENT = [consumer_of, producer_of, admin_of]


@pytest.mark.parametrize("config", EVERY_CLIENT)
def test_every_client_says_who_it_is_and_logs_to_our_logger(config: Callable[[], dict[str, Any]]) -> None:
    assert config()["bootstrap.servers"] == BOOTSTRAP
    assert config()["client.id"] == "pod-1"
    assert config()["logger"] is logging.getLogger("asset_bridge.librdkafka")


@pytest.mark.parametrize("config", EVERY_CLIENT)
def test_no_client_creates_topics(config: Callable[[Mapping[str, str]], dict[str, Any]]) -> None:
    assert config({"allow.auto.create.topics": "true"})["allow.auto.create.topics"] is False


PROMISED = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "group.protocol": "classic",
    "partition.assignment.strategy": "cooperative-sticky",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "group.id": "bridge",
    "bootstrap.servers": BOOTSTRAP,
}


@pytest.mark.parametrize("name", PROMISED)
def test_what_the_consumers_promises_rest_on_cannot_be_passed_through(name: str) -> None:
    aliases = [alias for alias, other in ALIASES.items() if other == name]
    for written in (name, *aliases):
        config = consumer_of({written: "true"})
        assert config[name] == PROMISED[name]
        assert written == name or written not in config


@pytest.mark.parametrize(
    ("written", "name", "promised"),
    [
        ("acks", "acks", "all"),
        ("request.required.acks", "acks", "all"),
        ("enable.idempotence", "enable.idempotence", True),
        ("metadata.broker.list", "bootstrap.servers", BOOTSTRAP),
    ],
)
def test_what_the_producers_promises_rest_on_cannot_be_passed_through(
    written: str, name: str, promised: object
) -> None:
    config = producer_of({written: "0"})
    assert config[name] == promised
    assert written == name or written not in config


def test_defaults_give_way_to_what_is_passed_through() -> None:
    assert consumer_of()["session.timeout.ms"] == 45_000
    assert consumer_of({"session.timeout.ms": "9000"})["session.timeout.ms"] == "9000"
    assert producer_of()["message.timeout.ms"] == 30_000
    assert producer_of({"delivery.timeout.ms": "9000"})["message.timeout.ms"] == "9000"
    assert producer_of()["partitioner"] == "murmur2_random"


def test_with_the_new_group_protocol_nothing_is_said_that_the_brokers_decide() -> None:
    classic = consumer_config(bootstrap_servers=BOOTSTRAP, group_id="bridge")
    config = consumer_config(bootstrap_servers=BOOTSTRAP, group_id="bridge", group_protocol="consumer")

    gone = {"session.timeout.ms", "partition.assignment.strategy"}
    kept = {name: value for name, value in classic.items() if name not in gone}
    assert config == {**kept, "group.protocol": "consumer"}
    Consumer(config).close()  # refused with what is gone


def test_properties_go_to_the_clients_that_know_them() -> None:
    given = {"sasl.username": "u", "fetch.min.bytes": "2", "linger.ms": "7", "max.partition.fetch.bytes": "9"}
    consumer, producer, admin = (config(given) for config in EVERY_CLIENT)
    assert (consumer["sasl.username"], producer["sasl.username"], admin["sasl.username"]) == ("u", "u", "u")
    assert consumer["fetch.min.bytes"] == "2"
    assert consumer["fetch.message.max.bytes"] == "9"
    assert "linger.ms" not in consumer
    assert producer["linger.ms"] == "7"
    assert not {"fetch.min.bytes", "fetch.message.max.bytes", "max.partition.fetch.bytes"} & set(producer)
    assert not {"fetch.min.bytes", "linger.ms"} & set(admin)


ONE_OF_EACH_KIND = {
    "socket.timeout.ms": "10000",
    "fetch.min.bytes": "2",
    "heartbeat.interval.ms": "500",
    "linger.ms": "7",
    "compression.codec": "none",
    "retries": "5",
    "socket.keepalive.enable": "true",
}


@pytest.mark.parametrize("client", ["consumer", "producer", "admin"])
def test_librdkafka_takes_every_configuration_without_a_warning(
    broker: Broker, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {**ONE_OF_EACH_KIND, "bootstrap.servers": "nowhere:1"}
    if client == "consumer":
        config = consumer_config(bootstrap_servers=broker.bootstrap, group_id="bridge", passthrough=given)
        consumer = Consumer(config)
        consumer.poll(0.2)  # log lines come out of here
        consumer.close()
    elif client == "producer":
        producer = Producer(producer_config(bootstrap_servers=broker.bootstrap, passthrough=given))
        producer.poll(0.1)
        producer.close()
    else:
        admin = AdminClient(admin_config(bootstrap_servers=broker.bootstrap, passthrough=given))
        assert admin.list_topics(timeout=10).brokers
        admin.poll(0.1)
    assert "CONFWARN" not in caplog.text


def test_a_foreign_property_would_be_warned_about(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    config = producer_config(bootstrap_servers=broker.bootstrap)
    producer = Producer({**config, "fetch.min.bytes": 2})
    producer.poll(0.1)
    producer.close()
    assert "CONFWARN" in caplog.text


def test_property_that_nobody_knows_is_refused_by_librdkafka() -> None:
    with pytest.raises(Exception, match="No such configuration property") as caught:
        Producer(producer_of({"no.such.property": "1"}))
    assert caught.value.args[0].code() == KafkaError._INVALID_ARG


# The lists of properties against librdkafka's own table of them


@pytest.fixture(scope="module")
def properties(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str | None]]:
    """Each property of the librdkafka in use: who takes it (`C`, `P`, `*`), and what it is an alias of."""
    path = tmp_path_factory.mktemp("librdkafka") / "properties"
    libc = ctypes.CDLL(None)
    libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    file = libc.fopen(str(path).encode(), b"w")
    librdkafka().rd_kafka_conf_properties_show(file)
    libc.fclose(file)
    table: dict[str, tuple[str, str | None]] = {}
    for line in Path(path).read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 2 and cells[1] in ("C", "P", "*"):
            alias = re.search(r"Alias for `([^`]+)`", line)
            table[cells[0]] = (cells[1], alias[1] if alias else None)
    return table


def canonical(name: str) -> str:
    return ALIASES.get(name, name)


def test_aliases_are_librdkafkas(properties: dict[str, tuple[str, str | None]]) -> None:
    assert len(properties) > 150
    told = {frozenset((name, other)) for name, (_, other) in properties.items() if other is not None}
    assert told == {frozenset(pair) for pair in ALIASES.items()}


@pytest.mark.parametrize(("kind", "ours"), [("C", CONSUMER_ONLY), ("P", PRODUCER_ONLY)])
def test_one_sided_properties_are_librdkafkas(
    properties: dict[str, tuple[str, str | None]], kind: str, ours: frozenset[str]
) -> None:
    settable = {name for name, (who, _) in properties.items() if who == kind and not name.endswith(("_cb", "_cmp"))}
    assert {canonical(name) for name in settable} == ours

"""Kafka behind TLS, a login and an authorizer: what gets in, with which rights, and what is said of the rest."""

from __future__ import annotations

import copy
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from accounts import Accounts
from certificates import authority
from consuming import RunningConsumer, committed_offsets, eventually, happened
from databases import Database
from guarded_kafka import GuardedKafka, guarded_kafka
from kept_secrets import keep_secret
from letter_world import GOOD, UNKNOWN_ASSET, LetterWorld, failed, open_world
from mock_cluster import Sent, produce
from processes import Process, kafka_environment
from real_broker import RealBroker
from rights import Right, least

from asset_consumer import kafka_clients
from asset_consumer.cli import run
from asset_consumer.librdkafka import FromFile
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240), pytest.mark.usefixtures("scaled_backoff")]

SECRET, OTHER = (keep_secret(f"CANARY-{name}", "a user of Kafka") for name in ("first", "second"))
PARTITIONS = 2


@pytest.fixture(scope="module")
def guarded(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    with guarded_kafka(jars, tmp_path_factory.mktemp("guarded")) as kafka:
        kafka.set_password("bridge", SECRET)
        yield kafka


@pytest.fixture
def kafka(guarded: GuardedKafka) -> Iterator[RealBroker]:
    """As those see it who may do everything."""
    with closing(RealBroker(guarded.bootstrap, guarded.server)) as broker:
        broker.create_topic(broker.topic, PARTITIONS)
        yield broker


@pytest.fixture
def door(guarded: GuardedKafka, kafka: RealBroker) -> RealBroker:
    """As the bridge sees it."""
    seen = copy.copy(kafka)
    seen.bootstrap = guarded.door
    return seen


@pytest.fixture
def world(
    kafka: RealBroker, guarded: GuardedKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> LetterWorld:
    """The command line as the user `bridge`, and letters to work."""
    world = open_world(kafka, tmp_path, monkeypatch, capsys, input_made=True)
    kafka.configure_topic(kafka.dead_letters, max_message_bytes="1200000")
    environment(monkeypatch, guarded.door, guarded.login("bridge", SECRET))
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__GROUP_ID", kafka.group)
    return world


def environment(monkeypatch: pytest.MonkeyPatch, bootstrap: str, properties: Mapping[str, str]) -> None:
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", bootstrap)
    for name, value in properties.items():
        monkeypatch.setenv(f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.upper().replace('.', '_')}", value)


def to_consume(kafka: RealBroker) -> list[Right]:
    needed = least(kafka.topic, kafka.dead_letters, kafka.group)
    return [right for right, why in needed.items() if why == "consume"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and all that was printed, on one line."""
    capsys.readouterr()
    code = run(list(arguments))
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def test_the_least_rights_are_enough_and_each_one_less_is_named(
    world: LetterWorld,
    kafka: RealBroker,
    door: RealBroker,
    guarded: GuardedKafka,
    sqlite: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rights = guarded.rights("bridge")
    needed = least(kafka.topic, kafka.dead_letters, kafka.group)
    rights.give(*needed)
    parking, letters, group = world.parking, kafka.dead_letters, kafka.group

    accounts = Accounts(kafka, sqlite.open(), PARTITIONS)
    accounts.feed(50)
    login = guarded.login("bridge", SECRET)
    with RunningConsumer(door, TransactionalRecorder(accounts.instance), librdkafka=login) as consumer:
        accounts.settled()
        eventually(lambda: consumer.health.ready)
        eventually(lambda: len(consumer._loop._log_ends.latest) == PARTITIONS)
    accounts.close()
    code, said = told(capsys, "check")
    assert (code, "remark" in said.replace("tracing remark", "")) == (0, False), said
    for command in (["dlq", "list"], ["dlq", "stats"], ["offsets", "show"], ["offsets", "verify"]):
        _, said = told(capsys, *command)
        assert (kafka.topic in said, "missing)" in said, "Kafka cannot" in said) == (True, False, False), said
    assert told(capsys, "pause", kafka.topic, "--reason", "why")[0] == 0
    first, second, *_ = world.write(*((failed(GOOD, number), UNKNOWN_ASSET) for number in range(1000, 1006)))
    assert told(capsys, "dlq", "replay", "--id", first, "--apply")[0] == 0
    assert told(capsys, "dlq", "park", "--id", second, "--apply")[0] == 0
    assert told(capsys, "dlq", "list", "--parking")[0] == 0

    needs = "this client needs"
    less: list[tuple[Right, list[str], str]] = [
        (
            ("TOPIC", kafka.topic, "READ"),
            ["check"],
            f"input topic {kafka.topic} cannot be used: this client needs READ",
        ),
        (("TOPIC", kafka.topic, "DESCRIBE_CONFIGS"), ["check"], f"{kafka.topic} could not be read"),
        (
            ("TOPIC", letters, "WRITE"),
            ["check"],
            f"dead-letter topic {letters} cannot be used: this client needs WRITE",
        ),
        (("TOPIC", letters, "DESCRIBE_CONFIGS"), ["check"], f"{letters} could not be read"),
        (("GROUP", group, "READ"), ["check"], f"The group {group} cannot be used: {needs} READ"),
        (("GROUP", group, "READ"), ["offsets", "verify"], f"(READ on the group {group} is missing)"),
        (("TOPIC", letters, "READ"), ["dlq", "list"], f"(READ on {letters} is missing)"),
        (
            ("TOPIC", kafka.topic, "WRITE"),
            ["dlq", "replay", "--code", "asset.unknown", "--apply"],
            f"(WRITE on {kafka.topic} is missing)",
        ),
        (
            ("TOPIC", parking, "WRITE"),
            ["dlq", "park", "--code", "asset.unknown", "--apply"],
            f"(WRITE on {parking} is missing)",
        ),
        (("TOPIC", parking, "READ"), ["dlq", "list", "--parking"], f"(READ on {parking} is missing)"),
    ]
    assert {right for right, _, _ in less} == set(needed)
    for right, command, words in less:
        rights.take(right)
        try:
            _, said = told(capsys, *command)
            assert words in said, (right, said)
            if right[2] == "DESCRIBE_CONFIGS":
                assert f"needs {right[2]} on it" in said
        finally:
            rights.give(right)


def test_a_renewed_password_is_taken_up_by_all_clients_and_nothing_stops(
    kafka: RealBroker,
    door: RealBroker,
    guarded: GuardedKafka,
    sqlite: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(kafka_clients, "LOOK_EVERY_S", 0.2)
    caplog.set_level(logging.DEBUG)
    kafka.create_topic(kafka.dead_letters, PARTITIONS)
    guarded.set_password("rotating", SECRET)
    guarded.rights("rotating").give(*to_consume(kafka))
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    login = {**guarded.login("rotating", ""), "sasl.password": FromFile(file), "reconnect.backoff.max.ms": "500"}
    accounts = Accounts(kafka, sqlite.open(), PARTITIONS)
    accounts.feed(50)
    with RunningConsumer(door, TransactionalRecorder(accounts.instance), librdkafka=login) as consumer:
        accounts.settled()
        guarded.set_password("rotating", OTHER)
        kafka.broker_down()  # all connections are severed: whoever comes back must log in
        kafka.broker_up()
        accounts.feed(50)
        eventually(lambda: consumer.reason("broker") == "brokers: _AUTHENTICATION")
        file.write_text(f"{OTHER}\n")
        eventually(lambda: "password_renewed" in happened(caplog.records))
        accounts.settled(60)
        eventually(lambda: consumer.health.ready)
    accounts.close()
    assert "CANARY" not in caplog.text
    old = {**login, "sasl.password": SECRET}
    with RunningConsumer(door, TransactionalRecorder(accounts.instance), librdkafka=old) as stale:
        eventually(lambda: stale.reason("broker") == "brokers: _AUTHENTICATION")


def test_check_says_why_it_is_not_let_in_and_no_secret(
    world: LetterWorld,
    guarded: GuardedKafka,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stranger = authority(tmp_path, "stranger")
    certificate, key = stranger.issue(tmp_path, "mine")
    login = guarded.login("bridge", SECRET)
    port = guarded.door.rpartition(":")[2]
    readable = {**login, "security.protocol": "sasl_plaintext"}
    del readable["ssl.ca.location"]
    mine = {**guarded.tls, "ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    cases: list[tuple[str, Mapping[str, str], str]] = [
        (
            guarded.door,
            {**login, "ssl.ca.location": str(stranger.file)},
            "not trusted: unable to get local issuer",
        ),
        (f"localhost:{port}", login, "Hostname mismatch"),
        (guarded.door, guarded.login("bridge", OTHER), "user or password is wrong"),
        (guarded.door, guarded.login("nobody", SECRET), "user or password is wrong"),
        (
            guarded.door,
            {**login, "sasl.mechanism": "SCRAM-SHA-256"},
            "they do not offer SCRAM-SHA-256, but SCRAM-SHA-512, OAUTHBEARER",
        ),
        (guarded.passage, guarded.tls, "want a certificate of ours"),
        (guarded.passage, mine, "refuse our certificate"),
        (guarded.bootstrap, guarded.tls, "they speak no TLS at this port"),
        (guarded.passage, {}, "they speak TLS at this port"),
        (guarded.bootstrap, readable, "they want none at this port"),
    ]
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "2")
    for bootstrap, properties, words in cases:
        with monkeypatch.context() as patched:
            for name in login:
                patched.delenv(f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.upper().replace('.', '_')}")
            environment(patched, bootstrap, properties)
            code, said = told(capsys, "check")
        assert (code, words in said) == (1, True), (words, said)
        assert "CANARY" not in said


def test_who_has_a_certificate_of_the_brokers_authority_comes_in_by_it(
    kafka: RealBroker, guarded: GuardedKafka, sqlite: Database
) -> None:
    certificate, key = guarded.known.issue(guarded.folder, "certified", hosts=())
    guarded.rights("CN=certified").give(*to_consume(kafka))
    kafka.create_topic(kafka.dead_letters, PARTITIONS)
    accounts = Accounts(kafka, sqlite.open(), PARTITIONS)
    accounts.feed(20)
    seen = copy.copy(kafka)
    seen.bootstrap = guarded.passage
    own = {**guarded.tls, "ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    with RunningConsumer(seen, TransactionalRecorder(accounts.instance), librdkafka=own):
        accounts.settled()
    accounts.close()


class _TokenEndpoint(HTTPServer):
    """Gives tokens to one client, as OpenID Connect's providers do by the client credentials grant."""

    def __init__(self, guarded: GuardedKafka) -> None:
        super().__init__(("127.0.0.1", 0), _TokenRequest)
        self.guarded = guarded
        self.given = 0


class _TokenRequest(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, _TokenEndpoint)
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = self.headers["Authorization"] == f"Basic {_basic('bridge-oidc', SECRET)}"
        if known and asked["grant_type"] == ["client_credentials"]:
            server.given += 1
            answer, status = {"access_token": server.guarded.tokens.token("bridge-oidc"), "expires_in": 300}, 200
        else:
            answer, status = {"error": "invalid_client"}, 401
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        pass


def _basic(name: str, secret: str) -> str:
    import base64

    return base64.b64encode(f"{name}:{secret}".encode()).decode()


@pytest.fixture
def endpoint(guarded: GuardedKafka) -> Iterator[_TokenEndpoint]:
    with _TokenEndpoint(guarded) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_token_of_a_provider_lets_all_clients_in_and_a_wrong_secret_is_told_as_one(
    world: LetterWorld,
    kafka: RealBroker,
    door: RealBroker,
    guarded: GuardedKafka,
    endpoint: _TokenEndpoint,
    sqlite: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    guarded.rights("bridge-oidc").give(*to_consume(kafka))
    accounts = Accounts(kafka, sqlite.open(), PARTITIONS)
    accounts.feed(20)
    own = {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": str(guarded.known.file),
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{endpoint.server_port}/token",
        "sasl.oauthbearer.client.id": "bridge-oidc",
        "sasl.oauthbearer.client.secret": SECRET,
    }
    with RunningConsumer(door, TransactionalRecorder(accounts.instance), librdkafka=own) as consumer:
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()
    assert endpoint.given >= 3  # the consumer, the producer and the client for questions
    for name in ("SASL_USERNAME", "SASL_PASSWORD"):
        monkeypatch.delenv(f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name}")
    environment(monkeypatch, guarded.door, own)
    assert told(capsys, "check")[0] == 0
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "2")
    environment(monkeypatch, guarded.door, {"sasl.oauthbearer.client.secret": OTHER})
    code, said = told(capsys, "check")
    assert (code, "no token could be had" in said, "CANARY" in said) == (1, True, False), said


def test_a_renewed_certificate_is_taken_up_by_consume(kafka: RealBroker, guarded: GuardedKafka, tmp_path: Path) -> None:
    kafka.create_topic(kafka.dead_letters, PARTITIONS, {"max.message.bytes": "1200000"})
    certificate, key = guarded.known.issue(tmp_path, "first", hosts=())
    first, second = guarded.rights("CN=first"), guarded.rights("CN=second")
    first.give(*to_consume(kafka))
    second.give(*to_consume(kafka))
    seen = copy.copy(kafka)
    seen.bootstrap = guarded.passage
    own = {**guarded.tls, "ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    variables = {
        f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name.upper().replace('.', '_')}": value for name, value in own.items()
    }
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    with Process("consume", home=home, environment=kafka_environment(seen, **variables)) as consume:
        consume.line("asset-bridge ready")
        produce(kafka.bootstrap, kafka.topic, *[Sent(GOOD)] * 10)
        eventually(lambda: sum(max(0, offset) for offset in committed_offsets(kafka, PARTITIONS)) == 10)
        renewed = guarded.known.issue(tmp_path, "second", hosts=())
        key.write_bytes(renewed[1].read_bytes())
        certificate.write_bytes(renewed[0].read_bytes())
        eventually(lambda: "kafka_files_renewed" in "".join(consume.err), 40)
        first.take(*to_consume(kafka))
        produce(kafka.bootstrap, kafka.topic, *[Sent(GOOD)] * 10)
        eventually(lambda: sum(max(0, offset) for offset in committed_offsets(kafka, PARTITIONS)) == 20)
        consume.signal()
        assert consume.wait(20) == 0

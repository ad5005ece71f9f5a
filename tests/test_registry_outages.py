"""A schema registry that gives no answer holds the records that need it, and nothing else; no record is to blame."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from broker import Broker
from consuming import FaultyRecorder, RunningConsumer, committed_offsets, eventually, happened, holds_for
from dagster import DagsterInstance
from kept_secrets import keep_secret
from mock_cluster import Sent, consume_all, produce
from numbered import event, numbers
from ports import free_port
from registry import RegistryServer, Sender, registry_server

from asset_consumer import backoff, loop, registry_questions
from asset_consumer.budget import DeadLetterBudget
from asset_consumer.dead_letter_producer import DeadLetterProducer
from asset_consumer.framed import RegistryUnavailableError
from asset_consumer.options import ConsumerOptions
from asset_consumer.record import Record
from asset_consumer.registry_client import open_schema_registry
from asset_consumer.schema_registry import SchemaRegistry
from asset_consumer.settings_sources import SettingsError, load_settings
from asset_consumer.settle import Road
from asset_events import InvalidEventError
from asset_reporting.handlers import ReportingContext
from asset_reporting.public_recorder import PublicRecorder

PREFIX = "ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY__"
SECRET = keep_secret("s3cretW0rd", "a user of the schema registry")
NO_ANSWER = "schema registry down, hanging, refusing our credentials, or answering with errors"


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with registry_server() as registry:
        yield registry


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def recorder(instance: DagsterInstance) -> FaultyRecorder:
    return FaultyRecorder(PublicRecorder(instance))


@pytest.fixture(autouse=True)
def scaled_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is scaled: waits that are half a second to half a minute take a tenth of that, or less."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.5)
    monkeypatch.setattr(registry_questions, "QUIET_S", 0.05)


@pytest.fixture
def topic(broker: Broker) -> str:
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters, 1)
    return broker.topic


def framed(registry: RegistryServer, topic: str, number: int) -> bytes:
    """The event of a number in Avro, its schema known to the registry."""
    sent = {"event_type": "asset_materialization", "asset_key": ["a"], "metadata": {"n": number}}
    return Sender(registry.client()).framed("AVRO", sent, topic)


@pytest.mark.fault(NO_ANSWER, "P1", "P3", "P4", "P7")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": 503}, "registry: HTTP 503"),
        ({"credentials": "Basic bm90OnVz"}, "registry: HTTP 401, which is about our credentials"),
        ({"hang": True}, "registry: ReadTimeout"),
    ],
)
def test_a_registry_without_an_answer_holds_its_partition_alone_and_heals(
    broker: Broker,
    topic: str,
    registry: RegistryServer,
    recorder: FaultyRecorder,
    instance: DagsterInstance,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
    reason: str,
) -> None:
    values = [framed(registry, topic, number) for number in (1, 2)]
    registry.break_down(**fault)
    frames = SchemaRegistry(registry.client(timeout=0.3 if "hang" in fault else 5))
    with RunningConsumer(broker, recorder, frames=frames) as consumer:
        produce(broker.bootstrap, topic, Sent(event(0), partition=0), *(Sent(v, partition=0) for v in values))
        eventually(lambda: consumer.reason("partitions") == f"{topic}/0: {reason}")
        (level,) = {line.levelno for line in caplog.records if line.__dict__.get("happening") == "held"}
        assert level == (logging.ERROR if "credentials" in reason else logging.WARNING)
        produce(broker.bootstrap, topic, Sent(event(7), partition=1))
        eventually(lambda: committed_offsets(broker, 2) == [1, 1])  # neither of the others waits
        assert not consumer.health.ready

        registry.heal()
        eventually(lambda: committed_offsets(broker, 2) == [3, 1])
        eventually(lambda: consumer.health.ready)

    assert [number for number in numbers(instance) if number != 7] == [0, 1, 2]
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []


@pytest.mark.heavy
@pytest.mark.fault(NO_ANSWER, "P3", "P7")
def test_a_registry_that_hangs_stops_neither_the_polling_nor_schemas_that_are_known(
    broker: Broker,
    topic: str,
    registry: RegistryServer,
    recorder: FaultyRecorder,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "asset_bridge")
    monkeypatch.setattr(loop, "PATIENCE_S", 0.1)
    session = broker.quick_group()
    known = framed(registry, topic, 1)
    unknown = Sender(registry.client()).framed(
        "PROTOBUF", {"eventType": "asset_materialization", "assetKey": ["b"]}, topic
    )
    frames = SchemaRegistry(registry.client(timeout=1.5))
    with RunningConsumer(broker, recorder, frames=frames, librdkafka=session, max_beat_age_s=1) as consumer:
        produce(broker.bootstrap, topic, Sent(known, partition=0))
        eventually(lambda: committed_offsets(broker, 2)[0] == 1)
        registry.break_down(hang=True)
        asked = len(registry.asked)
        produce(broker.bootstrap, topic, Sent(unknown, partition=1))
        eventually(lambda: len(registry.asked) > asked)
        produce(broker.bootstrap, topic, Sent(known, partition=0))
        assert holds_for(1.8, lambda: consumer.health.alive)  # longer than a heartbeat may be old
        eventually(lambda: committed_offsets(broker, 2)[0] == 2)
        registry.heal()
        eventually(lambda: committed_offsets(broker, 2) == [2, 1])
        assert not {"lost", "revoked"} & happened(caplog.records)


@pytest.mark.fault(NO_ANSWER, "P1", "P3")
def test_a_letter_before_a_held_record_is_written_once(
    broker: Broker, topic: str, registry: RegistryServer, recorder: FaultyRecorder, instance: DagsterInstance
) -> None:
    value = framed(registry, topic, 1)
    registry.break_down(fault=500)
    asked = len(registry.asked)
    with RunningConsumer(broker, recorder, frames=SchemaRegistry(registry.client())):
        produce(broker.bootstrap, topic, Sent(b"bad", partition=0), Sent(value, partition=0), Sent(b"bad", partition=0))
        eventually(lambda: committed_offsets(broker, 2)[0] == 1)
        eventually(lambda: len(registry.asked) > asked + 2)
        registry.heal()
        eventually(lambda: committed_offsets(broker, 2)[0] == 3)
    assert len(consume_all(broker.bootstrap, broker.dead_letters, 2)) == 2
    assert numbers(instance) == [1]


@pytest.mark.fault("a framed value that nobody can read, or whose schema is unknown", "P1", "P4")
def test_a_value_that_nobody_can_read_is_dead_lettered_as_it_was(
    broker: Broker, topic: str, registry: RegistryServer, recorder: FaultyRecorder, instance: DagsterInstance
) -> None:
    good = framed(registry, topic, 1)
    unknown, torn = b"\0\0\0\0\x63rest", good[:-2]
    with RunningConsumer(broker, recorder, frames=SchemaRegistry(registry.client())):
        sent = [Sent(value, b"k", [("h", b"\xff")], partition=0) for value in (unknown, torn, good)]
        produce(broker.bootstrap, topic, *sent)
        eventually(lambda: committed_offsets(broker, 2)[0] == 3)
    assert numbers(instance) == [1]
    letters = consume_all(broker.bootstrap, broker.dead_letters, 2)
    assert [(x.key, x.value, x.headers[0]) for x in letters] == [(b"k", v, ("h", b"\xff")) for v in (unknown, torn)]
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["asset-bridge.dlq.code"] == b"encoding.unsupported"
        assert headers["asset-bridge.dlq.stage"] == b"decode"


@pytest.mark.parametrize(
    ("fault", "body", "reason"),
    [
        (429, {"error_code": 429}, "registry: HTTP 429"),
        (403, {"error_code": 40301}, "registry: HTTP 403, which is about our credentials"),
        (404, "<html>no such page</html>", "registry: HTTP 404"),
        (404, {"error_code": 404}, "registry: HTTP 404"),
        (200, "<html>please log in</html>", "registry: JSONDecodeError"),
        (200, {"status": "maintenance"}, "registry: NoSchemaError"),
        (400, {"error_code": 400}, "registry: HTTP 400"),
        (302, "", "registry: HTTP 302"),
        (500, {"error_code": 50001, "message": SECRET}, "registry: HTTP 500"),
    ],
)
def test_only_the_registrys_own_word_that_it_has_no_such_schema_is_the_records_fault(
    registry: RegistryServer, fault: int, body: dict[str, Any] | str, reason: str
) -> None:
    value = framed(registry, "events", 1)
    registry.break_down(fault=fault, body=body)
    frames = SchemaRegistry(registry.client())
    with pytest.raises(RegistryUnavailableError) as raised:
        frames.unframe(Record("events", 0, 0, None, value))
    assert str(raised.value) == reason
    assert frames.probe() == reason
    registry.heal()
    eventually(lambda: frames.probe() is None)
    assert json.loads(frames.unframe(Record("events", 0, 0, None, value)).value or b"")["asset_key"] == ["a"]


def test_what_was_read_once_is_remembered_whatever_is_answered_since(registry: RegistryServer) -> None:
    known = Record("events", 0, 0, None, framed(registry, "events", 1))
    frames = SchemaRegistry(registry.client())
    frames.unframe(known)
    registry.break_down(fault=200, body={"status": "maintenance"})
    with pytest.raises(RegistryUnavailableError):
        frames.unframe(Record("events", 0, 0, None, b"\0\0\0\0\x63{}"))
    assert frames.unframe(known).value


@pytest.mark.parametrize(("status", "code"), [(404, 404), (400, 400), (422, 42201)])
def test_a_question_that_a_well_registry_refuses_is_its_records_fault(
    registry: RegistryServer, status: int, code: int
) -> None:
    """As an id beyond all ids may be: nothing would ever free its partition."""
    registry.break_down(fault=status, body={"error_code": code}, only=f"/schemas/ids/{2**32 - 1}")
    with pytest.raises(InvalidEventError, match=r"^encoding.unsupported: .* does not have"):
        SchemaRegistry(registry.client()).unframe(Record("events", 0, 0, None, b"\0\xff\xff\xff\xff{}"))


def test_an_answer_in_drops_is_not_waited_for_for_ever(registry: RegistryServer) -> None:
    record = Record("events", 0, 0, None, framed(registry, "events", 1))
    frames = SchemaRegistry(registry.client(timeout=5), deadline_s=1.5)
    registry.break_down(drops=True)
    for _ in range(2):
        with pytest.raises(RegistryUnavailableError, match=r"^registry: TimeoutError$"):
            frames.unframe(record)
        eventually(lambda: len(registry.asked) == 1)
    registry.heal()
    eventually(lambda: frames.probe() is None)
    assert frames.unframe(record).value


def test_a_registry_that_is_not_there_is_told_by_its_failure(registry: RegistryServer) -> None:
    value = framed(registry, "events", 1)
    frames = SchemaRegistry(registry.client(url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(RegistryUnavailableError, match=r"^registry: ConnectError$"):
        frames.unframe(Record("events", 0, 0, None, value))


def test_after_a_failure_nothing_new_is_asked_for_a_moment(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many partitions wait out one timeout together, and schemas that are known go on."""
    monkeypatch.setattr(registry_questions, "QUIET_S", 60)
    frames = SchemaRegistry(registry.client())
    known = Record("events", 0, 0, None, framed(registry, "events", 1))
    frames.unframe(known)
    registry.break_down(fault=500)
    asked = len(registry.asked)
    for number in range(5):
        with pytest.raises(RegistryUnavailableError, match="HTTP 500"):
            frames.unframe(Record("events", 0, 0, None, bytes([0, 0, 0, 1, number])))
    assert len(registry.asked) == asked + 1
    frames.unframe(known)


def test_settings_make_a_client_and_no_secret_is_told(
    registry: RegistryServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    value = framed(registry, "events", 1)
    (tmp_path / "password").write_text(f"{SECRET}\n", "utf-8")
    for given in ({"PASSWORD": SECRET}, {"PASSWORD_FILE": str(tmp_path / "password")}):
        settings = load_settings(None, named(URL=registry.url, USERNAME="us", **given))
        assert SECRET not in repr(settings)
        with open_schema_registry(settings) as frames:
            assert frames is not None
            registry.credentials = "Basic dXM6czNjcmV0VzByZA=="
            assert frames.probe() is None
            registry.credentials = "Basic other"
            assert frames.probe() == "registry: HTTP 401, which is about our credentials"
            with pytest.raises(RegistryUnavailableError) as raised:
                frames.unframe(Record("events", 0, 0, None, value))
            assert SECRET not in repr(raised.value)
    assert SECRET not in caplog.text
    assert "czNjcmV0VzByZA" not in caplog.text


def test_a_bearer_token_is_read_again_for_each_question(registry: RegistryServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one", "utf-8")
    with open_schema_registry(load_settings(None, named(URL=registry.url, TOKEN_FILE=str(token)))) as frames:
        assert frames is not None
        for content in ("one", "two"):
            token.write_text(f"{content}\n", "utf-8")
            registry.credentials = f"Bearer {content}"
            assert frames.probe() is None


WITH_PASSWORD = {"USERNAME": "me", "PASSWORD": SECRET}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"URL": "mock://tests"}, "__URL must be http://host:port or https://host:port."),
        ({"URL": "http://h:port"}, "__URL must be http://host:port or https://host:port."),
        ({"URL": f"http://me:{SECRET}@h"}, "__URL must hold no user and password, which have settings of their own."),
        ({"USERNAME": "me"}, " must have username and a password together, or neither."),
        ({"PASSWORD": SECRET}, " must have username and a password together, or neither."),
        ({**WITH_PASSWORD, "PASSWORD_FILE": "x"}, " must have password or password_file, not both."),
        ({**WITH_PASSWORD, "TOKEN_FILE": "x"}, " must have a token_file or a password, not both."),
        ({"KEY_FILE": "x"}, " must have cert_file where it has key_file."),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(None, named(**given))
    assert raised.value.problems == [f"ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY{sentence}"]


@pytest.mark.parametrize("secret", [WITH_PASSWORD, {"TOKEN_FILE": "x"}])
def test_a_secret_does_not_leave_the_machine_readable_unless_that_is_wanted(secret: dict[str, str]) -> None:
    for url in ("http://registry.example:8081", "https://a.example, http://b.example"):
        with pytest.raises(SettingsError) as raised:
            load_settings(None, named(URL=url, **secret))
        (problem,) = raised.value.problems
        assert problem.startswith("ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY__URL would send the password or token readable")
        load_settings(None, {**named(URL=url, **secret), "ASSET_BRIDGE_KAFKA__ALLOW_INSECURE": "true"})
        load_settings(None, named(URL=url))
    for url in ("https://registry.example", "http://127.0.0.1:8081, http://localhost:8081"):
        load_settings(None, named(URL=url, **secret))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"USERNAME": "me", "PASSWORD_FILE": "/missing"}, "password_file): the file cannot be read: No such file"),
        ({"TOKEN_FILE": "/dev/null"}, "token_file): the file is empty."),
        ({"CA_FILE": "/missing"}, "schema_registry): ca_file, cert_file or key_file cannot be used: No such file"),
    ],
)
def test_files_that_cannot_be_used_are_refused_at_start(given: dict[str, str], said: str) -> None:
    settings = load_settings(None, named(URL="https://registry", **given))
    with pytest.raises(SettingsError, match=r"^ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY\w* \(kafka") as raised:
        open_schema_registry(settings).__enter__()
    assert said in str(raised.value)


def test_without_the_extra_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asset_consumer.schema_registry", None)
    with pytest.raises(SettingsError, match=r"URL .*: needs an extra: pip install 'dagster-asset-bridge\[registry\]'"):
        open_schema_registry(load_settings(None, named(URL="https://registry"))).__enter__()


def test_a_road_that_tells_framed_records_apart_has_somebody_to_read_them(recorder: FaultyRecorder) -> None:
    """Nobody would ever read them, and having no events they would count as done."""
    options = ConsumerOptions({"t": None}, {"t": "t.dlq"}, schema_registry=True)
    with pytest.raises(ValueError, match="nothing to read them"):
        Road(options, ReportingContext(recorder), cast("DeadLetterProducer", None), DeadLetterBudget())


def named(**given: str) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in given.items()}

"""`check` says whether the schema registry answers; `validate --topic` judges framed records as `consume` would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker
from command_line import without_test_variables
from mock_cluster import Sent, produce
from registry import RegistryServer, Sender, registry_server

from asset_consumer.checks import Finding, _schema_registry, check_all
from asset_consumer.cli import run
from asset_consumer.settings_sources import load_settings

URL = "ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY__URL"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryServer]:
    with registry_server() as registry:
        monkeypatch.setenv(URL, registry.url)
        yield registry


@pytest.fixture
def topic(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    broker.create_topic(broker.topic, 1)
    without_test_variables(monkeypatch)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "5")
    return broker.topic


def test_check_says_whether_the_registry_answers(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    *_, last = check_all(load_settings(None, {URL: registry.url}))
    assert last == Finding("schema registry", "ok", f"{registry.url} answers")


def test_check_says_why_the_registry_cannot_be_used(registry: RegistryServer, tmp_path: Path) -> None:
    registry.break_down(fault=503)
    assert list(_schema_registry(load_settings(None, {URL: registry.url}))) == [
        Finding("schema registry", "failed", "registry: HTTP 503")
    ]
    token = {URL: registry.url, URL.replace("URL", "TOKEN_FILE"): str(tmp_path / "missing")}
    (refused,) = _schema_registry(load_settings(None, token))
    assert refused.verdict == "refused"
    assert "token_file): the file cannot be read" in refused.detail
    assert list(_schema_registry(load_settings(None, {}))) == []


def test_framed_records_are_judged_as_consume_would(
    broker: Broker, topic: str, registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Sender(registry.client())
    good = sender.framed("AVRO", {"event_type": "asset_observation", "asset_key": ["a"]}, topic)
    bad = sender.framed("AVRO", {"asset_key": ["a"]}, topic)
    produce(broker.bootstrap, topic, *(Sent(value) for value in (good, bad, b"\0\0\0\0\x63x")))

    assert run(["validate", "--format", "json", "--topic", topic]) == 1

    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {problem["record"]: problem["errors"][0]["code"] for problem in problems} == {
        f"{topic}/0/1": "event_type.missing",
        f"{topic}/0/2": "encoding.unsupported",
    }


def test_a_registry_without_an_answer_judges_no_record(
    broker: Broker, topic: str, registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.break_down(fault=503)
    produce(broker.bootstrap, topic, Sent(b"\0\0\0\0\1x"))
    assert run(["validate", "--topic", topic]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"{topic}/0/0 cannot be judged: registry: HTTP 503")

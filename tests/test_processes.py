"""`serve` and `consume` as real processes: ready, at rest, stopped by a signal with the brokers there and gone."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest
import requests
from broker import Broker
from consuming import committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from mock_cluster import consume_all, produce
from processes import Process

EVENT = b'{"event_type": "asset_materialization", "asset_key": "a"}'
BAD = b'{"event_type": "asset_check", "asset_key": "a"}'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kafka_environment(broker: Broker, **more: str) -> dict[str, str]:
    return {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "ASSET_BRIDGE_KAFKA__GROUP_ID": broker.group,
        "ASSET_BRIDGE_KAFKA__TOPICS": broker.topic,
        "ASSET_BRIDGE_MANAGEMENT__PORT": str(free_port()),
        **more,
    }


@pytest.fixture
def topics(broker: Broker) -> Broker:
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters, 2, {"max.message.bytes": "1200000"})
    return broker


def test_consume_records_is_ready_stays_small_and_stops_on_sigterm(topics: Broker, tmp_path: Path) -> None:
    environment = kafka_environment(topics)
    port = environment["ASSET_BRIDGE_MANAGEMENT__PORT"]
    with Process("consume", home=tmp_path, environment=environment) as process:
        assert process.line("asset-bridge ready") == f"asset-bridge ready: group {topics.group} consumes {topics.topic}"
        ready = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
        assert requests.post(f"http://127.0.0.1:{port}/report_asset_check/a", timeout=5).status_code == 404

        produce(topics.bootstrap, topics.topic, EVENT, BAD, EVENT)
        eventually(lambda: sum(offset for offset in committed_offsets(topics, 2) if offset > 0) == 3)
        assert process.resident_mb() < 200

        process.signal()
        assert process.wait(20) == 0

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert len(runless_events(instance)) == 2
    assert len(consume_all(topics.bootstrap, topics.dead_letters, 1)) == 1
    assert "left_group" in "".join(process.err)


def test_consume_is_out_within_its_deadline_when_the_brokers_are_gone(topics: Broker, tmp_path: Path) -> None:
    environment = kafka_environment(topics, ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S="3")
    produce(topics.bootstrap, topics.topic, EVENT)
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        topics.broker_down()
        process.signal()
        signalled = time.monotonic()
        code = process.wait(15)

    assert time.monotonic() - signalled < 3 + 5
    assert code in (0, 1)  # 1 when an offset was still to be committed and the deadline forced the end


def test_consume_waits_for_brokers_that_are_not_there_yet_and_can_be_stopped(tmp_path: Path) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
        "ASSET_BRIDGE_MANAGEMENT__PORT": (port := str(free_port())),
    }
    with Process("consume", home=tmp_path, environment=environment) as process:
        eventually(lambda: "waiting_for_brokers" in "".join(process.err))
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 503
        process.signal()
        assert process.wait(15) == 0


def test_consume_refuses_a_dead_letter_topic_that_is_missing(broker: Broker, tmp_path: Path) -> None:
    broker.create_topic(broker.topic, 1)
    with Process("consume", home=tmp_path, environment=kafka_environment(broker)) as process:
        assert process.wait(30) == 78

    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "dead_letter.missing" in line
    assert broker.dead_letters in line


def test_a_second_signal_ends_the_process_at_once(topics: Broker, tmp_path: Path) -> None:
    environment = kafka_environment(topics, ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S="600")
    produce(topics.bootstrap, topics.topic, *[EVENT] * 20_000)
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")  # a batch of 1000 events on SQLite is under way for many seconds
        process.signal(signal.SIGINT)
        eventually(lambda: "stopping" in "".join(process.err))
        process.signal(signal.SIGINT)
        assert process.wait(10) == 1


def test_serve_answers_and_stops_on_sigterm(tmp_path: Path) -> None:
    with Process("serve", home=tmp_path, environment={"ASSET_BRIDGE_HTTP__PORT": "0"}) as process:
        url = process.line("asset-bridge ready").split()[2].rstrip(",")
        answer = requests.post(f"{url}/report_asset_materialization/a", timeout=10)
        assert answer.json()["status"] == "success"
        eventually(lambda: requests.get(f"{url}/readyz", timeout=5).status_code == 200)
        process.signal()
        assert process.wait(20) == 0

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert len(runless_events(instance)) == 1


def test_serve_beyond_loopback_needs_keys_or_a_clear_word(tmp_path: Path) -> None:
    beyond = {"ASSET_BRIDGE_HTTP__HOST": "0.0.0.0", "ASSET_BRIDGE_HTTP__PORT": "0"}
    with Process("serve", home=tmp_path, environment=beyond) as process:
        assert process.wait(30) == 78
    assert "ASSET_BRIDGE_HTTP__API_KEYS_FILE" in "".join(process.err)

    allowed = {**beyond, "ASSET_BRIDGE_HTTP__ALLOW_ANONYMOUS": "true"}
    with Process("serve", home=tmp_path, environment=allowed) as process:
        process.line("asset-bridge ready")


def test_serve_takes_only_known_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# for the test\na-key-of-sufficient-length\n")
    environment = {"ASSET_BRIDGE_HTTP__PORT": "0", "ASSET_BRIDGE_HTTP__API_KEYS_FILE": str(keys)}
    with Process("serve", home=tmp_path, environment=environment) as process:
        url = process.line("asset-bridge ready").split()[2].rstrip(",")
        report = f"{url}/report_asset_materialization/a"
        assert requests.post(report, timeout=10).status_code == 401
        assert requests.post(report, headers={"X-API-Key": "a-key-of-sufficient-length"}, timeout=10).ok
        assert requests.get(f"{url}/livez", timeout=5).status_code == 200
    assert "a-key-of-sufficient-length" not in "".join(process.err + process.out)


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {"ASSET_BRIDGE_HTTP__PORT": str(taken.getsockname()[1])}
        with Process("serve", home=tmp_path, environment=environment) as process:
            assert process.wait(30) == 1
    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "unexpected" not in line
    assert environment["ASSET_BRIDGE_HTTP__PORT"] in line


@pytest.mark.parametrize("command", ["check", "consume"])
def test_an_unknown_librdkafka_property_is_refused_by_name(tmp_path: Path, command: str) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__NOSUCH_PROPERTY": "canary",
        "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
    }
    with Process(command, home=tmp_path, environment=environment) as process:
        assert process.wait(60) == 78
    said = "".join(process.err + process.out).replace("\n", "")
    assert "nosuch.property" in said
    assert "canary" not in said


@pytest.mark.parametrize("home", ["relative/home", "/does/not/exist"])
def test_a_dagster_home_that_cannot_be_used_is_refused(tmp_path: Path, home: str) -> None:
    with Process("serve", home=tmp_path, environment={"DAGSTER_HOME": home}) as process:
        assert process.wait(30) == 78
    assert "DAGSTER_HOME" in "".join(process.err)


def test_check_prints_a_table_and_an_exit_code(topics: Broker, tmp_path: Path) -> None:
    with Process("check", home=tmp_path, environment=kafka_environment(topics)) as process:
        assert process.wait(60) == 0
    table = "".join(process.out)
    assert [word for word in ("settings", "http", "storage", "kafka", "topics") if word not in table] == []

    with Process("check", home=tmp_path, environment={"DAGSTER_HOME": "relative"}) as process:
        assert process.wait(60) == 78

    unreachable = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
    }
    with Process("check", home=tmp_path, environment=unreachable) as process:
        assert process.wait(60) == 1


def test_offsets_say_in_a_line_that_the_brokers_do_not_answer(tmp_path: Path) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
    }
    with Process("offsets", "show", home=tmp_path, environment=environment) as process:
        assert process.wait(60) == 1
    assert any(line.startswith("asset-bridge: Kafka cannot be asked: _T") for line in process.err)


def test_dev_records_its_samples_and_a_post(tmp_path: Path) -> None:
    with Process("dev", "--port", "0", home=tmp_path) as process:
        url = next(word for word in process.line("HTTP on ").split() if word.startswith("http")).rstrip(".")
        recorded = [line for line in process.out if line.startswith("✓ recorded")]
        rejected = [line for line in process.out if line.startswith("✗ rejected")]
        assert (len(recorded), len(rejected)) == (5, 3)
        answer = requests.post(f"{url}/report_asset_materialization/my/asset", json={"metadata": {"n": 1}}, timeout=10)
        assert answer.json()["event_id"] == "6"
        assert "my/asset" in process.line("✓ recorded http  materialization my/asset")
        process.signal(signal.SIGINT)
        assert process.wait(20) == 0

    with DagsterInstance.local_temp(str(tmp_path / ".asset-bridge/dagster_home")) as instance:
        kept = json.dumps([event.asset_key.to_user_string() for event in runless_events(instance)])
        assert "my/asset" in kept

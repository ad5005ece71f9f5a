"""Commands that cannot do their work, as real processes: a line that says why, an exit code, and no hanging."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests
from broker import Broker
from brokers import each_group_protocol
from confluent_kafka import KafkaError
from consuming import eventually
from databases import write_config
from known_keys import entry_of, key_of, keys_file
from mock_cluster import CONSUMER_GROUP_HEARTBEAT, MockCluster, produce
from ports import free_port
from processes import START_S, Process, kafka_environment, two_topics

pytestmark = [pytest.mark.heavy]

EVENT = b'{"event_type": "asset_materialization", "asset_key": "a"}'


@pytest.fixture
def topics(broker: Broker) -> Broker:
    return two_topics(broker)


@each_group_protocol
def test_consume_is_out_within_its_deadline_when_the_brokers_are_gone(topics: Broker, tmp_path: Path) -> None:
    environment = kafka_environment(topics, ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S="3")
    produce(topics.bootstrap, topics.topic, EVENT)
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        topics.broker_down()
        process.signal()
        code = process.wait(30)  # the client by itself waits for session.timeout.ms: 45 seconds

    assert code in (0, 1)  # 1 when an offset was still to be committed and the deadline forced the end


def test_consume_waits_for_brokers_that_are_not_there_yet_and_can_be_stopped(tmp_path: Path) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
        "ASSET_BRIDGE_MANAGEMENT__PORT": (port := str(free_port())),
    }
    with Process("consume", home=tmp_path, environment=environment) as process:
        eventually(lambda: "waiting_for_brokers" in "".join(process.err), START_S)
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 503
        process.signal()
        assert process.wait(20) == 0


def test_consume_refuses_a_dead_letter_topic_that_is_missing(broker: Broker, tmp_path: Path) -> None:
    broker.create_topic(broker.topic, 1)
    with Process("consume", home=tmp_path, environment=kafka_environment(broker)) as process:
        assert process.wait(START_S) == 78

    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "dead_letter.missing" in line
    assert broker.dead_letters in line


def test_serve_beyond_loopback_needs_keys_or_a_clear_word(tmp_path: Path) -> None:
    beyond = {"ASSET_BRIDGE_HTTP__HOST": "0.0.0.0", "ASSET_BRIDGE_HTTP__PORT": "0"}
    with Process("serve", home=tmp_path, environment=beyond) as process:
        assert process.wait(START_S) == 78
    assert "ASSET_BRIDGE_HTTP__API_KEYS_FILE" in "".join(process.err)

    allowed = {**beyond, "ASSET_BRIDGE_HTTP__ALLOW_ANONYMOUS": "true"}
    with Process("serve", home=tmp_path, environment=allowed) as process:
        process.line("asset-bridge ready")


def test_serve_takes_only_known_keys(tmp_path: Path) -> None:
    keys = keys_file(tmp_path / "keys", entry_of("known"))
    environment = {"ASSET_BRIDGE_HTTP__PORT": "0", "ASSET_BRIDGE_HTTP__API_KEYS_FILE": str(keys)}
    with Process("serve", home=tmp_path, environment=environment) as process:
        url = process.line("asset-bridge ready").split()[2].rstrip(",")
        report = f"{url}/report_asset_materialization/a"
        assert requests.post(report, timeout=10).status_code == 401
        assert requests.post(report, headers={"X-API-Key": key_of("known")}, timeout=10).ok
        assert requests.get(f"{url}/livez", timeout=5).status_code == 200
    assert key_of("known") not in "".join(process.err + process.out)


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {"ASSET_BRIDGE_HTTP__PORT": str(taken.getsockname()[1])}
        with Process("serve", home=tmp_path, environment=environment) as process:
            assert process.wait(START_S) == 1
    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "unexpected" not in line
    assert environment["ASSET_BRIDGE_HTTP__PORT"] in line


@pytest.mark.fault("HTTP service started while the database is away", "P3", "P7")
def test_a_post_that_comes_before_the_database_answers_is_told_to_come_again(tmp_path: Path) -> None:
    fields = {"username": "u", "password": "p", "hostname": "127.0.0.1", "port": free_port(), "db_name": "d"}
    lines = [f"      {name}: {value}" for name, value in fields.items()]
    write_config(tmp_path, "storage:", "  postgres:", "    postgres_db:", *lines)
    url = f"http://127.0.0.1:{(port := free_port())}"

    def answer(path: str) -> requests.Response | None:
        try:
            return requests.post(f"{url}{path}", data=EVENT, timeout=10)
        except requests.ConnectionError:  # not even started
            return None

    apart = free_port()
    ports = {"ASSET_BRIDGE_HTTP__PORT": str(port), "ASSET_BRIDGE_HTTP__MANAGEMENT_PORT": str(apart)}
    with Process("serve", home=tmp_path, environment=ports):
        eventually(lambda: answer("/report_asset_materialization/a") is not None, 60)
        for path in ("/report_asset_materialization/a", "/report_asset_events"):
            told = answer(path)
            assert told is not None
            assert (told.status_code, told.json()["code"]) == (503, "storage.unavailable")
            assert told.headers["Retry-After"]
        assert requests.get(f"http://127.0.0.1:{apart}/livez", timeout=5).status_code == 200
        assert requests.get(f"http://127.0.0.1:{apart}/readyz", timeout=5).status_code == 503
        assert requests.get(f"{url}/livez", timeout=5).status_code == 404


@pytest.mark.parametrize("command", ["check", "consume"])
def test_an_unknown_librdkafka_property_is_refused_by_name(tmp_path: Path, command: str) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__NOSUCH_PROPERTY": "canary",
        "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
    }
    with Process(command, home=tmp_path, environment=environment) as process:
        assert process.wait(START_S) == 78
    said = "".join(process.err + process.out).replace("\n", "")
    assert "nosuch.property" in said
    assert "canary" not in said


@pytest.mark.parametrize("home", ["relative/home", "/does/not/exist"])
def test_a_dagster_home_that_cannot_be_used_is_refused(tmp_path: Path, home: str) -> None:
    with Process("serve", home=tmp_path, environment={"DAGSTER_HOME": home}) as process:
        assert process.wait(START_S) == 78
    assert "DAGSTER_HOME" in "".join(process.err)


def test_check_prints_a_table_and_an_exit_code(topics: Broker, tmp_path: Path) -> None:
    with Process("check", home=tmp_path, environment=kafka_environment(topics)) as process:
        assert process.wait(START_S) == 0
    table = "".join(process.out)
    assert [word for word in ("settings", "http", "storage", "kafka", "topics") if word not in table] == []


def test_check_tells_settings_that_are_refused_from_brokers_that_do_not_answer(tmp_path: Path) -> None:
    with Process("check", home=tmp_path, environment={"DAGSTER_HOME": "relative"}) as process:
        assert process.wait(START_S) == 78

    unreachable = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
    }
    with Process("check", home=tmp_path, environment=unreachable) as process:
        assert process.wait(START_S) == 1


def test_offsets_say_in_a_line_that_the_brokers_do_not_answer(tmp_path: Path) -> None:
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S": "1",
    }
    with Process("offsets", "show", home=tmp_path, environment=environment) as process:
        assert process.wait(START_S) == 1
    assert any(line.startswith("asset-bridge: Kafka cannot be asked: _T") for line in process.err)


def test_consume_refuses_a_group_protocol_that_the_brokers_do_not_serve(cluster: MockCluster, tmp_path: Path) -> None:
    cluster.push_request_errors(CONSUMER_GROUP_HEARTBEAT, KafkaError.UNSUPPORTED_VERSION)
    environment = kafka_environment(two_topics(cluster), ASSET_BRIDGE_KAFKA__GROUP_PROTOCOL="consumer")
    with Process("consume", home=tmp_path, environment=environment) as process:
        assert process.wait(START_S) == 78

    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "do not serve the group protocol consumer" in line

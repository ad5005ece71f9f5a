"""`serve`, `consume` and `dev` as real processes: ready, at work, and stopped by a signal."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests
from broker import Broker
from brokers import each_group_protocol
from consuming import committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from mock_cluster import consume_all, produce
from ports import free_port
from processes import Process, kafka_environment, two_topics

EVENT = b'{"event_type": "asset_materialization", "asset_key": "a"}'
BAD = b'{"event_type": "asset_check", "asset_key": "a"}'


@pytest.fixture
def topics(broker: Broker) -> Broker:
    return two_topics(broker)


@each_group_protocol
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


def test_a_second_signal_ends_the_process_at_once(topics: Broker, tmp_path: Path) -> None:
    environment = kafka_environment(topics, ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S="600")
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        with closing(sqlite3.connect(next(tmp_path.rglob("index.db")))) as other:
            other.execute("BEGIN EXCLUSIVE")
            produce(topics.bootstrap, topics.topic, BAD)
            eventually(lambda: '"dead_lettered"' in "".join(process.err))  # next the ledger, which must wait
            process.signal(signal.SIGINT)
            eventually(lambda: "stopping" in "".join(process.err))
            process.signal(signal.SIGINT)
            assert process.wait(20) == 1


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


def test_serve_answers_probes_on_a_port_apart_from_the_public_one(tmp_path: Path) -> None:
    apart = f"http://127.0.0.1:{(port := free_port())}"
    environment = {"ASSET_BRIDGE_HTTP__PORT": "0", "ASSET_BRIDGE_HTTP__MANAGEMENT_PORT": str(port)}
    with Process("serve", home=tmp_path, environment=environment) as process:
        public = process.line("asset-bridge ready").split()[2].rstrip(",")
        eventually(lambda: requests.get(f"{apart}/readyz", timeout=5).status_code == 200)
        assert requests.get(f"{apart}/livez", timeout=5).json()["heartbeat_max_age_s"] == 60
        assert "asset_bridge_transaction_events_count" in requests.get(f"{apart}/metrics", timeout=5).text
        assert requests.post(f"{apart}/report_asset_materialization/a", timeout=5).status_code == 404
        for path in ("/livez", "/readyz", "/metrics"):
            assert requests.get(public + path, timeout=5).status_code == 404
        assert requests.post(f"{public}/report_asset_materialization/a", timeout=10).ok
        process.signal()
        assert process.wait(20) == 0


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

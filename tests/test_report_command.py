"""`asset-bridge report`, as scripts use it: what it sends, prints and returns, and that it needs no Dagster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import asset_bridge, python, without_test_variables
from dagster import AssetCheckEvaluation, AssetMaterialization, DagsterInstance
from dagster_reading import runless_events
from document_server import KEY, document_server
from mock_cluster import MockCluster, consume_all
from ports import free_port

from asset_consumer.cli import run


@pytest.fixture(scope="module")
def url(instance: DagsterInstance) -> Iterator[str]:
    with document_server(instance) as running:
        yield running.requests.base


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in this process; returns its exit code, lines of stdout and lines of stderr."""
    without_test_variables(monkeypatch)
    monkeypatch.setenv("ASSET_BRIDGE_API_KEY", KEY)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which `run` replaces

    def report(*arguments: str) -> tuple[int, list[str], list[str]]:
        capsys.readouterr()
        code = run(["report", *arguments])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return report


def newest(instance: DagsterInstance) -> Any:
    return runless_events(instance)[-1]


def test_a_materialization_is_recorded_as_the_arguments_say(report: Any, instance: DagsterInstance, url: str) -> None:
    code, out, err = report(
        "materialization", "warehouse/customers", "--url", url, "--partition", "2024-01-15", "--metadata", "rows=1000",
        "--metadata", "source=a=b", "--metadata", 'files=["x", "y"]', "--tag", "team=data", "--data-version", "v1",
    )  # fmt: skip
    assert (code, out, err) == (0, [f"event {instance.event_log_storage.get_maximum_record_id()}"], [])
    event = newest(instance)
    assert isinstance(event, AssetMaterialization)
    assert event.asset_key.path == ["warehouse", "customers"]
    assert event.partition == "2024-01-15"
    assert {name: entry.value for name, entry in event.metadata.items()} == {
        "rows": 1000,
        "source": "a=b",
        "files": ["x", "y"],
    }
    assert event.tags is not None
    assert event.tags["team"] == "data"


def test_a_check_says_what_it_found(report: Any, instance: DagsterInstance, url: str) -> None:
    arguments = ("check", '["a/b"]', "--check", "no_nulls", "--failed", "--severity", "warn", "--url", url)
    assert report(*arguments)[0] == 0
    event = newest(instance)
    assert isinstance(event, AssetCheckEvaluation)
    assert event.asset_key.path == ["a/b"]
    assert (event.check_name, event.passed, event.severity.value) == ("no_nulls", False, "WARN")


def test_the_same_idempotency_key_is_recorded_once(report: Any, url: str) -> None:
    arguments = ("observation", "a", "--idempotency-key", "cron/2024-01-15", "--url", url)
    _, (first,), _ = report(*arguments)
    assert report(*arguments) == (0, [f"{first} (recorded before)"], [])
    _, (as_json,), _ = report(*arguments, "--json")
    assert json.loads(as_json) == {"status": "reported", "event_id": first.split()[1], "replayed": True}


def test_each_event_of_a_file_has_its_line(report: Any, url: str, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(
        '{"event_type": "asset_observation", "asset_key": "a"}\n\n'
        '{"event_type": "asset_check", "asset_key": "canary"}\n'
        '{"event_type": "asset_observation", "asset_key": "b"}\n'
    )
    code, out, err = report("--file", str(file), "--url", url)
    assert code == 1
    assert [line.rpartition(": event ")[0] for line in out] == [f"{file}:1", f"{file}:4"]
    assert [line.split(" Missing")[0] for line in err] == [f"asset-bridge: {file}:3: field.missing /check_name"]

    code, out, err = report("--file", str(file), "--url", url, "--json")
    assert (code, err) == (1, [])
    said = [json.loads(line) for line in out]
    assert [(one["line"], one["status"]) for one in said] == [(1, "reported"), (3, "refused"), (4, "reported")]
    assert said[1]["errors"][0]["path"] == "/check_name"


def test_events_come_from_stdin_and_go_to_the_brokers_of_the_settings(cluster: MockCluster) -> None:
    cluster.create_topic(cluster.topic)
    done = asset_bridge(
        "report", "--file", "-",
        stdin='[{"event_type": "asset_observation", "asset_key": ["a", "b"]}]',
        ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS=cluster.bootstrap,
        ASSET_BRIDGE_KAFKA__TOPICS=cluster.topic,
        ASSET_BRIDGE_KAFKA__LIBRDKAFKA__FETCH_WAIT_MAX_MS="100",
        ASSET_BRIDGE_API_KEY="belongs to another road",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"<stdin>:1: {cluster.topic}/0/0\n", "")
    (record,) = consume_all(cluster.bootstrap, cluster.topic, 1)
    assert record.key == b"a/b"


def test_brokers_and_topic_can_be_named(report: Any, cluster: MockCluster) -> None:
    cluster.create_topic("another")
    code, (line,), err = report("observation", "a", "--kafka", cluster.bootstrap, "--topic", "another", "--json")
    assert (code, err) == (0, [])
    assert json.loads(line) == {"status": "delivered", "topic": "another", "partition": 0, "offset": 0}


def test_what_is_refused_or_given_up_is_one_line_and_exit_code_1(report: Any, url: str, tmp_path: Path) -> None:
    code, out, (line,) = report("check", "a", "--check", "c", "--tag", "a=canary", "--passed", "--url", url)
    assert (code, out) == (1, [])
    assert line.startswith("asset-bridge: field.unknown /tags ")
    (tmp_path / "key").write_text("another-key-of-nobody\n")
    code, out, (line,) = report("observation", "a", "--api-key-file", str(tmp_path / "key"), "--url", url)
    assert (code, line.split()[1]) == (1, "api_key.invalid")
    code, out, (line,) = report("observation", "a", "--kafka", f"127.0.0.1:{free_port()}", "--deadline", "3")
    assert code == 1
    assert line.endswith("; the event was not recorded")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say what happened to which asset, or give --file."),
        (["materialization"], "Say what happened to which asset"),
        (["materialization", "a"], "Say where to: --url, --kafka, or the setting kafka.bootstrap_servers."),
        (["materialization", "a", "--url", "http://a", "--topic", "t"], "Give either --url, or --kafka and --topic."),
        (["materialization", "a", "--kafka", "a:1", "--api-key-file", __file__], "An API key is for --url."),
        (["materialization", "a", "--url", "a:3000"], "The URL must be an http:// or https:// address."),
        (["materialization", "a", "--metadata", "canary"], "--metadata takes NAME=VALUE."),
        (["--file", "-", "--partition", "p"], "A file has whole events"),
        (["materialised", "a"], "'materialised' is not one of"),
    ],
)
def test_unusable_arguments_are_one_line_and_exit_code_78(report: Any, arguments: list[str], said: str) -> None:
    code, out, (line,) = report(*arguments)
    assert (code, out) == (78, [])
    assert line.startswith("asset-bridge: ")
    assert said in line
    assert "canary" not in line


@pytest.mark.parametrize("extra", ["httpx2", "confluent_kafka"])
def test_it_loads_no_dagster_and_says_which_extra_it_lacks(extra: str) -> None:
    target = {"httpx2": ["--url", "http://127.0.0.1:1"], "confluent_kafka": ["--kafka", "127.0.0.1:1"]}[extra]
    code = f"""
import sys
sys.modules[{extra!r}] = None
from asset_consumer.cli import run
code = run(["report", "observation", "a", *{target!r}])
print(code, *({{"dagster", "starlette", "structlog", "asset_reporting.handlers"}} & set(sys.modules)))
"""
    done = python("-c", code)
    assert done.stdout == "78\n"
    assert done.stderr.count("\n") == 1

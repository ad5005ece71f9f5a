"""docs/produce.md says what is so: its commands report an event, its snippets make events that are taken."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetMaterialization, DagsterInstance
from dagster_reading import runless_events
from document_server import KEY, DocumentServer, document_server
from missing import missing
from mock_cluster import MockCluster, consume_all

from asset_events import CheckEvent, MaterializationEvent, ObservationEvent, parse_event

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "produce.md").read_text(encoding="utf-8")
TOPIC = "dagster.asset-events"
ORDERS = MaterializationEvent(asset_key=("warehouse", "orders"), metadata={"rows": 1250})
RECORDING = {"report_asset_materialization/warehouse/customers -H", "report check", "dbt_results"}
"""What tells the commands that record by HTTP from those that only ask."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as running:
        yield running


def shell(
    command: str, folder: Path, running: DocumentServer, cluster: MockCluster
) -> subprocess.CompletedProcess[str]:
    """Run a command of the page as it stands, but for its addresses."""
    for program in ("curl", "kcat"):
        if program in command and shutil.which(program) is None:
            missing(program, f"the command is {program}'s")
    (folder / "nightly.sh").write_text("#!/bin/sh\nexit 1\n")
    (folder / "nightly.sh").chmod(0o755)
    (folder / "dbt").symlink_to("/bin/true")
    shutil.copy(ROOT / "examples" / "produce" / "dbt_results.py", folder)
    command = command.replace("http://localhost:3000", running.requests.base).replace(
        "localhost:9092", cluster.bootstrap
    )
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            "PATH": f"{folder}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "ASSET_BRIDGE_API_KEY": KEY,
            "DAGSTER_API_KEY": KEY,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("command", blocks("bash"))
def test_command_does_what_the_page_says(
    running: DocumentServer, cluster: MockCluster, tmp_path: Path, command: str
) -> None:
    cluster.create_topic(TOPIC)
    dbt_artifacts(tmp_path / "target")
    before = len(runless_events(running.instance))

    done = shell(command.replace("curl", "curl --silent --fail-with-body"), tmp_path, running, cluster)

    assert done.returncode == 0, done.stdout + done.stderr
    recorded = len(runless_events(running.instance)) > before
    assert recorded == any(words in command for words in RECORDING)
    if "kcat" in command:
        (record,) = consume_all(cluster.bootstrap, TOPIC, 1)
        assert record.key == b"warehouse/customers"
        assert parse_event(record.value or b"").asset_key == ("warehouse", "customers")


def test_the_job_that_failed_is_a_check_that_failed(
    running: DocumentServer, cluster: MockCluster, tmp_path: Path
) -> None:
    (command,) = [block for block in blocks("bash") if "nightly" in block]

    assert shell(command, tmp_path, running, cluster).returncode == 0

    told = runless_events(running.instance)[-1]
    assert isinstance(told, AssetCheckEvaluation)
    assert (told.check_name, told.passed) == ("nightly", False)


def dbt_artifacts(target: Path) -> None:
    """What dbt leaves, as far as it is read: run-results/v6.json and manifest/v12.json of https://schemas.getdbt.com."""
    model = {"resource_type": "model", "name": "orders", "config": {"schema": "warehouse"}}
    test = {"resource_type": "test", "name": "not_null_orders_id", "attached_node": "model.shop.orders"}
    skipped = {"resource_type": "model", "name": "late", "config": {}}
    of_source = {"resource_type": "test", "name": "fresh", "depends_on": {"nodes": ["source.shop.raw"]}}
    results: list[dict[str, Any]] = [
        {"unique_id": "model.shop.orders", "status": "success", "adapter_response": {"rows_affected": 1250}},
        {"unique_id": "test.shop.not_null_orders_id", "status": "fail", "failures": 3},
        {"unique_id": "model.shop.late", "status": "skipped"},
        {"unique_id": "test.shop.fresh", "status": "pass", "failures": 0},
    ]
    target.mkdir()
    nodes = [model, test, skipped, of_source]
    ids = [str(result["unique_id"]) for result in results]
    (target / "manifest.json").write_text(json.dumps({"nodes": dict(zip(ids, nodes, strict=True))}))
    run = {"metadata": {"invocation_id": "4711"}, "results": [{"execution_time": 1.5, **result} for result in results]}
    (target / "run_results.json").write_text(json.dumps(run))


def test_dbts_models_and_tests_are_recorded_once(cluster: MockCluster, tmp_path: Path) -> None:
    (command,) = [block for block in blocks("bash") if "dbt_results" in block]
    dbt_artifacts(tmp_path / "target")
    with DagsterInstance.local_temp() as instance, document_server(instance) as running:
        said = [shell(command, folder, running, cluster).stdout for folder in twice(tmp_path)]
        orders, check = runless_events(instance)

    assert said == ["2 of 2 events are recorded\n"] * 2
    assert isinstance(orders, AssetMaterialization)
    assert isinstance(check, AssetCheckEvaluation)
    assert orders.asset_key.path == check.asset_key.path == ["warehouse", "orders"]
    assert (orders.metadata["dbt/rows_affected"].value, check.metadata["failures"].value) == (1250, 3)
    assert (check.check_name, check.passed) == ("not_null_orders_id", False)


def twice(folder: Path) -> Iterator[Path]:
    """The same artifacts in two folders, as two runs of the command find them."""
    for name in ("first", "second"):
        shutil.copytree(folder / "target", folder / name / "target")
        yield folder / name


def test_java_sends_an_event() -> None:
    (snippet,) = blocks("java")
    literal = re.search(r'event = ("(?:[^"\\]|\\.)*")', snippet)
    assert literal is not None
    assert parse_event(json.loads(literal.group(1)).encode()) == ORDERS


def test_spark_sends_an_event() -> None:
    (snippet,) = blocks("python")
    written: list[tuple[str, str]] = []

    class Writer:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: self

    def create(rows: list[tuple[str, str]], columns: list[str]) -> SimpleNamespace:
        assert columns == ["key", "value"]  # what Spark's Kafka sink reads
        written.extend(rows)
        return SimpleNamespace(write=Writer())

    names = {"spark": SimpleNamespace(createDataFrame=create), "written": SimpleNamespace(count=lambda: 1250)}
    exec(snippet, names)  # noqa: S102 - the page's own example
    assert [(key, parse_event(value.encode())) for key, value in written] == [("warehouse/orders", ORDERS)]


def test_flinks_columns_are_fields_and_its_nulls_are_left_out() -> None:
    (snippet,) = blocks("sql")
    columns = set(re.findall(r"`(\w+)` [A-Z]", snippet)) - {"key"}
    assert columns <= set(MaterializationEvent.model_fields)
    row = {"event_type": "asset_materialization", "asset_key": ["warehouse", "orders"], "partition": None}
    assert parse_event(json.dumps({**row, "metadata": {"rows": 1250}}).encode()) == ORDERS


def test_fields_of_the_page_are_the_contracts() -> None:
    rows = re.search(r"^## What to say\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    assert rows is not None
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", rows.group(1), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    fields = {*MaterializationEvent.model_fields, *CheckEvent.model_fields, *ObservationEvent.model_fields}
    assert named == fields - {"description", "tags", "severity"}  # for which the page points at events.md

"""The Dagster of docker-compose.yml: its code location loads, its file is taken, a reported event requests a run."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from itertools import islice
from types import ModuleType

import pytest
from compose_file import EXAMPLES, environment, every_service, mounts, options
from dagster import AssetCheckKey, AssetKey, AssetSelection, DagsterInstance, DefaultSensorStatus, Definitions
from dagster import evaluate_automation_conditions as evaluate
from dagster._core.definitions.automation_condition_sensor_definition import AutomationConditionSensorDefinition
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster_postgres import DagsterPostgresStorage
from http_world import http_client

from asset_events import InvalidEventError, parse_event

pytestmark = pytest.mark.deploy

ORDERS, REPORT = AssetKey(["warehouse", "orders"]), AssetKey(["reports", "daily_kpis"])


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"compose_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    defs: Definitions = example("definitions").defs
    return defs


def test_dagster_itself_finds_the_definitions_valid() -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "--python-file"]
    answer = subprocess.run([*command, str(EXAMPLES / "definitions.py")], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "All code locations passed validation." in answer.stdout + answer.stderr


def test_automation_is_on_from_the_start(definitions: Definitions) -> None:
    sensor = definitions.get_repository_def().get_sensor_def("automation")
    assert isinstance(sensor, AutomationConditionSensorDefinition)
    assert sensor.default_status is DefaultSensorStatus.RUNNING
    assert definitions.resolve_asset_graph().get(ORDERS).is_external


def test_a_reported_materialization_requests_a_run_and_nothing_else_does(definitions: Definitions) -> None:
    with DagsterInstance.local_temp() as instance, http_client(instance) as client:
        tick = evaluate(definitions, instance, AssetSelection.all())
        assert tick.total_requested == 0

        check = {"check_name": "no_null_ids", "passed": True}
        assert client.post("/report_asset_check/warehouse/orders", json=check).status_code == 200
        assert client.post("/report_asset_observation/warehouse/orders", json={}).status_code == 200
        tick = evaluate(definitions, instance, AssetSelection.all(), cursor=tick.cursor)
        assert tick.total_requested == 0

        load = {"metadata": {"rows": 3, "null_ids": 0}}
        assert client.post("/report_asset_materialization/warehouse/orders", json=load).status_code == 200
        tick = evaluate(definitions, instance, AssetSelection.all(), cursor=tick.cursor)
        assert tick.total_requested == 1
        assert tick.get_num_requested(REPORT) == 1


def test_the_requested_run_tells_what_was_reported(definitions: Definitions) -> None:
    with DagsterInstance.local_temp() as instance, http_client(instance) as client:
        load = {"metadata": {"rows": 3, "null_ids": 0}}
        client.post("/report_asset_materialization/warehouse/orders", json=load)
        job = definitions.resolve_implicit_global_asset_job_def()
        ran = job.execute_in_process(instance=instance, asset_selection=[REPORT])
        (made,) = ran.asset_materializations_for_node("reports__daily_kpis")
        assert made.metadata["orders/rows"].value == 3

        checked = definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=frozenset(), asset_check_selection={AssetCheckKey(ORDERS, "no_null_ids")}
        )
        (result,) = checked.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert result.passed


def test_dagster_takes_the_instances_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("code", "webserver", "daemon", "schema", "serve", "consume"):
        for variable, value in environment(name).items():
            if variable.startswith("DAGSTER_"):
                monkeypatch.setenv(variable, value)
        config, _ = dagster_instance_config(str(EXAMPLES))
        ref = InstanceRef.from_dir(str(EXAMPLES), overrides=config)
        assert ref.storage_data is not None
        assert ref.storage_data.class_name == DagsterPostgresStorage.__name__
        assert set(re.findall(r"\bDAGSTER_\w+", ref.storage_data.config_yaml)) <= environment(name).keys()
        assert ref.local_artifact_storage.base_dir == "/opt/dagster/storage"
        assert ref.compute_logs_data.config_dict == {"base_dir": "/opt/dagster/storage"}


def test_dagster_finds_its_code_location() -> None:
    (origin,) = location_origins_from_yaml_paths([str(EXAMPLES / "workspace.yaml")])
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    said = options(every_service()[origin.host]["command"])
    assert said["--port"] == str(origin.port)
    assert mounts(origin.host)[said["--python-file"]] == "./examples/compose/definitions.py"
    for name in ("webserver", "daemon"):
        workspace = options(every_service()[name]["command"])["--workspace"]
        assert mounts(name)[workspace] == "./examples/compose/workspace.yaml"


def test_the_load_is_valid_but_for_each_tenth() -> None:
    load = example("load")
    verdicts = [accepted(value) for _, value in islice(load.records(), 90)]
    assert [number for number, good in enumerate(verdicts, 1) if not good] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    refused = [value for _, value in islice(load.records(), 90) if not accepted(value)]
    assert len(set(refused)) == 3


def test_the_load_is_about_assets_that_are_defined(definitions: Definitions) -> None:
    load = example("load")
    graph = definitions.resolve_asset_graph()
    events = [(key, json.loads(value)) for key, value in islice(load.records(), 30) if accepted(value)]
    for key, event in events:
        assert key == "/".join(event["asset_key"])
        assert graph.has(AssetKey(event["asset_key"]))
        if "check_name" in event:
            assert graph.has(AssetCheckKey(AssetKey(event["asset_key"]), event["check_name"]))
    assert {event["event_type"] for _, event in events} == {
        "asset_materialization",
        "asset_check",
        "asset_observation",
    }


def accepted(value: bytes) -> bool:
    try:
        parse_event(value)
    except InvalidEventError:
        return False
    return True

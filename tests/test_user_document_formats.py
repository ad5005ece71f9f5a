"""The asset reporting document's rules: asset key formats, request formats, metadata, errors and keys."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance, JsonMetadataValue
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_reading import count_rows, runless_entries
from document_server import KEY, DocumentServer, document_server
from fake_recorders import FakeRecorder

from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.outcomes import Failed
from asset_reporting.targets import TargetModes, WorkspaceTargets

if TYPE_CHECKING:
    from collections.abc import Iterator

MAT = "http://localhost:3000/report_asset_materialization"


@pytest.fixture(scope="module")
def server(instance: DagsterInstance) -> Iterator[DocumentServer]:
    with document_server(instance) as server:
        yield server


@pytest.mark.parametrize(
    ("url", "request_", "key"),
    [
        (f"{MAT}/my_asset", {}, ["my_asset"]),
        (f"{MAT}/warehouse/customers/daily", {}, ["warehouse", "customers", "daily"]),
        (f"{MAT}/", {"json": {"asset_key": ["warehouse", "customers", "daily"]}}, ["warehouse", "customers", "daily"]),
        (f"{MAT}/?asset_key=warehouse.customers.daily", {}, ["warehouse", "customers", "daily"]),
        # The document's own example gives a key in the path as well, which comes first.
        (f"{MAT}/my_asset?asset_key=warehouse.customers.daily", {}, ["my_asset"]),
    ],
)
def test_asset_key_formats(server: DocumentServer, url: str, request_: dict[str, Any], key: list[str]) -> None:
    server.check_materialized(server.requests.post(url, **request_), AssetMaterialization(AssetKey(key)))


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"metadata": {"key": "value"}, "description": "Event description"}},
        {"params": {"metadata": json.dumps({"key": "value"}), "description": "Event description"}},
    ],
)
def test_json_body_and_query_parameters_say_the_same(server: DocumentServer, request_: dict[str, Any]) -> None:
    response = server.requests.post(f"{MAT}/formats", **request_)

    expected = AssetMaterialization(AssetKey("formats"), description="Event description", metadata={"key": "value"})
    server.check_materialized(response, expected)


def test_json_body_takes_precedence_over_query_parameters(server: DocumentServer) -> None:
    url = f"{MAT}/mixed"
    response = server.requests.post(
        url + "?description=fallback&partition=from-the-query",
        json={"description": "primary", "metadata": {"rows": 1}},
    )

    expected = AssetMaterialization(
        AssetKey("mixed"), description="primary", partition="from-the-query", metadata={"rows": 1}
    )
    server.check_materialized(response, expected)


def test_simple_metadata(server: DocumentServer) -> None:
    metadata = {"rows": 1000, "size_mb": 15.5, "success": True}

    response = server.requests.post(f"{MAT}/simple", json={"metadata": metadata})

    server.check_materialized(response, AssetMaterialization(AssetKey("simple"), metadata=metadata))


def test_complex_nested_metadata(server: DocumentServer) -> None:
    metadata: dict[str, Any] = {
        "statistics": {"mean": 42.5, "std_dev": 10.2, "quartiles": [35.0, 42.0, 50.0]},
        "quality_checks": [
            {"name": "null_check", "passed": True},
            {"name": "range_check", "passed": False, "details": "5 values out of range"},
        ],
        "processing_time": "00:05:23",
        "source_files": ["data1.csv", "data2.csv"],
    }

    response = server.requests.post(f"{MAT}/complex", json={"metadata": metadata})

    server.check_materialized(response, AssetMaterialization(AssetKey("complex"), metadata=metadata))
    assert server.newest().metadata["quality_checks"] == JsonMetadataValue(metadata["quality_checks"])


def test_event_gets_the_time_of_its_arrival(server: DocumentServer, instance: DagsterInstance) -> None:
    before = time.time()
    assert server.requests.post(f"{MAT}/timed").status_code == 200

    assert before <= runless_entries(instance)[-1].timestamp <= time.time()


def test_bad_request_missing_required_field(server: DocumentServer, instance: DagsterInstance) -> None:
    before = count_rows(instance)

    response = server.requests.post("http://localhost:3000/report_asset_check/customer_data", json={"passed": True})

    message = "Missing required field: check_name"
    assert response.status_code == 400
    assert response.json() == {
        "error": message,
        "status": "error",
        "code": "field.missing",
        "errors": [{"path": "/check_name", "code": "field.missing", "message": message}],
    }
    assert count_rows(instance) == before


def test_not_found_invalid_asset_key(instance: DagsterInstance) -> None:
    before = count_rows(instance)
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        targets = WorkspaceTargets(lambda: workspace, TargetModes(assets="reject"))
        with document_server(instance, reporting_context(instance, targets)) as server:
            response = server.requests.post(f"{MAT}/invalid/asset")

    message = "Asset key 'invalid/asset' not found"
    assert response.status_code == 404
    assert response.json() == {
        "error": message,
        "status": "error",
        "code": "asset.unknown",
        "errors": [{"path": "/asset_key", "code": "asset.unknown", "message": message}],
    }
    assert count_rows(instance) == before


def test_server_error_internal_processing_error(instance: DagsterInstance) -> None:
    failing = ReportingContext(FakeRecorder(lambda _: Failed("KeyError at storage.py:1")))
    with document_server(instance, failing) as server:
        response = server.requests.post(f"{MAT}/my_asset")

    message = "Failed to process asset event"
    assert response.status_code == 500
    assert response.json() == {
        "error": message,
        "status": "error",
        "code": "internal",
        "errors": [{"path": "", "code": "internal", "message": message}],
    }


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": KEY[:-1]}, {"X-API-Key": f"{KEY}x"}])
def test_reports_without_the_key_are_refused(
    server: DocumentServer, instance: DagsterInstance, headers: dict[str, str]
) -> None:
    before = count_rows(instance)

    response = server.requests.post(f"{MAT}/my_dataset", json={"metadata": {"rows": 1000}}, headers=headers)

    assert response.status_code == 401
    assert response.json() == {
        "error": "Invalid API key",
        "status": "error",
        "code": "api_key.invalid",
        "errors": [{"path": "", "code": "api_key.invalid", "message": "Invalid API key"}],
    }
    assert count_rows(instance) == before

"""The asset reporting document's integration patterns, as written there, against a running server with keys on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
)
from document_server import KEY, DocumentServer, document_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response


@pytest.fixture(scope="module")
def server() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as server:
        yield server


def test_etl_pipeline_integration(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_API_KEY", KEY)
    requests = server.requests

    def report_completion(asset_name: str, stats: dict[str, Any]) -> Response:
        return requests.post(
            f"http://dagster-webserver/report_asset_materialization/{asset_name}",
            json={"metadata": stats, "description": f"ETL completed for {asset_name}"},
            headers={"X-API-Key": os.getenv("DAGSTER_API_KEY")},
        )

    response = report_completion("orders", {"rows": 12})

    expected = AssetMaterialization(AssetKey("orders"), description="ETL completed for orders", metadata={"rows": 12})
    server.check_materialized(response, expected)


@pytest.mark.parametrize("passed", [True, False])
def test_data_quality_monitoring(server: DocumentServer, *, passed: bool) -> None:
    requests = server.requests

    def report_quality_check(dataset: str, check_name: str, results: dict[str, Any]) -> Response:
        return requests.post(
            f"http://dagster-webserver/report_asset_check/{dataset}",
            json={
                "check_name": check_name,
                "passed": results["passed"],
                "severity": "ERROR" if not results["passed"] else "INFO",
                "metadata": results["details"],
            },
        )

    response = report_quality_check("orders", "row_count", {"passed": passed, "details": {"rows": 12}})

    # Dagster knows no INFO: it is stored as WARN, and the word is kept.
    expected = AssetCheckEvaluation(
        asset_key=AssetKey("orders"),
        check_name="row_count",
        passed=passed,
        metadata={"rows": 12, "asset_bridge/severity": "INFO"} if passed else {"rows": 12},
        severity=AssetCheckSeverity.WARN if passed else AssetCheckSeverity.ERROR,
    )
    server.check_evaluated(response, expected)


def test_external_system_monitoring(server: DocumentServer) -> None:
    requests = server.requests

    def get_system_health() -> dict[str, Any]:
        return {"cpu": 0.5, "queues": {"in": 3}}

    def monitor_system_health(system_name: str) -> Response:
        health_stats = get_system_health()
        return requests.post(
            f"http://dagster-webserver/report_asset_observation/{system_name}",
            json={"metadata": health_stats, "description": "System health check"},
        )

    expected = AssetObservation(
        AssetKey("billing"), description="System health check", metadata={"cpu": 0.5, "queues": {"in": 3}}
    )
    server.check_observed(monitor_system_health("billing"), expected)

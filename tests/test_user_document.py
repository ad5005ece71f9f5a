"""The asset reporting document's examples of the three reports, as written there, against a running server."""

from __future__ import annotations

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
from document_server import DocumentServer, document_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as server:
        yield server


def versioned(version: str) -> dict[str, str]:
    return {"dagster/data_version": version, "dagster/data_version_is_user_provided": "true"}


def test_basic_asset_materialization_report(server: DocumentServer) -> None:
    requests = server.requests
    response = requests.post(
        "http://localhost:3000/report_asset_materialization/my_dataset",
        json={
            "metadata": {"rows": 1000, "columns": 10, "file_size": "5.2MB"},
            "description": "Daily ETL run completed successfully",
        },
    )

    expected = AssetMaterialization(
        AssetKey("my_dataset"),
        description="Daily ETL run completed successfully",
        metadata={"rows": 1000, "columns": 10, "file_size": "5.2MB"},
    )
    server.check_materialized(response, expected)


def test_with_data_version_and_partition(server: DocumentServer) -> None:
    requests = server.requests
    response = requests.post(
        "http://localhost:3000/report_asset_materialization/sales/daily_summary",
        json={
            "data_version": "v1.2.3",
            "partition": "2024-01-15",
            "metadata": {"total_sales": 50000.00, "transaction_count": 1250},
        },
    )

    expected = AssetMaterialization(
        AssetKey(["sales", "daily_summary"]),
        partition="2024-01-15",
        metadata={"total_sales": 50000.00, "transaction_count": 1250},
        tags=versioned("v1.2.3"),
    )
    server.check_materialized(response, expected)


def test_query_parameters_instead_of_json_body(server: DocumentServer) -> None:
    requests = server.requests
    response = requests.post(
        "http://localhost:3000/report_asset_materialization/my_asset",
        params={"data_version": "v1.0.0", "description": "Processed via external pipeline"},
    )

    expected = AssetMaterialization(
        AssetKey("my_asset"), description="Processed via external pipeline", tags=versioned("v1.0.0")
    )
    server.check_materialized(response, expected)


def test_successful_data_quality_check(server: DocumentServer) -> None:
    requests = server.requests
    response = requests.post(
        "http://localhost:3000/report_asset_check/customer_data",
        json={
            "check_name": "null_values_check",
            "passed": True,
            "metadata": {"null_count": 0, "total_rows": 10000, "check_duration": "0.5s"},
        },
    )

    expected = AssetCheckEvaluation(
        asset_key=AssetKey("customer_data"),
        check_name="null_values_check",
        passed=True,
        metadata={"null_count": 0, "total_rows": 10000, "check_duration": "0.5s"},
        severity=AssetCheckSeverity.ERROR,
    )
    server.check_evaluated(response, expected)


def test_failed_data_quality_check(server: DocumentServer) -> None:
    requests = server.requests
    response = requests.post(
        "http://localhost:3000/report_asset_check/product_catalog",
        json={
            "check_name": "price_validation",
            "passed": False,
            "severity": "ERROR",
            "metadata": {"invalid_prices": 15, "error_details": "Negative prices found in products"},
        },
    )

    expected = AssetCheckEvaluation(
        asset_key=AssetKey("product_catalog"),
        check_name="price_validation",
        passed=False,
        metadata={"invalid_prices": 15, "error_details": "Negative prices found in products"},
        severity=AssetCheckSeverity.ERROR,
    )
    server.check_evaluated(response, expected)


def test_warning_level_check(server: DocumentServer) -> None:
    requests = server.requests
    metadata: dict[str, Any] = {
        "daily_volume": 50000,
        "expected_min": 75000,
        "note": "Volume below expected threshold",
    }
    response = requests.post(
        "http://localhost:3000/report_asset_check/user_events",
        json={"check_name": "volume_check", "passed": True, "severity": "WARN", "metadata": metadata},
    )

    expected = AssetCheckEvaluation(
        asset_key=AssetKey("user_events"),
        check_name="volume_check",
        passed=True,
        metadata=metadata,
        severity=AssetCheckSeverity.WARN,
    )
    server.check_evaluated(response, expected)


def test_schema_change_observation(server: DocumentServer) -> None:
    requests = server.requests
    metadata: dict[str, Any] = {
        "schema_version": "v2.1",
        "columns_added": ["phone_verified", "last_login"],
        "migration_applied": "2024-01-15T10:30:00Z",
    }
    response = requests.post(
        "http://localhost:3000/report_asset_observation/warehouse/customers",
        json={"metadata": metadata, "description": "Schema migration applied successfully"},
    )

    expected = AssetObservation(
        AssetKey(["warehouse", "customers"]), description="Schema migration applied successfully", metadata=metadata
    )
    server.check_observed(response, expected)


def test_performance_metrics_observation(server: DocumentServer) -> None:
    requests = server.requests
    metadata = {
        "avg_response_time": "45ms",
        "error_rate": "0.1%",
        "throughput": "1000 req/min",
        "monitoring_window": "1h",
    }
    response = requests.post(
        "http://localhost:3000/report_asset_observation/api/user_service", json={"metadata": metadata}
    )

    server.check_observed(response, AssetObservation(AssetKey(["api", "user_service"]), metadata=metadata))


def test_data_freshness_observation(server: DocumentServer) -> None:
    requests = server.requests
    metadata: dict[str, Any] = {
        "last_updated": "2024-01-15T23:45:00Z",
        "lag_minutes": 15,
        "source_system": "analytics_pipeline",
    }
    response = requests.post(
        "http://localhost:3000/report_asset_observation/reports/daily_kpis",
        json={"data_version": "2024-01-15", "metadata": metadata},
    )

    expected = AssetObservation(AssetKey(["reports", "daily_kpis"]), metadata=metadata, tags=versioned("2024-01-15"))
    server.check_observed(response, expected)

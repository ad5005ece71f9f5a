"""OpenLineage run events, as the integrations of Spark, dbt, Airflow and Flink write them."""

from __future__ import annotations

import copy
import json
from typing import Any

from asset_events import AssetEvent, LineageRules, read_run_event

RUN_ID = "0197b1c5-3c4c-7d52-9d6a-6f3f0d5a1f2e"
TIME = "2024-01-15T10:30:00.123Z"
TIME_S = 1705314600.123


def facet(**members: Any) -> dict[str, Any]:
    """A facet with what the standard asks of each."""
    url = "https://openlineage.io/spec/facets/1-0-0/SomeFacet.json"
    return {"_producer": "https://example.com/sender", "_schemaURL": url, **members}


def dataset(name: str = "shop.public.orders", namespace: str = "postgres://db:5432", **members: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, **members}


def run_event(*outputs: dict[str, Any], inputs: Any = (), **members: Any) -> dict[str, Any]:
    event = {
        "eventType": "COMPLETE",
        "eventTime": TIME,
        "producer": "https://example.com/sender",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "shop", "name": "load_orders"},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }
    return {**event, **members}


def read(event: object, rules: LineageRules | None = None) -> list[AssetEvent]:
    return read_run_event(json.dumps(event).encode(), rules or LineageRules())


def without(event: dict[str, Any], *path: str | int) -> dict[str, Any]:
    """The same event without one member."""
    changed = copy.deepcopy(event)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return changed


SPARK = run_event(
    dataset(
        "warehouse/shop/orders",
        "s3://lake",
        facets={
            "dataSource": facet(name="s3://lake", uri="s3://lake"),
            "schema": facet(
                fields=[
                    {"name": "id", "type": "long"},
                    {
                        "name": "address",
                        "type": "struct",
                        "description": "Where to",
                        "fields": [{"name": "city", "type": "string"}, {"name": "zip"}],
                    },
                ]
            ),
            "storage": facet(storageLayer="iceberg", fileFormat="parquet"),
            "lifecycleStateChange": facet(lifecycleStateChange="OVERWRITE"),
            "version": facet(datasetVersion="8765309871"),
            "symlinks": facet(identifiers=[{"namespace": "s3://lake", "name": "shop.orders", "type": "TABLE"}]),
            "columnLineage": facet(
                fields={
                    "id": {
                        "inputFields": [
                            {
                                "namespace": "s3://lake",
                                "name": "raw/orders",
                                "field": "order_id",
                                "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                            },
                            {"namespace": "s3://lake", "name": "raw/orders", "field": "order_id"},
                        ]
                    }
                }
            ),
        },
        outputFacets={"outputStatistics": facet(rowCount=1000, size=4096, fileCount=2)},
    ),
    inputs=[dataset("raw/orders", "s3://lake", facets={"schema": facet(fields=[{"name": "order_id"}])})],
    producer="https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark",
    run={
        "runId": RUN_ID,
        "facets": {
            "spark_properties": facet(properties={"spark.master": "yarn"}),
            "parent": facet(run={"runId": RUN_ID}, job={"namespace": "shop", "name": "app"}),
        },
    },
    job={"namespace": "shop", "name": "app.execute_insert_into.orders", "facets": {"jobType": facet()}},
)
"""A write into an Iceberg table."""

ASSERTIONS = facet(
    assertions=[
        {
            "assertion": "not_null",
            "name": "not_null_orders_id",
            "success": False,
            "column": "id",
            "severity": "warn",
            "expected": "0",
            "actual": "3",
        },
        {"assertion": "unique", "success": True, "column": "id", "severity": "error"},
    ]
)

DBT_TESTS = run_event(
    inputs=[
        dataset(
            "shop.analytics.orders",
            "snowflake://acme-prod",
            facets={"dataQualityAssertions": ASSERTIONS},
            inputFacets={"dataQualityAssertions": ASSERTIONS},
        )
    ],
    eventType="FAIL",
    eventTime="2024-01-15T10:30:00.123456+00:00",
    job={"namespace": "dbt", "name": "shop.analytics.orders.test"},
)
"""Tests of one model: the standard's place for the results, and the one it had before."""

DBT_MODEL = run_event(
    dataset(
        "shop.analytics.orders",
        "snowflake://acme-prod",
        facets={
            "documentation": facet(description="All orders"),
            "schema": facet(fields=[{"name": "ID", "type": "NUMBER", "description": "Key"}]),
        },
        outputFacets={"outputStatistics": facet(rowCount=42)},
    ),
    inputs=[dataset("shop.raw.orders", "snowflake://acme-prod")],
    job={"namespace": "dbt", "name": "shop.analytics.orders"},
)

AIRFLOW = run_event(
    dataset("d_daily.public.orders"),
    inputs=[dataset("d_daily.public.raw")],
    eventTime="2024-01-15T11:30:00.123+01:00",
    run={"runId": RUN_ID, "facets": {"nominalTime": facet(nominalStartTime="2024-01-15T00:00:00Z"), "airflow": {}}},
    job={"namespace": "airflow", "name": "orders_dag.load", "facets": {"sql": facet(query="INSERT INTO orders")}},
)

FLINK = run_event(
    dataset(
        "orders.enriched", "kafka://broker:9092", facets={"schema": facet(fields=[{"name": "id", "type": "long"}])}
    ),
    inputs=[dataset("orders.raw", "kafka://broker:9092")],
    run={"runId": RUN_ID, "facets": {"checkpoints": facet(completed=5)}},
    job={"namespace": "flink", "name": "enrich"},
)
"""The end of a job that was streaming; before it there were RUNNING events."""

"""What one would write without the bridge: a consumer that hands each record to Dagster's public call.

python plain_consumer.py BOOTSTRAP TOPIC
"""

from __future__ import annotations

import json
import sys
from typing import Any

from confluent_kafka import Consumer
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, AssetObservation, DagsterInstance
from dagster import AssetCheckSeverity as Severity


def to_dagster(event: dict[str, Any]) -> AssetMaterialization | AssetObservation | AssetCheckEvaluation:
    """Build Dagster's event."""
    key, metadata = AssetKey(event["asset_key"]), event["metadata"]
    if event["event_type"] == "asset_check":
        severity = Severity[event["severity"]]
        return AssetCheckEvaluation(
            asset_key=key, check_name=event["check_name"], passed=event["passed"], metadata=metadata, severity=severity
        )
    kind = AssetMaterialization if event["event_type"] == "asset_materialization" else AssetObservation
    tags = {"dagster/data_version": event["data_version"], "dagster/data_version_is_user_provided": "true"}
    return kind(asset_key=key, partition=event["partition"], metadata=metadata, tags=tags)


def main(bootstrap: str, topic: str) -> None:
    """Consume until killed."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "plain", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    with DagsterInstance.get() as instance:
        while True:
            message = consumer.poll(1)
            if message is not None and not message.error():
                instance.report_runless_asset_event(to_dagster(json.loads(message.value() or b"")))


if __name__ == "__main__":
    main(*sys.argv[1:])

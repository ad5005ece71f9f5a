"""The sample events of `asset-bridge dev`: a few of each kind, good and bad, by both roads."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

from confluent_kafka import Producer

POST_S: Final = 10.0

KAFKA: Final[tuple[tuple[str, dict[str, Any] | bytes], ...]] = (
    (
        "warehouse/orders",
        {
            "event_type": "asset_materialization",
            "asset_key": ["warehouse", "orders"],
            "partition": "2026-01-15",
            "data_version": "v42",
            "metadata": {
                "rows": 1250,
                "source": {"raw_value": "https://example.org/orders", "type": "url"},
                "by_country": {"SE": 800, "NO": 450},
            },
        },
    ),
    (
        "warehouse/orders",
        {
            "event_type": "asset_check",
            "asset_key": ["warehouse", "orders"],
            "check_name": "no_null_ids",
            "passed": True,
            "metadata": {"null_ids": 0},
        },
    ),
    (
        "warehouse/customers",
        {
            "event_type": "asset_observation",
            "asset_key": ["warehouse", "customers"],
            "description": "Columns were added.",
            "metadata": {"columns_added": ["phone_verified", "last_login"]},
        },
    ),
    (
        "warehouse/orders",
        {"event_type": "asset_check", "asset_key": ["warehouse", "orders"], "check_name": "no_verdict"},
    ),
    ("warehouse/orders", b"this is no JSON"),
)
"""Record key and event of each sample record; the last two are bad on purpose."""

HTTP: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("/report_asset_materialization/reports/daily_kpis", {"metadata": {"rows": 31}, "description": "Nightly export"}),
    ("/report_asset_check/reports/daily_kpis", {"check_name": "fresh", "passed": False, "severity": "WARN"}),
    ("/report_asset_observation/reports/daily_kpis", {"metdata": {"lag_minutes": 15}}),
)
"""Path and body of each sample post; the last one has a misspelt field on purpose."""


def send_samples(bootstrap_servers: str, topic: str, url: str) -> int:
    """Send all samples by both roads; returns how many."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    for key, event in KAFKA:
        producer.produce(topic, event if isinstance(event, bytes) else json.dumps(event), key)
    producer.flush(POST_S)
    for path, body in HTTP:
        _post(url + path, body)
    return len(KAFKA) + len(HTTP)


def _post(url: str, body: dict[str, Any]) -> None:
    """Post, and leave what the answer says to the line that the server prints."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 # our own server
    try:
        urllib.request.urlopen(request, timeout=POST_S).close()  # noqa: S310 # our own server
    except urllib.error.HTTPError as error:
        error.close()

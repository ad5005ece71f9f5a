"""The events that every contender records: three kinds, mixed, over fifty assets, all good for stock Dagster."""

from __future__ import annotations

import json
from typing import Any

ASSETS = 50

# Of ten events six materialize, two check, two observe. Fields that only the bridge knows are left out, and checks
# have no partition, since Dagster's own call stores only the first result of each.
_KINDS = ("asset_materialization",) * 6 + ("asset_check",) * 2 + ("asset_observation",) * 2


def sample_event(number: int) -> dict[str, Any]:
    """The event of this number: the same at every call."""
    kind = _KINDS[number % len(_KINDS)]
    event: dict[str, Any] = {
        "event_type": kind,
        "asset_key": ["warehouse", f"table_{number % ASSETS}"],
        "metadata": {
            "rows": number,
            "seconds": number / 7,
            "source": "s3://bucket/landing/orders",
            "by_country": {"SE": number % 800, "NO": number % 450},
        },
    }
    if kind == "asset_check":
        return event | {"check_name": "no_null_ids", "passed": number % 5 != 0, "severity": "WARN"}
    return event | {"partition": f"2026-01-{number % 28 + 1:02}", "data_version": f"v{number}"}


def sample_record(number: int) -> bytes:
    """The event as a Kafka record's value."""
    return json.dumps(sample_event(number)).encode()


def sample_request(number: int) -> bytes:
    """The event as a whole HTTP request, which stock dagster-webserver and the bridge both understand."""
    event = sample_event(number)
    path = f"/report_{event.pop('event_type')}/{'/'.join(event.pop('asset_key'))}"
    body = json.dumps(event).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

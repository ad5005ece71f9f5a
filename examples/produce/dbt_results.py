"""Report what `dbt build` did, from the artifacts it leaves: models as materializations, tests as checks of them.

    dbt build; python dbt_results.py target --url http://localhost:3000

The API key, if one is needed, comes from ASSET_BRIDGE_API_KEY. Exit code 1 when an event was not recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asset_client.http import HttpReporter
from asset_events import AssetEvent, CheckEvent, MaterializationEvent

BUILT = {"model", "seed", "snapshot"}


def events_of(target: Path) -> Iterator[AssetEvent]:
    """One event for each model that was built, and for each test that ran, in dbt's order."""
    nodes = json.loads((target / "manifest.json").read_text("utf-8"))["nodes"]
    run = json.loads((target / "run_results.json").read_text("utf-8"))
    for result in run["results"]:
        node = nodes.get(result["unique_id"], {})
        # A run reported twice is recorded once. A unique id may be longer than an idempotency key.
        what = hashlib.sha256(result["unique_id"].encode()).hexdigest()
        key = f"dbt/{run['metadata']['invocation_id']}/{what}"
        if node.get("resource_type") in BUILT and result["status"] == "success":
            yield MaterializationEvent(asset_key=asset_key(node), metadata=metadata(result), idempotency_key=key)
        elif node.get("resource_type") == "test" and result["status"] in {"pass", "warn", "fail", "error"}:
            yield from check(nodes, node, result, key)


def check(nodes: dict[str, Any], node: dict[str, Any], result: dict[str, Any], key: str) -> Iterator[AssetEvent]:
    """A test of a model is a check of its asset; a test of none, or of a source, is nobody's."""
    model = nodes.get(node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), ""))
    if model is not None:
        yield CheckEvent(
            asset_key=asset_key(model),
            check_name=node["name"][:255],
            passed=result["status"] == "pass",
            severity="WARN" if result["status"] == "warn" else "ERROR",
            metadata={**metadata(result), "failures": result.get("failures") or 0},
            idempotency_key=key,
        )


def asset_key(node: dict[str, Any]) -> tuple[str, ...]:
    """As dagster-dbt names it by default: the schema that the model configures, and the model's name."""
    configured = node.get("config", {}).get("schema")
    return (configured, node["name"]) if configured else (node["name"],)


def metadata(result: dict[str, Any]) -> dict[str, Any]:
    """What Dagster can plot; of an incremental model the rows affected are not all that there are."""
    rows = result.get("adapter_response", {}).get("rows_affected")
    return {"dbt/seconds": result["execution_time"], **({} if rows is None else {"dbt/rows_affected": rows})}


def main() -> int:
    """Report everything, in order, and say what was not recorded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, help="dbt's target folder")
    parser.add_argument("--url", required=True, help="where asset-bridge serves")
    arguments = parser.parse_args()
    events = list(events_of(arguments.target))
    with HttpReporter(arguments.url, api_key=os.environ.get("ASSET_BRIDGE_API_KEY")) as reporter:
        results = reporter.report_many(events)
    failed = [(event, result) for event, result in zip(events, results, strict=True) if isinstance(result, Exception)]
    for event, error in failed:
        sys.stderr.write(f"{'/'.join(event.asset_key)} {error}\n")
    sys.stdout.write(f"{len(events) - len(failed)} of {len(events)} events are recorded\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

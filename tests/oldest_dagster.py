"""What is repeated with the oldest Dagster: the tests whose answer may be another one there, and no others.

All of the product that asks Dagster anything stands behind the recorder, the tables beside it, the targets and what is
read back. Those files are repeated whole; of what is built upon them, one file for each road. The rest uses Dagster
by the very same calls.
"""

from __future__ import annotations

import re
from pathlib import Path

_ASK_DAGSTER = """
    check_partitions connection_pool console dagster_pages dagster_versions dry_run entry_text
    event_metadata event_reserved_entries event_tags group_commit handlers handlers_elsewhere http_endpoints
    idempotency letter_fates parameter_names pauses probes recorder recorder_choice recorder_outages
    recorders_agree self_test storage_errors storage_internals storage_threads storage_threads_end targets
    code_locations opened_together transactional_recorder visible_in_order webserver

    idempotency_roads ledger_and_lanes openlineage_roads processes redriven roads_agree user_document
"""
"""Repeated; the second part is the roads: HTTP, Kafka, OpenLineage."""

_AS_OTHERS_DO = """
    app client_http client_kafka cloud_events conservation consumer_metrics docs_client docs_produce
    generated_events honest_health http_bad_input http_docs http_metrics http_wire kill loop loop_faults
    metrics offset_drift offsets openapi paused registry_outages report_command report_events
    report_events_limits reset_once schemathesis stuck_storage topic_made_anew tracing tracing_kafka
    attack authorization cross_site memory_bounds slow_clients smuggling ui_command
    user_document_formats user_document_patterns
"""
"""Not repeated, though they import Dagster: they look at what HTTP, the loop or a command does, or at the contract."""

ASK_DAGSTER, AS_OTHERS_DO = frozenset(_ASK_DAGSTER.split()), frozenset(_AS_OTHERS_DO.split())

_IMPORTS = re.compile(r"^ *(?:from|import) dagster", re.MULTILINE)
"""Also of our own helpers, which read what Dagster has stored."""


def left_out(folder: Path) -> list[str]:
    """The test files that are not repeated, as pytest is told of them."""
    kept = {folder / f"test_{name}.py" for name in ASK_DAGSTER}
    return sorted(str(path.relative_to(folder)) for path in {*folder.rglob("test_*.py")} - kept)


def undecided(folder: Path) -> set[str]:
    """Which test files import Dagster, and stand in neither list."""
    found = {path.stem.removeprefix("test_"): path for path in folder.glob("test_*.py")}
    named = ASK_DAGSTER | AS_OTHERS_DO
    return {name for name, path in found.items() if name not in named and _IMPORTS.search(path.read_text("utf-8"))}

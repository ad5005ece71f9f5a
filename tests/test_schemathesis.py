"""Requests made up from the served OpenAPI document, good and bad: no 5xx, and no answer that it does not name."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterInstance
from document_server import KEY, document_server

from asset_consumer.asyncapi import asyncapi
from asset_consumer.settings_kafka import KafkaSettings
from asset_reporting.app import REPORT_HANDLERS

if TYPE_CHECKING:
    from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_no_request_is_answered_otherwise_than_documented(tmp_path: Path) -> None:
    """Its phase "coverage" found nothing in two minutes either, and is left out for them."""
    with DagsterInstance.local_temp() as instance, document_server(instance, asyncapi=asyncapi(KafkaSettings())) as run:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{run.requests.base}/openapi.json"]
        options = ["--checks", ",".join(CHECKS), "--phases", "examples,fuzzing", "--max-examples", "25", "--seed", "1"]
        quiet = ["--generation-database", "none", "--no-color", "--header", f"X-API-Key: {KEY}"]
        done = subprocess.run(
            [*command, *options, *quiet], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
        )

    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"Tested: (\d+)", done.stdout)[-1]) >= len(REPORT_HANDLERS) * 2 + 1

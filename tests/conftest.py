"""Fixtures that every test file may use."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import dagster
import hypothesis
import pytest
from dagster import DagsterInstance
from dead_letter_sending import Producers
from fault_table import ALL_ITEMS, needs
from http_world import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

pytest_plugins = ["missing", "shown_secrets", "brokers", "databases", "broker_faults"]

# How long an example takes depends on what else the machine does, and is nobody's fault.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

_WHATEVER_THE_DAGSTER = """
    alerts api_keys asyncapi brokers cli client* console_browser console_outages contract_*
    dashboard dead_letter* decode dlq_* docs_* event_parts event_refusals event_reserved_entries
    events fault_table game_day health http_docs json_schema kafka_server letter_filter letter_patch
    logs missing mock_cluster offset_drift openapi paused record registry_* repeats replay_plan
    report_command reset_once schema_registry schemathesis server settings soak span_export topics
    tracing* validate*
"""
"""Files whose tests ask Dagster nothing, or nothing that others do not ask: one version cannot differ there."""

if os.environ.get("ASSET_BRIDGE_TEST_DAGSTER") == "oldest":
    collect_ignore_glob = [f"test_{name}.py" for name in _WHATEVER_THE_DAGSTER.split()]


def pytest_report_header() -> str:
    return f"dagster: {dagster.__version__}"


@pytest.hookimpl(tryfirst=True)  # before those that leave tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever asks for a PostgreSQL is heavy; the table of faults is made from all there is."""
    for item in items:
        if {"postgres", "postgresql"} & needs(item):
            item.add_marker("heavy")
    if {*Path(__file__).parent.rglob("test_*.py")} <= {item.path for item in items}:
        config.stash[ALL_ITEMS] = list(items)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A command that was run in this process has set the log up for itself: its levels would hide the next test's."""
    for handler in [one for one in logging.root.handlers if type(one) is logging.StreamHandler]:
        logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("asset_bridge").setLevel(logging.NOTSET)


@pytest.fixture
def producers() -> Iterator[Producers]:
    """Opens dead-letter producers, and closes them."""
    producers = Producers()
    yield producers
    producers.close()


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    """The tests of one file share it; a file that needs another has a fixture of this name."""
    with DagsterInstance.local_temp() as instance:
        yield instance


@pytest.fixture(scope="module")
def client(instance: DagsterInstance) -> Iterator[TestClient]:
    """Reaches the HTTP application on that instance, with its defaults and without keys."""
    with http_client(instance) as client:
        yield client

"""Fixtures that every test file may use."""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import dagster
import hypothesis
import pytest
from dead_letter_sending import Producers
from fault_table import ALL_ITEMS, needs
from http_world import http_client
from oldest_dagster import left_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance
    from starlette.testclient import TestClient

# Off until all tests are collected: the million objects that are made until then stay, and looking at them again and
# again takes a third of the time.
gc.disable()

pytest_plugins = ["missing", "shown_secrets", "brokers", "databases", "broker_faults"]

# How long an example takes depends on what else the machine does, and is nobody's fault.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

_LONG = {
    *("test_compose_by_hand", "test_image", "test_chart_renders"),
    *("test_loop", "test_zombie", "test_revoked_in_mid_batch", "test_soak", "test_game_day", "test_kill"),
    *("test_loop_faults", "test_processes", "test_processes_in_trouble", "test_console_browser", "test_paused"),
    *("test_registry_outages", "test_guarded_kafka", "test_kill_on_kafka", "test_traps_poll"),
}
"""Files that take long, most of them waiting: begun last, they would keep the processors waiting too."""

_DEPLOY = Path(__file__).parent / "deploy"
"""Tried by `make deploy` alone; no fault of the table is."""

if os.environ.get("ASSET_BRIDGE_TEST_DAGSTER") == "oldest":
    collect_ignore_glob = left_out(Path(__file__).parent)


def pytest_report_header() -> str:
    return f"dagster: {dagster.__version__}"


@pytest.hookimpl(tryfirst=True)  # before those that leave tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever asks for a PostgreSQL is heavy; the table of faults is made from all there is.

    What is marked `in_process` is not repeated on the real broker, where some other case of the same test is.
    """
    again = [item for item in items if {"in_process", "kafka"} <= {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=again)
    items[:] = sorted((item for item in items if item not in again), key=lambda item: item.path.stem not in _LONG)
    for item in items:
        if {"postgres", "postgresql"} & needs(item):
            item.add_marker("heavy")
    if {*Path(__file__).parent.rglob("test_*.py")} <= {item.path for item in items} | set(_DEPLOY.glob("test_*.py")):
        config.stash[ALL_ITEMS] = list(items)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


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
def client(instance: DagsterInstance) -> Iterator[TestClient]:
    """Reaches the HTTP application on that instance, with its defaults and without keys."""
    with http_client(instance) as client:
        yield client

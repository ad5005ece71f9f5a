"""Fixtures that every test file may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster
import pytest
from dead_letter_sending import Producers
from mock_cluster import MockCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["databases"]


def pytest_report_header() -> str:
    return f"dagster: {dagster.__version__}"


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A fresh one-broker Kafka cluster of this test alone."""
    with MockCluster() as cluster:
        yield cluster


@pytest.fixture
def producers(cluster: MockCluster) -> Iterator[Producers]:
    """Opens dead-letter producers on the test's cluster, and closes them."""
    producers = Producers(cluster)
    yield producers
    producers.close()

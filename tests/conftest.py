"""Fixtures that every test file may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dead_letter_sending import Producers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mock_cluster import MockCluster

pytest_plugins = ["brokers", "databases"]


@pytest.fixture
def producers(cluster: MockCluster) -> Iterator[Producers]:
    """Opens dead-letter producers on the test's cluster, and closes them."""
    producers = Producers(cluster)
    yield producers
    producers.close()

"""Results of checks on one partition, in tests that run on Dagsters with and without them."""

from __future__ import annotations

import pytest

from asset_reporting.installed_dagster import CHECKS_HAVE_PARTITIONS

needs_check_partitions = pytest.mark.skipif(
    not CHECKS_HAVE_PARTITIONS, reason="this Dagster keeps no partition of a check's result"
)


def where_held(partition: str | None) -> str | None:
    """The partition for a check's result, none where it would be refused."""
    return partition if CHECKS_HAVE_PARTITIONS else None

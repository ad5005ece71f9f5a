"""Parameter names of the three report endpoints, as dagster-webserver's own classes of these names give them."""

from __future__ import annotations


class ReportAssetMatParam:
    """Parameter names for asset materialization reporting."""

    asset_key = "asset_key"
    data_version = "data_version"
    metadata = "metadata"
    description = "description"
    partition = "partition"


class ReportAssetCheckEvalParam:
    """Parameter names for asset check evaluation reporting."""

    asset_key = "asset_key"
    check_name = "check_name"
    metadata = "metadata"
    severity = "severity"
    passed = "passed"
    partition = "partition"


class ReportAssetObsParam:
    """Parameter names for asset observation reporting."""

    asset_key = "asset_key"
    data_version = "data_version"
    metadata = "metadata"
    description = "description"
    partition = "partition"

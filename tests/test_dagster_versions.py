"""The tests run with the Dagster they are meant to run with, and the pages say which ones work."""

from __future__ import annotations

import os
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from oldest_dagster import AS_OTHERS_DO, ASK_DAGSTER, undecided
from packaging.requirements import Requirement
from packaging.version import Version

RANGES = {
    one.name: one.specifier
    for one in map(Requirement, requires("dagster-asset-bridge") or ())
    if one.name in {"dagster", "dagster-postgres", "dagster-webserver"}
}


def bound(package: str, operator: str) -> Version:
    """The lower (`>=`) or the upper (`<`) end of the range that a package may have."""
    (end,) = (one.version for one in RANGES[package] if one.operator == operator)
    return Version(end)


@pytest.mark.parametrize("package", RANGES)
def test_the_installed_dagster_is_the_one_that_this_run_is_for(package: str) -> None:
    installed = Version(version(package))

    match os.environ.get("ASSET_BRIDGE_TEST_DAGSTER"):
        case "oldest":
            assert installed == bound(package, ">=")
        case "newest":
            assert (installed.major, installed.minor + 1) == bound(package, "<").release
        case None:
            assert installed in RANGES[package]
        case other:
            pytest.fail(f"ASSET_BRIDGE_TEST_DAGSTER is {other!r}, neither oldest nor newest")


def test_the_readme_says_which_dagsters_work() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    row = re.search(r"^\| Dagster \| (\S+) to (\d+)\.(\d+) ", readme, re.MULTILINE)
    assert row is not None

    oldest, major, minor = row.groups()
    assert Version(oldest) == bound("dagster", ">=")
    assert (int(major), int(minor) + 1) == bound("dagster", "<").release


def test_each_file_that_asks_dagster_is_repeated_with_the_oldest_or_is_said_not_to_be() -> None:
    folder = Path(__file__).parent

    assert undecided(folder) == set()
    assert not ASK_DAGSTER & AS_OTHERS_DO
    assert {name for name in ASK_DAGSTER | AS_OTHERS_DO if not (folder / f"test_{name}.py").is_file()} == set()


def test_a_new_file_that_imports_dagster_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "test_new.py").write_text("from dagster import DagsterInstance\n", "utf-8")
    (tmp_path / "test_other.py").write_text("import json\n", "utf-8")
    (tmp_path / "test_recorder.py").write_text("import dagster\n", "utf-8")

    assert undecided(tmp_path) == {"new"}

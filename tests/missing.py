"""What to do without a service that a test needs, and what a skip is worth where services are required.

A plugin of pytest's too: while ASSET_BRIDGE_TEST_REQUIRE is set, a test that skips itself for any other reason fails.
What a marker skips (`skipif`) does not: those ask which Dagster is installed, or who we are.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any, NoReturn

import pytest

REQUIRE = "ASSET_BRIDGE_TEST_REQUIRE"

_not_required: set[str] = set()
"""The sentences of skips that are allowed wherever they come from."""

_PAST_MARKERS = pytest.StashKey[bool]()


def missing(service: str, sentence: str) -> NoReturn:
    """Skip the test, or fail it where ASSET_BRIDGE_TEST_REQUIRE, a list like `postgres,kafka`, names the service."""
    if service in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(sentence)
    _not_required.add(sentence)
    pytest.skip(sentence)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pytest looks at the markers before, and sets up fixtures after."""
    item.stash[_PAST_MARKERS] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skip = call.excinfo.value if call.excinfo is not None else None
    if isinstance(skip, pytest.skip.Exception) and item.stash.get(_PAST_MARKERS, False) and _is_refused(skip):
        report.outcome, report.longrepr = "failed", f"skipped, where {REQUIRE} is set: {skip.msg}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that skips itself."""
    report = yield
    if report.outcome == "skipped" and os.environ.get(REQUIRE):
        report.outcome = "failed"
        report.longrepr = f"skipped, where {REQUIRE} is set: {report.longrepr}"
    return report


def _is_refused(skip: Any) -> bool:
    return bool(os.environ.get(REQUIRE)) and skip.msg not in _not_required

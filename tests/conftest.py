"""Fixtures that every test file may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster
import pytest
from dead_letter_sending import Producers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["brokers", "databases"]


def pytest_report_header() -> str:
    return f"dagster: {dagster.__version__}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a PostgreSQL is heavy."""
    for item in items:
        if {"postgres", "postgresql"} & {*getattr(item, "fixturenames", ()), *_parameters(item)}:
            item.add_marker("heavy")


def _parameters(item: pytest.Item) -> list[str]:
    """The parameters that are names, as those of the fixture `database` are."""
    call = getattr(item, "callspec", None)
    return [value for value in call.params.values() if isinstance(value, str)] if call else []


@pytest.fixture
def producers() -> Iterator[Producers]:
    """Opens dead-letter producers, and closes them."""
    producers = Producers()
    yield producers
    producers.close()

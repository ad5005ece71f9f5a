"""Fixtures that every test file may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dead_letter_sending import Producers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["brokers", "databases"]


@pytest.fixture
def producers() -> Iterator[Producers]:
    """Opens dead-letter producers, and closes them."""
    producers = Producers()
    yield producers
    producers.close()

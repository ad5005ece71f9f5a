"""What to do without a service that a test needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRE = "ASSET_BRIDGE_TEST_REQUIRE"


def missing(service: str, sentence: str) -> NoReturn:
    """Skip the test, or fail it where ASSET_BRIDGE_TEST_REQUIRE, a list like `postgres,kafka`, names the service."""
    if service in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(sentence)
    pytest.skip(sentence)

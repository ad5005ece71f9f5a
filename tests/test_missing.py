from __future__ import annotations

import pytest
from missing import REQUIRE, missing


@pytest.mark.parametrize("required", ["", "postgres", "kafka2"])
def test_a_service_that_nobody_requires_skips(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv(REQUIRE, required)
    with pytest.raises(pytest.skip.Exception, match="there is none"):
        missing("kafka", "there is none")


@pytest.mark.parametrize("required", ["kafka", "postgres,kafka", "kafka,postgres"])
def test_a_service_that_is_required_fails(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv(REQUIRE, required)
    with pytest.raises(pytest.fail.Exception, match="there is none"):
        missing("kafka", "there is none")

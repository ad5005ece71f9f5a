"""Fixtures of the tests that let a real broker go wrong: what is drained, and how long is waited."""

from __future__ import annotations

import pytest
from accounts import Accounts
from databases import Database
from real_broker import RealBroker

from asset_consumer import backoff

PARTITIONS = 2


@pytest.fixture
def accounts(kafka: RealBroker, sqlite: Database) -> Accounts:
    """The test's topic and its dead-letter topic, and the accounts of what becomes of its records."""
    kafka.create_topic(kafka.topic, PARTITIONS)
    kafka.create_topic(kafka.dead_letters, PARTITIONS)
    return Accounts(kafka, sqlite.open(), PARTITIONS)


@pytest.fixture
def scaled_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is scaled: waits that are half a second to half a minute take a tenth of that at most."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.5)

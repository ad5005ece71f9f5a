"""A record, a reason, and what is read out of the dead letters made of them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from asset_consumer.dead_letter import DeadLetter, Reason, dead_letter, restore
from asset_consumer.dead_letter_headers import find_block
from asset_consumer.record import Record
from asset_events import ErrorDetail

FAILED_AT = datetime(2024, 1, 15, 10, 30, 0, 250_000, tzinfo=UTC)
SCHEMA = Reason(
    "schema",
    (
        ErrorDetail("/passed", "field.missing", "passed is needed by an asset_check"),
        ErrorDetail("/metadata/rows", "schema.invalid", "must be a finite number"),
    ),
    attempts=1,
)
RECORD = Record(
    topic="orders.events",
    partition=3,
    offset=42,
    key=b"orders",
    value=b'{"asset_key": "orders"}',
    headers=(("trace", b"1"),),
    timestamp_ms=1705314600000,
    timestamp_type="CreateTime",
)

LONG_TEXTS = st.text(min_size=1, max_size=9).map(lambda text: text * 100)
ERRORS = st.builds(ErrorDetail, st.text(max_size=30), st.just("schema.invalid"), st.text(max_size=30) | LONG_TEXTS)
"""Errors with any text in them."""


def letter(record: Record, reason: Reason = SCHEMA, *, connect_headers: bool = True) -> DeadLetter:
    return dead_letter(
        record, reason, group="asset-bridge", app="bridge/1.2.3", failed_at=FAILED_AT, connect_headers=connect_headers
    )


def back(dead: DeadLetter) -> Record:
    return restore(dead.key, dead.value, dead.headers)


def facts(dead: DeadLetter) -> dict[str, str]:
    """The own headers by field."""
    block = find_block(dead.headers)
    assert block is not None
    return dict(block.facts)

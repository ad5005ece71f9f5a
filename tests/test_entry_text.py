"""Our own serialisation writes what Dagster's writes, to the letter; where it would not, Dagster's own is used."""

from __future__ import annotations

import pytest
from dagster import EventLogRecord
from dagster_shared.serdes import serialize_value
from event_strategies import events
from hypothesis import given, settings

from asset_events import AssetEvent, MaterializationEvent
from asset_reporting import entry_text as module
from asset_reporting.entry_text import entry_text, entry_writer, record_text
from asset_reporting.log_entries import to_log_entry


@settings(max_examples=300)
@given(events)
def test_an_entry_is_serialised_as_dagster_does(event: AssetEvent) -> None:
    entry = to_log_entry(event)

    assert entry_text(entry) == serialize_value(entry)


@settings(max_examples=50)
@given(events)
def test_the_catalogs_record_is_serialised_as_dagster_does(event: AssetEvent) -> None:
    entry = to_log_entry(event)

    record = EventLogRecord(storage_id=120, event_log_entry=entry)
    assert record_text(serialize_value(entry), 120) == serialize_value(record)


def test_the_faster_way_is_taken() -> None:
    entry_writer.cache_clear()

    assert entry_writer() is entry_text


def test_dagsters_own_way_is_taken_and_said_where_the_faster_one_differs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert entry_writer() is entry_text  # which has learnt what it needs before anything is changed
    monkeypatch.setattr(module, "_value_frames", dict)
    monkeypatch.setattr(module, "pack_value", lambda _: {"__class__": "Another"})
    entry_writer.cache_clear()
    try:
        entry = to_log_entry(MaterializationEvent(asset_key=("a",), metadata={"n": 1}))
        assert entry_writer()(entry) == serialize_value(entry)
        assert "serialises events in a way not known" in caplog.text
    finally:
        entry_writer.cache_clear()

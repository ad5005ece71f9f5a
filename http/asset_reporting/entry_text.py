"""The text of a log entry: what Dagster's `serialize_value` writes, in a quarter of its time.

Most of the text is the same for every event of a kind. So Dagster packs one sample of each kind, and an event's own
values take the place of the sample's. Before that is used, it is compared with what Dagster writes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    BoolMetadataValue,
    EventLogEntry,
    EventLogRecord,
    FloatMetadataValue,
    IntMetadataValue,
    JsonMetadataValue,
    MetadataValue,
    TextMetadataValue,
)
from dagster._core.events import AssetObservationData, StepMaterializationData
from dagster_shared.serdes import pack_value, serialize_value

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent, TypedMetadata
from asset_reporting.defined_checks import DefinedCheckEvent
from asset_reporting.installed_dagster import CHECKS_HAVE_PARTITIONS, partition_of
from asset_reporting.log_entries import to_log_entry

Packed = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all entries of a kind share: the text around the event's data and the time, and the data of a sample."""

    text: str
    data: Packed


_encode = json.JSONEncoder(sort_keys=True, check_circular=False).encode

_METADATA: dict[str, Any] = {
    "ü\"'\\": "\0/\U0001f600",
    "b": True,
    "f": 1e20,
    "i": 2**63,
    "j": {"z": [None, {"y": 0.1}], "a": ""},
    "l": [1],
    "n": None,
    "u": TypedMetadata("url", "x"),
    "t": TypedMetadata("timestamp", 1.5),
}
_FULL: dict[str, Any] = {"asset_key": ("a", "ü"), "partition": "p", "metadata": _METADATA, "event_time": 1.5e9}
_FULL_CHECK: dict[str, Any] = _FULL if CHECKS_HAVE_PARTITIONS else {**_FULL, "partition": None}
_SAMPLES: tuple[AssetEvent, ...] = (
    MaterializationEvent(**_FULL, description="d", data_version="v", tags={"z": "1", "a/b": ""}),
    MaterializationEvent(asset_key=("a",)),
    ObservationEvent(**_FULL, description="d", data_version="v", tags={"z": "1", "a/b": ""}),
    ObservationEvent(asset_key=("a",)),
    CheckEvent(**_FULL_CHECK, description="d", check_name="c", passed=True, severity="WARN"),
    CheckEvent(asset_key=("a",), check_name="c", passed=False),
    DefinedCheckEvent(asset_key=("a",), check_name="c", passed=False, blocking=True),
)

_log = logging.getLogger("asset_bridge.storage")


@cache
def entry_writer() -> Callable[[EventLogEntry], str]:
    """What to serialise entries with: `entry_text` where it is proved to agree with Dagster, else Dagster's own."""
    try:
        entries = [to_log_entry(event) for event in _SAMPLES]
        agrees = [entry_text(entry) for entry in entries] == [serialize_value(entry) for entry in entries]
    except Exception:  # noqa: BLE001 # whatever it is, this Dagster packs events in another way
        agrees = False
    if not agrees:
        fields = {"happening": "slower_serialization"}
        _log.warning("This Dagster serialises events in a way not known; recording is slower for it.", extra=fields)
    return entry_text if agrees else serialize_value


def entry_text(entry: EventLogEntry) -> str:
    """The text of an entry that `to_log_entry` has made."""
    event = entry.get_dagster_event()
    frame = _frames()[event.event_type_value]
    return frame.text % (_encode(_data(event.event_specific_data, frame.data)), _encode(entry.timestamp))


def record_text(text: str, event_id: int) -> str:
    """The text of an `EventLogRecord`, from that of its entry."""
    before, after = _record_frame()
    return f"{before}{text}{after % event_id}"


def _data(data: object, sample: Packed) -> Packed:
    match data:
        case StepMaterializationData(materialization=event):
            return {**sample, "materialization": _tagged(event, sample["materialization"])}
        case AssetObservationData(asset_observation=event):
            return {**sample, "asset_observation": _tagged(event, sample["asset_observation"])}
        case AssetCheckEvaluation():
            return {
                **sample,
                "asset_key": {**sample["asset_key"], "path": data.asset_key.path},
                "check_name": data.check_name,
                "description": data.description,
                "metadata": {label: _value(value) for label, value in data.metadata.items()},
                "severity": pack_value(data.severity),
                "blocking": data.blocking,
                "success": data.passed,
                **({"partition": partition_of(data)} if CHECKS_HAVE_PARTITIONS else {}),
            }
        case _:
            raise TypeError(type(data).__name__)


def _tagged(event: Any, sample: Packed) -> Packed:  # noqa: ANN401 # a materialization or an observation
    (entry,) = sample["metadata_entries"]
    return {
        **sample,
        "asset_key": {**sample["asset_key"], "path": event.asset_key.path},
        "description": event.description,
        "metadata_entries": [
            {**entry, "entry_data": _value(value), "label": label} for label, value in event.metadata.items()
        ],
        "partition": event.partition,
        "tags": event.tags,
    }


def _value(value: MetadataValue[Any]) -> object:
    frame = _value_frames().get(type(value))
    if frame is None:
        return pack_value(value)  # type: ignore[call-overload] # Dagster does not say that its own values can be packed
    return {**frame[0], frame[1]: value.value}


@cache
def _frames() -> Mapping[str, _Frame]:
    """The frame of each kind of event, made of a sample that has one metadata entry."""
    common: dict[str, Any] = {"asset_key": ("a",), "metadata": {"m": "x"}}
    events: tuple[AssetEvent, ...] = (
        MaterializationEvent(**common),
        ObservationEvent(**common),
        CheckEvent(**common, check_name="c", passed=True),
    )
    packed: list[Any] = [pack_value(to_log_entry(event)) for event in events]
    return {entry["dagster_event"]["event_type_value"]: _frame(entry) for entry in packed}


def _frame(entry: Packed) -> _Frame:
    event = entry["dagster_event"]
    marked = {**entry, "dagster_event": {**event, "event_specific_data": "@"}, "timestamp": "@"}
    return _Frame(_encode(marked).replace("%", "%%").replace('"@"', "%s"), event["event_specific_data"])


@cache
def _value_frames() -> Mapping[type, tuple[Packed, str]]:
    """The packed form of each metadata value that plain JSON becomes, and the name of what varies in it."""
    samples = (
        IntMetadataValue(0), FloatMetadataValue(0.0), TextMetadataValue(""), BoolMetadataValue(value=False),
        JsonMetadataValue({}),
    )  # fmt: skip
    frames: dict[type, tuple[Packed, str]] = {}
    for sample in samples:
        packed: Any = pack_value(sample)
        (name,) = packed.keys() - {"__class__"}
        frames[type(sample)] = packed, name
    return frames


@cache
def _record_frame() -> tuple[str, str]:
    entry = to_log_entry(_SAMPLES[1])
    before, after = serialize_value(EventLogRecord(storage_id=0, event_log_entry=entry)).split(serialize_value(entry))
    return before, after.replace("0", "%d")

"""Metadata from facets: what Dagster can hold is kept, and of what it cannot hold the metadata says so.

Facets decorate an event. A sender's strange row count must not cost the materialization that it came with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from asset_events.explain import reason
from asset_events.limits import MAX_METADATA_BYTES
from asset_events.metadata import Metadata, dump
from asset_events.openlineage_run import Dataset, RunEvent, as_object
from asset_events.text import DataVersion, Description
from asset_events.typed_metadata import TypedMetadata

LEFT_OUT: Final = "openlineage/left_out"
"""The entry that names what was left out, each with its reason."""

_ROOM_BYTES: Final = MAX_METADATA_BYTES - 16 * 1024  # the rest is for `LEFT_OUT` and for the record's place

_SHARED_CHARS: Final = 1024

_REPLACED: Final = ("CREATE", "OVERWRITE")


@dataclass(frozen=True, slots=True)
class Unfit:
    """What stands in for a value that is there and cannot be taken."""

    reason: str


Entry: TypeAlias = tuple[str, JsonValue | TypedMetadata | Unfit]

_METADATA: Final[TypeAdapter[Any]] = TypeAdapter(Metadata)
_DATA_VERSION: Final[TypeAdapter[str]] = TypeAdapter(DataVersion)
_DESCRIPTION: Final[TypeAdapter[str]] = TypeAdapter(Description)


def fitting(entries: Iterable[Entry], left_out: Iterable[str] = ()) -> dict[str, JsonValue | TypedMetadata]:
    """Keep the entries that the contract takes, as far as there is room; null stands for what was not said."""
    kept: dict[str, JsonValue | TypedMetadata] = {}
    left, room = list(left_out), _ROOM_BYTES
    for name, value in entries:
        if isinstance(value, Unfit):
            left.append(f"{name}: {value.reason}")
        elif (value.raw_value if isinstance(value, TypedMetadata) else value) is not None:
            size = len(to_json(dump({name: value})))
            if problem := _problem(_METADATA, {name: value}):
                left.append(f"{name}: {problem}")
            elif size > room:
                left.append(f"{name}: too large")
            else:
                kept[name], room = value, room - size
    return {**kept, LEFT_OUT: [*left]} if left else kept


def run_entries(event: RunEvent) -> Iterator[Entry]:
    """What ran."""
    yield "openlineage/run_id", shared_text(event.run.run_id)
    yield "openlineage/job_namespace", shared_text(event.job.namespace)
    yield "openlineage/job_name", shared_text(event.job.name)
    yield "openlineage/producer", shared_text(event.producer)


def dataset_entries(dataset: Dataset) -> Iterator[Entry]:
    """Which dataset it is, and what is known of it."""
    yield "openlineage/dataset_namespace", text(dataset.namespace)
    yield "openlineage/dataset_name", text(dataset.name)
    yield "openlineage/data_source", text(dataset.facet("dataSource").get("uri"))
    yield "openlineage/owners", _owners(dataset.facet("ownership").get("owners"))
    yield "openlineage/storage_layer", text(dataset.facet("storage").get("storageLayer"))
    yield "openlineage/file_format", text(dataset.facet("storage").get("fileFormat"))


def written_entries(dataset: Dataset) -> Iterator[Entry]:
    """How much was written: all that the table has where it was replaced, else a part of it."""
    written, change = dataset.facet("outputStatistics"), dataset.facet("lifecycleStateChange")
    lifecycle = change.get("lifecycleStateChange")
    yield "openlineage/lifecycle_state_change", text(lifecycle)
    rows = "dagster/row_count" if lifecycle in _REPLACED else "dagster/partition_row_count"
    yield rows, count(written.get("rowCount"))
    yield "openlineage/size_bytes", count(written.get("size"))
    yield "openlineage/file_count", count(written.get("fileCount"))


def read_entries(dataset: Dataset) -> Iterator[Entry]:
    """How much was read."""
    read = dataset.facet("inputStatistics")
    yield "openlineage/rows_read", count(read.get("rowCount"))
    yield "openlineage/size_bytes", count(read.get("size"))
    yield "openlineage/file_count", count(read.get("fileCount"))


def data_version(dataset: Dataset, left_out: list[str]) -> str | None:
    """The version of the dataset; what cannot be one is noted."""
    return _taken(_DATA_VERSION, "data_version", dataset.facet("version").get("datasetVersion"), left_out)


def description(dataset: Dataset, left_out: list[str]) -> str | None:
    """The documentation of the dataset; what is too long is noted."""
    return _taken(_DESCRIPTION, "description", dataset.facet("documentation").get("description"), left_out)


def text(value: JsonValue) -> TypedMetadata:
    """A text, if it is one: that is found out with the entry."""
    return TypedMetadata("text", value)


def shared_text(value: JsonValue) -> TypedMetadata:
    """A text that all events of a run have: cut, for there may be a thousand of them."""
    return text(value[:_SHARED_CHARS] if isinstance(value, str) else value)


def count(value: JsonValue) -> TypedMetadata | Unfit:
    """A number of things, if it is one."""
    return Unfit("must not be negative") if isinstance(value, int) and value < 0 else TypedMetadata("int", value)


def _owners(owners: JsonValue) -> JsonValue | Unfit:
    if not isinstance(owners, list):
        return owners and Unfit("must be a list")
    names = [as_object(owner).get("name") for owner in owners]
    return Unfit("must have a name for each owner") if None in names else names


def _taken(adapter: TypeAdapter[str], name: str, value: object, left_out: list[str]) -> str | None:
    if value in (None, ""):
        return None
    if problem := _problem(adapter, value):
        left_out.append(f"{name}: {problem}")
        return None
    return str(value)


def _problem(adapter: TypeAdapter[Any], value: object) -> str | None:
    """Why the contract refuses a value; the reasons repeat none."""
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        return reason(error.errors(include_input=False)[0])
    return None

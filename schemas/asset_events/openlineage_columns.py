"""Columns of OpenLineage datasets, as Dagster shows them: the schema of a table, and where each column comes from."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue
from pydantic_core import PydanticCustomError

from asset_events.limits import MAX_METADATA_BYTES
from asset_events.lineage_rules import LineageRules
from asset_events.openlineage_metadata import Entry, Unfit
from asset_events.openlineage_run import Dataset, Facet
from asset_events.typed_metadata import TypedMetadata

_UNKNOWN_TYPE = "unknown"


class _UnfitError(Exception):
    """Raised inside a facet that is not as the standard says."""


def column_entries(dataset: Dataset, rules: LineageRules) -> Iterator[Entry]:
    """The columns, and what they are made from."""
    yield "dagster/column_schema", _schema(dataset.facet("schema").get("fields"))
    yield "dagster/column_lineage", _lineage(dataset.facet("columnLineage").get("fields"), rules)


def _schema(fields: JsonValue) -> TypedMetadata | Unfit | None:
    """The columns, those inside a column behind it, by their path: `address`, `address.city`."""
    if fields in (None, []):
        return None
    columns: dict[str, JsonValue] = {}
    size = 0
    try:
        for name, column in _columns(fields, ""):
            size += len(name)
            # Told before all are there: names repeat those above them, so that a small facet can become very large.
            if name in columns or size > MAX_METADATA_BYTES:
                return Unfit("two columns have the same name" if name in columns else "too large")
            columns[name] = column
    except _UnfitError:
        return Unfit("must be a list of fields with names")
    return TypedMetadata("table_schema", {"columns": [*columns.values()]})


def _columns(fields: JsonValue, above: str) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    for field in map(_object, _list(fields)):
        name = above + _text(field.get("name"))
        column: dict[str, JsonValue] = {"name": name, "type": field.get("type") or _UNKNOWN_TYPE}
        if field.get("description"):
            column["description"] = field["description"]
        yield name, column
        yield from _columns(field.get("fields") or [], f"{name}.")


def _lineage(fields: JsonValue, rules: LineageRules) -> TypedMetadata | Unfit | None:
    """For each column those that it is made from; a dataset that has no asset key here is left aside."""
    if fields in (None, {}):
        return None
    keys: dict[tuple[str, str], tuple[str, ...] | None] = {}
    made_from: dict[str, JsonValue] = {}
    try:
        for column, origin in _object(fields).items():
            upstream = [_upstream(_object(one), rules, keys) for one in _list(_object(origin).get("inputFields"))]
            made_from[column] = [
                {"asset_key": [*key], "column_name": name} for key, name in dict.fromkeys(upstream) if key is not None
            ]
    except _UnfitError:
        return Unfit("must have namespace, name and field for each input field")
    return TypedMetadata("table_column_lineage", {"deps_by_column": made_from}) if any(made_from.values()) else None


def _upstream(
    field: Facet, rules: LineageRules, keys: dict[tuple[str, str], tuple[str, ...] | None]
) -> tuple[tuple[str, ...] | None, str]:
    """A column and its dataset's asset key; `keys` are those that are known, since columns share datasets."""
    dataset = _text(field.get("namespace")), _text(field.get("name"))
    if dataset not in keys:
        try:
            keys[dataset] = rules.asset_key(*dataset)
        except PydanticCustomError:  # whose event is refused is another matter: here it is only mentioned
            keys[dataset] = None
    return keys[dataset], _text(field.get("field"))


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise _UnfitError
    return value


def _object(value: JsonValue) -> Facet:
    if not isinstance(value, dict):
        raise _UnfitError
    return value


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        raise _UnfitError
    return value

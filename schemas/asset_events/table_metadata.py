"""The three structured metadata types of Pipes: table, table schema, column lineage.

Dagster builds its own records from them and raises on whatever does not fit; these models refuse it first. They check
only: the value that goes on is the one that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, PlainValidator, WithJsonSchema

from asset_events.asset_key import AssetKey
from asset_events.refusals import refusal, refusals


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class ColumnConstraints(_Strict):
    """What holds for the values of one column; null is no boolean here, as in Dagster."""

    nullable: bool = True
    unique: bool = False
    other: list[str] | None = None


class Column(_Strict):
    """One column of a table."""

    name: str
    type: str
    description: str | None = None
    tags: dict[str, str] | None = None
    constraints: ColumnConstraints | None = None


# A quarter of a megabyte holds 60,000 wrong columns: one is enough to say.
_Columns: TypeAlias = Annotated[list[Column], FailFast()]


class TableSchema(_Strict):
    """The columns of a table."""

    columns: _Columns


def _check_cell(value: object) -> object:
    if value is not None and not isinstance(value, (str, int, float)):
        raise refusal("must have strings, numbers, booleans and null as cells of a table")
    return value


_Cell: TypeAlias = Annotated[
    object, PlainValidator(_check_cell), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]


def _check_records(records: list[dict[str, object]]) -> list[dict[str, object]]:
    for index, record in enumerate(records):
        if record.keys() != records[0].keys():
            raise refusals([((index,), "must have the same columns in every record of a table")])
    return records


class Table(_Strict):
    """Rows, and the columns that describe them."""

    records: Annotated[list[dict[str, _Cell]], FailFast(), AfterValidator(_check_records)]
    columns: _Columns = Field(alias="schema")


class ColumnDependency(_Strict):
    """One upstream column."""

    asset_key: AssetKey
    column_name: str


_Dependencies: TypeAlias = Annotated[list[ColumnDependency], FailFast(), Field(json_schema_extra={"uniqueItems": True})]


def _check_unique(
    dependencies: Mapping[str, list[ColumnDependency]],
) -> Mapping[str, list[ColumnDependency]]:
    for column, upstream in dependencies.items():
        if len({(one.asset_key, one.column_name) for one in upstream}) < len(upstream):
            raise refusals([((column,), "must name each upstream column once")])
    return dependencies


class ColumnLineage(_Strict):
    """Which upstream columns each column is made from."""

    deps_by_column: Annotated[dict[str, _Dependencies], AfterValidator(_check_unique)]

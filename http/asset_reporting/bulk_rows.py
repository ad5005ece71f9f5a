"""Insert or delete many rows in one statement.

On PostgreSQL a column goes over as one array: half the work of a VALUES list of a thousand rows, for this process and
for the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as db

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult

# Without a length: a cast to a limited type would cut what is too long, where a column refuses it.
_ARRAYS = ((db.Integer, "BIGINT"), (db.DateTime, "TIMESTAMP"), (db.String, "TEXT"))


def insert_rows(connection: Connection, table: db.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all name the same columns."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _insert_arrays(connection, table, rows)
    else:
        connection.execute(table.insert(), rows)


def insert_for_ids(connection: Connection, table: db.Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert rows that all name the same columns, and return their ids, which ascend in the order of the rows."""
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        # The ids are given out in the order of the subquery; in which order they come back nobody says.
        return sorted(_insert_arrays(connection, table, rows, returning="id").scalars())
    connection.execute(table.insert(), rows)
    # Nobody else can write meanwhile, and SQLite counts by ones.
    last = int(connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one())
    return list(range(last - len(rows) + 1, last + 1))


def delete_rows(connection: Connection, table: db.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Delete what equals one of these rows in the columns that they name, all of them the same ones."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":  # where a statement for each row would be a round trip for each
        connection.exec_driver_sql(_deletion(table, names), _columns(names, rows))
    else:
        same = db.and_(*(table.c[name] == db.bindparam(f"old_{name}") for name in names))
        connection.execute(table.delete().where(same), [{f"old_{name}": row[name] for name in names} for row in rows])


def _insert_arrays(
    connection: Connection, table: db.Table, rows: Sequence[dict[str, Any]], returning: str | None = None
) -> CursorResult[Any]:
    names = tuple(rows[0])
    return connection.exec_driver_sql(_insertion(table, names, returning), _columns(names, rows))


def _columns(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> tuple[list[Any], ...]:
    return tuple([row[name] for row in rows] for name in names)


@cache
def _insertion(table: db.Table, names: tuple[str, ...], returning: str | None) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    source = f'unnest({_arrays(table, names)}) WITH ORDINALITY AS rows ({quoted}, "row_number") ORDER BY "row_number"'
    end = f' RETURNING "{returning}"' if returning else ""
    return f'INSERT INTO "{table.name}" ({quoted}) SELECT {quoted} FROM {source}{end}'  # noqa: S608 # names of ours


@cache
def _deletion(table: db.Table, names: tuple[str, ...]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    same = " AND ".join(f'found."{name}" = gone."{name}"' for name in names)
    gone = f"unnest({_arrays(table, names)}) AS gone ({quoted})"
    return f'DELETE FROM "{table.name}" AS found USING {gone} WHERE {same}'  # noqa: S608 # names of ours


def _arrays(table: db.Table, names: Sequence[str]) -> str:
    return ", ".join(f"%s::{_array_of(table.c[name])}[]" for name in names)


def _array_of(column: db.Column[Any]) -> str:
    return next(name for kind, name in _ARRAYS if isinstance(column.type, kind))

"""Insert rows or update those that are there: both databases spell it ON CONFLICT DO UPDATE."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    import sqlalchemy as db
    from sqlalchemy.engine import Connection


def upsert(connection: Connection, table: db.Table, keys: Iterable[str], columns: Iterable[str]) -> Any:  # noqa: ANN401 # one of two dialects' statements
    """A statement that finds a row by `keys` and sets `columns`; what it does not name stays as it is."""
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    changes = {column: statement.excluded[column] for column in columns}
    columns_of_key = [table.c[key] for key in keys]
    # Only with RETURNING does SQLAlchemy send one statement for all rows; without, one round trip for each.
    return statement.on_conflict_do_update(index_elements=columns_of_key, set_=changes).returning(*columns_of_key)

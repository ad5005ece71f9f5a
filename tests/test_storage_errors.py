"""Poison or outage: the table that decides whether an event is given up or held."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import exc as sa

from asset_reporting.storage_errors import classify, describe


class PgError(Exception):
    """A psycopg2 error as SQLAlchemy wraps it: only its SQLSTATE matters here."""

    def __init__(self, pgcode: str | None) -> None:
        super().__init__("canary")
        self.pgcode = pgcode


class DagsterPostgresException(Exception):  # noqa: N818 # dagster-postgres names it so
    """Stands for dagster-postgres' exception of the same name, which is recognised without importing it."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sa.IntegrityError("sql", {}, sqlite3.IntegrityError()), "rejected"),
        (sa.IntegrityError("sql", {}, PgError("23514")), "rejected"),  # a constraint that somebody has set on values
        (sa.IntegrityError("sql", {}, PgError("23502")), "unavailable"),  # a column that nobody fills
        (sa.IntegrityError("sql", {}, PgError("23505")), "unavailable"),  # a sequence behind its rows
        (sa.DataError("sql", {}, PgError("22001")), "rejected"),
        (sa.OperationalError("sql", {}, PgError("54000")), "rejected"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "rejected"),
        (sa.OperationalError("sql", {}, sqlite3.OperationalError("database is locked")), "unavailable"),
        (sa.OperationalError("sql", {}, PgError("57P01")), "unavailable"),
        (sa.ProgrammingError("sql", {}, PgError("42501")), "unavailable"),  # the role may not write
        (sa.ProgrammingError("sql", {}, PgError("42P01")), "unavailable"),  # the schema is not there
        (sa.InterfaceError("sql", {}, PgError(None)), "unavailable"),
        (sa.TimeoutError("pool exhausted"), "unavailable"),
        (OSError(28, "No space left on device"), "unavailable"),
        (DagsterPostgresException("too many retries"), "unavailable"),
        (ValueError("canary"), "unknown"),
        (KeyError("canary"), "unknown"),
    ],
)
def test_what_an_exception_means(error: Exception, kind: str) -> None:
    assert classify(error) == kind


def test_the_cause_decides_when_the_outer_exception_does_not() -> None:
    outer = RuntimeError("canary")
    outer.__cause__ = sa.OperationalError("sql", {}, PgError("08006"))

    assert classify(outer) == "unavailable"


def test_a_description_names_type_place_and_sqlstate_but_no_value() -> None:
    try:
        raise sa.DataError("INSERT canary", {"value": "canary"}, PgError("22001"))
    except sa.DataError as error:
        text = describe(error)

    assert "DataError" in text
    assert "(SQLSTATE 22001, PgError)" in text
    assert "test_storage_errors.py:" in text
    assert "canary" not in text


def test_a_description_has_sqlites_own_name_for_it() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError) as raised:
        connection.executescript("PRAGMA query_only = ON; CREATE TABLE t (c)")

    assert describe(sa.OperationalError("sql", {}, raised.value)) == "OperationalError (SQLITE_READONLY)"

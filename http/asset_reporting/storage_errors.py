"""Tell a storage that does not work from an event that it refuses, by exception type and SQLSTATE.

The rule of thumb: what the sender could mend is `rejected`; what an operator must mend (connection, lock, disk,
permission, schema, pool) is `unavailable`, however long it lasts; the rest is `unknown`.
"""

from __future__ import annotations

import sqlite3
import traceback
from typing import Literal, TypeAlias

from sqlalchemy import exc as sa

from asset_events import ErrorDetail, InvalidEventError
from asset_reporting.outcomes import Failed, Outcome, Rejected, Unavailable

Kind: TypeAlias = Literal["rejected", "unavailable", "unknown"]

PROGRAM_LIMIT_EXCEEDED = "54000"
"""SQLSTATE of an over-long index row: it arrives as OperationalError, yet only this event is at fault."""

INSUFFICIENT_PRIVILEGE = "42501"
_SYNTAX_OR_ACCESS_RULE, _NO_SCHEMA = "42", "3F"
"""Classes of SQLSTATE: a table, a column, a function or a right is not there."""

_WRONG_TABLES = {"23502", "23503", "23505"}
"""SQLSTATE of a missing value, a missing reference, a value that is there already. No event of the contract leads to
one: the tables do (a new column, a sequence behind its rows), and then every event would be refused."""

_WRONG_SQLITE_TABLES = {
    sqlite3.SQLITE_CONSTRAINT_NOTNULL,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
}

_REJECTED = (sa.IntegrityError, sa.DataError, UnicodeEncodeError)
_UNAVAILABLE = (sa.DBAPIError, sa.TimeoutError, sa.DisconnectionError, OSError, TimeoutError)
# By name: dagster-postgres is an extra and must not be imported to recognise its exception.
_UNAVAILABLE_NAMES = {"DagsterPostgresException", "DagsterMySQLException"}


def classify(error: BaseException) -> Kind:
    """Say what an exception out of Dagster's storage means for the event that was being recorded."""
    for cause in _chain(error):
        if _pgcode(cause) == PROGRAM_LIMIT_EXCEEDED:
            return "rejected"
        if _pgcode(cause) in _WRONG_TABLES or _sqlite_code(cause) in _WRONG_SQLITE_TABLES:
            return "unavailable"
        if isinstance(cause, _REJECTED):
            return "rejected"
        if isinstance(cause, _UNAVAILABLE) or type(cause).__name__ in _UNAVAILABLE_NAMES:
            return "unavailable"
    return "unknown"


def refusal(error: Exception) -> Outcome:
    """The outcome of an event whose recording raised this."""
    if isinstance(error, InvalidEventError):
        return Rejected(error.errors)
    match classify(error):
        case "unavailable":
            return Unavailable(describe(error))
        case "rejected":
            message = "Dagster's database refuses this event for its content."
            return Rejected((ErrorDetail("", "storage.rejected", message),))
        case "unknown":
            return Failed(describe(error))


def is_misfit(error: BaseException) -> bool:
    """Whether the database answers, yet has no such table or column, or denies a right: waiting alone mends nothing."""
    return any(
        (_pgcode(cause) or "")[:2] in {_SYNTAX_OR_ACCESS_RULE, _NO_SCHEMA}
        or _sqlite_code(cause) == sqlite3.SQLITE_ERROR
        for cause in _chain(error)
    )


def is_denied(error: BaseException) -> bool:
    """Whether the database denies its user a right."""
    return any(_pgcode(cause) == INSUFFICIENT_PRIVILEGE for cause in _chain(error))


def describe(error: BaseException) -> str:
    """Name an exception and where it was raised, without its message: database messages repeat the row's values."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{_database_name(error)}{where}"


def _database_name(error: BaseException) -> str:
    """The database's own name for it, which an operator can look up."""
    original = getattr(error, "orig", None)
    if pgcode := _pgcode(error):
        return f" (SQLSTATE {pgcode}, {type(original).__name__})"
    name = getattr(original, "sqlite_errorname", None)
    return f" ({name})" if name else ""


def _pgcode(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", None), "pgcode", None)


def _sqlite_code(error: BaseException) -> int | None:
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", None)


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and what it was raised from, outermost first, cycles cut."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain

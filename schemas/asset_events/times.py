"""When something happened: RFC 3339 with an offset, or epoch seconds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from asset_events.limits import MAX_TIME_S
from asset_events.refusals import refusal

# `datetime.fromisoformat` takes far more than RFC 3339, times without an offset among it.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_FORM = "must be epoch seconds, or an RFC 3339 time with an offset such as 2024-01-15T10:30:00Z"


def check_time(value: object) -> float:
    """Return epoch seconds for a number of them or for an RFC 3339 string with an offset.

    Dagster reads 0 as "now" and fails on times that Python's datetime cannot hold.
    """
    if isinstance(value, str):
        value = _seconds(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refusal(_FORM)
    if value >= MAX_TIME_S:
        raise refusal("must lie before the year 3000: a number is epoch seconds, not milliseconds")
    if not value > 0:  # so written, it refuses NaN too
        raise refusal("must lie after 1970-01-01T00:00:00Z")
    return float(value)


def _seconds(text: str) -> float:
    if not _RFC_3339.fullmatch(text):
        raise refusal(_FORM)
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:  # the 30th of February, hour 25
        raise refusal(_FORM) from None


# The same, with the digits that months, hours and so on can have. Which days a month has, and on which side of the
# first and the last midnight an offset puts a time, is beyond a regular expression.
_DATES: Final = r"(1969-12-31|(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|3000-01-01)"
_HOUR: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"

TIME_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MAX_TIME_S},
        {"type": "string", "pattern": rf"^{_DATES}[Tt ]{_HOUR}:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]{_HOUR})$"},
    ]
}

Time: TypeAlias = Annotated[float, BeforeValidator(check_time), WithJsonSchema(TIME_SCHEMA)]
"""A point in time, in epoch seconds."""

"""Fields in a URL query: strings that stand for the values a JSON body would hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic_core import PydanticCustomError

from asset_events.asset_key import split_dotted
from asset_events.decode import parse_json
from asset_events.errors import ErrorDetail
from asset_events.refusals import refusal

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class _BadJsonError(Exception):
    """Raised when a query value should be JSON text and is not; its message says where."""


def add_query(fields: dict[str, Any], query: Sequence[tuple[str, str]]) -> dict[str, ErrorDetail]:
    """Add to the body's fields those that only the query has; of a name given twice, the last value counts.

    Returns:
        What is wrong, by field name, with the query values that could not be read. Such a field is there all the same,
        with a value that no field takes: it is not missing.
    """
    refused: dict[str, ErrorDetail] = {}
    for name, text in dict(query).items():
        if name in fields:
            continue
        try:
            fields[name] = _READERS.get(name, str)(text)
        except _BadJsonError as error:
            refused[name] = ErrorDetail(f"/{name}", "json.malformed", f"Error parsing {name} json: {error}")
        except PydanticCustomError as error:
            refused[name] = ErrorDetail(f"/{name}", "schema.invalid", f"{name} {error.message()}")
        if name in refused:
            fields[name] = refused[name]
    return refused


def _read_json(text: str) -> object:
    # "surrogatepass": what has no UTF-8 form becomes invalid UTF-8, which the parser refuses like all other.
    value, problem = parse_json(text.encode("utf-8", "surrogatepass"))
    if problem is not None:
        raise _BadJsonError(problem)
    return value


def _read_asset_key(text: str) -> object:
    return _read_json(text) if text.startswith("[") else split_dotted(text)


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise refusal("must be true or false")
    return text.lower() == "true"


def _read_time(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "asset_key": _read_asset_key,
    "metadata": _read_json,
    "tags": _read_json,
    "passed": _read_boolean,
    "event_time": _read_time,
}
"""How to read a query value; every other field is a string as it stands."""

"""Read JSON of which nothing gets lost: for what is shown as it is, or written anew."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def read_exactly(content: bytes) -> Any:  # noqa: ANN401 # any JSON document
    """The document.

    Raises:
        ValueError: It is none in UTF-8; a name stands there twice, one of whose values would be left out; a number is
            too large to be held.
        RecursionError: It is nested too deeply.
    """
    return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

"""What `asset-bridge validate` says of events: a line for each error, or JSON, and in the end the counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asset_consumer.one_line import one_line
from asset_events import ErrorDetail


@dataclass(frozen=True, slots=True)
class Verdict:
    """One event: where it stands, and what is wrong with it."""

    place: Mapping[str, str | int]
    errors: Sequence[ErrorDetail]


@dataclass(frozen=True, slots=True)
class Wording:
    """What the counts speak of."""

    noun: str
    good: str
    bad: str


def text_of(verdicts: Iterable[Verdict], wording: Wording) -> Iterator[tuple[str, bool]]:
    """Yield lines as events are judged, each with whether anything has been wrong so far."""
    count, codes = 0, Counter[str]()
    for verdict in verdicts:
        count += 1
        codes.update([verdict.errors[0].code] if verdict.errors else [])
        where = ":".join(str(part) for part in verdict.place.values())
        for error in verdict.errors:
            yield one_line(f"{where}: {error.code} {error.path or '/'} {error.message}"), True
    noun = wording.noun if count == 1 else f"{wording.noun}s"
    by_code = f" ({', '.join(f'{code} {number}' for code, number in codes.most_common())})" if codes else ""
    bad = codes.total()
    yield f"{count} {noun}: {count - bad} {wording.good}, {bad} {wording.bad}{by_code}", bad > 0


def json_of(verdicts: Iterable[Verdict]) -> tuple[str, bool]:
    """Return everything as one JSON object, and whether anything is wrong."""
    count, problems = 0, list[dict[str, Any]]()
    for verdict in verdicts:
        count += 1
        if verdict.errors:
            problems.append({**verdict.place, "errors": [error.as_dict() for error in verdict.errors]})
    codes = Counter(problem["errors"][0]["code"] for problem in problems)
    counts = {"events": count, "valid": count - len(problems), "invalid": len(problems), "codes": dict(codes)}
    return json.dumps({**counts, "problems": problems}), bool(problems)

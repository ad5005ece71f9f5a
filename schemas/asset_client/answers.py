"""What an answer by HTTP says of each event: recorded, refused, given up, or to be sent again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias, cast

from asset_client.errors import EventRefusedError, NotReportedError
from asset_client.results import Reported
from asset_events import ErrorDetail

_AGAIN: Final = {429, 502, 503, 504}
"""Statuses after which the same request may succeed a little later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with names in any case, and body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, or not in time; `sent` says whether the server may have the request."""

    reason: str
    sent: bool


Fate: TypeAlias = Reported | EventRefusedError | NotReportedError | NoAnswer
"""What is known of one event; after `NoAnswer` it is sent again, and `sent` says whether it may be recorded."""


def read(answer: Answer | NoAnswer, count: int, *, many: bool) -> list[Fate]:
    """What became of each of `count` events of one request."""
    if isinstance(answer, NoAnswer):
        return [answer] * count
    content = _parsed(answer.content)
    if answer.status == 200:  # noqa: PLR2004 # as everybody knows it
        fates = _read_many(content, count) if many else _read_one(content, answer.headers)
        return fates or [NotReportedError("the answer is not asset-bridge's", may_be_recorded=True)] * count
    if answer.status in _AGAIN:
        return [NoAnswer(f"the server answers {answer.status}", sent=_may_be_recorded(answer.status, content))] * count
    if answer.status < 500:  # noqa: PLR2004 # a redirection, too, is nothing to follow with a key in hand
        return [EventRefusedError(_errors(content) or [_foreign(answer.status)])] * count
    return [NotReportedError(f"the server answers {answer.status}", may_be_recorded=True)] * count


def retry_after_s(answer: Answer | NoAnswer) -> float:
    """For how long the answer asks to wait, in seconds; 0 when it does not say."""
    given = answer.headers.get("retry-after", "") if isinstance(answer, Answer) else ""
    if given.isdecimal():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a zone
        return 0.0


def _read_one(content: Mapping[str, Any], headers: Mapping[str, str]) -> list[Fate]:
    if content.get("status") != "success":
        return []
    return [Reported(content.get("event_id"), headers.get("idempotent-replayed") == "true")]


def _read_many(content: Mapping[str, Any], count: int) -> list[Fate]:
    results = content.get("results")
    found = [_as_object(result) for result in cast("list[object]", results)] if isinstance(results, list) else []
    return [_read_result(result) for result in found] if len(found) == count else []


def _read_result(result: Mapping[str, Any]) -> Fate:
    if result.get("status") == "success":
        return Reported(result.get("event_id"), result.get("replayed") is True)
    errors = _errors(result)
    if not errors or errors[0].code == "internal":
        return NotReportedError("the server failed to process it", may_be_recorded=True)
    if errors[0].code == "storage.unavailable":
        return NoAnswer("the server cannot record it now", sent=_may_be_recorded(503, result))
    return EventRefusedError(errors)


def _may_be_recorded(status: int, content: Mapping[str, Any]) -> bool:
    """A 503 of asset-bridge says what is known (docs/http.md); of a gateway in front of it nobody knows."""
    errors = _errors(content)
    known = errors and errors[0].code == "storage.unavailable"
    return "may still be recorded" in errors[0].message if known else status != 429  # noqa: PLR2004 # refused unread


def _errors(content: Mapping[str, Any]) -> list[ErrorDetail]:
    """The errors in asset-bridge's form; none in anybody else's."""
    errors = content.get("errors")
    found = [_as_object(error) for error in cast("list[object]", errors)] if isinstance(errors, list) else []
    return [
        ErrorDetail(str(e.get("path", "")), str(e["code"]), str(e.get("message", ""))) for e in found if "code" in e
    ]


def _foreign(status: int) -> ErrorDetail:
    return ErrorDetail("", f"http.{status}", "The answer is not asset-bridge's; is the URL right?")


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return _as_object(value)


def _as_object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

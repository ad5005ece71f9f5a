"""The answers of the HTTP API in OpenAPI: shapes, and for each HTTP status the error codes that it is given for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from asset_events import ERROR_CODES, ErrorCode
from asset_reporting.answers import RETRY_AFTER_S

_EVENT_ID: Final = {
    "type": ["string", "null"],
    "description": "The event's storage id in Dagster; null where the storage does not tell it.",
    "examples": ["12345"],
}

_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {
        "WWW-Authenticate": {
            "description": "The header to send.",
            "schema": {"const": "X-API-Key, Bearer"},
        }
    },
    429: {
        "Retry-After": {
            "description": "Seconds after which the key may make another request.",
            "schema": {"type": "integer", "minimum": 1, "examples": [1]},
        }
    },
    503: {
        "Retry-After": {
            "description": "Seconds after which the same request may be sent again.",
            "schema": {"type": "integer", "minimum": 0, "examples": [RETRY_AFTER_S]},
        }
    },
}
"""Headers that come with a status."""


def ref(name: str) -> dict[str, Any]:
    """Point to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer_schemas() -> dict[str, Any]:
    """The schemas of all answers to reports, by name."""
    detail = {
        "path": {"type": "string", "description": "Where: a JSON pointer into the event, empty for the whole."},
        "code": ref("ErrorCode"),
        "message": {"type": "string", "description": "What is wrong, in words; may change between versions."},
    }
    error = {
        "status": {"const": "error"},
        "error": {"type": "string", "description": "The first error's message."},
        "code": ref("ErrorCode"),
        "errors": {"type": "array", "items": ref("ErrorDetail"), "minItems": 1},
    }
    success = {"status": {"const": "success"}, "event_id": _EVENT_ID, "message": {"type": "string"}}
    recorded = {"status": {"const": "success"}, "event_id": _EVENT_ID, "replayed": {"type": "boolean"}}
    dry_run = {"dry_run": {"const": True, "description": "There when it was only asked: nothing is recorded."}}
    batch = {
        "status": {"enum": ["success", "partial", "error"], "description": "Whether all, some or none are recorded."},
        "results": {"type": "array", "items": {"oneOf": [ref("EventRecorded"), ref("Error")]}},
    }
    return {
        "ErrorCode": {
            "description": "Stable: programs may rely on it.",
            "enum": list(ERROR_CODES),
        },
        "ErrorDetail": closed(detail),
        "Error": closed(error),
        "Success": closed(success, dry_run),
        "EventRecorded": {
            "description": "One event of many; `replayed` when it was recorded before.",
            **closed(recorded, dry_run),
        },
        "BatchAnswer": closed(batch),
        "LineageAnswer": {
            "description": "One result for each asset event that was made of the run event.",
            **closed({"status": {"const": "success"}, "results": {"type": "array", "items": ref("EventRecorded")}}),
        },
    }


def answer_examples() -> dict[str, Any]:
    """An answer for every error code, by the code."""
    return {code: {"value": _example(entry)} for code, entry in ERROR_CODES.items()}


def closed(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object of exactly these properties, and perhaps the optional ones."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def error_responses(codes: Iterable[str]) -> dict[str, Any]:
    """The answers that stand for these error codes, by HTTP status."""
    entries = sorted((ERROR_CODES[code] for code in codes), key=lambda entry: entry.http_status)
    by_status = groupby(entries, key=lambda entry: entry.http_status)
    return {str(status): _error_response(status, list(group)) for status, group in by_status}


def _error_response(status: int, entries: list[ErrorCode]) -> dict[str, Any]:
    codes = {"type": "object", "properties": {"code": {"enum": [entry.code for entry in entries]}}}
    response: dict[str, Any] = {
        "description": "\n".join(f"* `{entry.code}`: {entry.meaning}" for entry in entries),
        "content": {
            "application/json": {
                "schema": {"allOf": [ref("Error"), codes]},
                "examples": {entry.code: {"$ref": f"#/components/examples/{entry.code}"} for entry in entries},
            }
        },
    }
    return response | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _example(entry: ErrorCode) -> dict[str, Any]:
    error = {"path": "", "code": entry.code, "message": entry.meaning}
    return {"status": "error", "error": entry.meaning, "code": entry.code, "errors": [error]}

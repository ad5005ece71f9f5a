"""The JSON answers: one shape for every success, one for every failure, whoever finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from asset_events import ERROR_CODES, ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asset_events import EventType

RETRY_AFTER_S = 5
"""Seconds after which a client may try again: about one round of the storage probe, so that it may find us ready."""

_RECORDED: Mapping[EventType, str] = {
    "asset_materialization": "Asset materialization recorded",
    "asset_check": "Asset check evaluation recorded",
    "asset_observation": "Asset observation recorded",
}


def success_answer(event_type: EventType, event_id: int | None) -> JSONResponse:
    """Say that the event is recorded; the id is text, for JSON numbers lose digits beyond 2^53 in many clients."""
    shown = None if event_id is None else str(event_id)
    return JSONResponse({"status": "success", "event_id": shown, "message": _RECORDED[event_type]})


def error_answer(errors: Sequence[ErrorDetail], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Say what is wrong; the first error gives the text, the code and the HTTP status of the whole answer."""
    first = errors[0]
    content = {
        "status": "error",
        "error": first.message,
        "code": first.code,
        "errors": [error.as_dict() for error in errors],
    }
    return JSONResponse(content, status_code=ERROR_CODES[first.code].http_status, headers=headers)


def one_error(code: str, message: str, path: str = "", headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Say that one thing is wrong."""
    return error_answer([ErrorDetail(path, code, message)], headers)


def unavailable_answer(message: str) -> JSONResponse:
    """Ask the client to send the same request again later."""
    return one_error("storage.unavailable", message, headers={"Retry-After": str(RETRY_AFTER_S)})


def internal_answer() -> JSONResponse:
    """Answer what nobody foresaw; the log has the type and the place, the client gets neither."""
    return one_error("internal", "Failed to process asset event")

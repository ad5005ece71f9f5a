"""The JSON answers: one shape for every success, one for every failure, whoever finds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from asset_events import ERROR_CODES, ErrorDetail
from asset_reporting.body_room import TooManyBodiesError
from asset_reporting.outcomes import Acceptable, Recorded
from asset_reporting.storage_threads import StorageThreadsError, StorageTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asset_events import EventType

RETRY_AFTER_S = 5
"""Seconds after which a client may try again: about one round of the storage probe, so that it may find us ready."""

INTERNAL = ErrorDetail("", "internal", "Failed to process asset event")
"""What is told of what nobody foresaw; the log has the type and the place, the client gets neither."""

_RECORDED: Mapping[EventType, str] = {
    "asset_materialization": "Asset materialization recorded",
    "asset_check": "Asset check evaluation recorded",
    "asset_observation": "Asset observation recorded",
}


def success_answer(event_type: EventType, recorded: Recorded | Acceptable) -> JSONResponse:
    """Say that the event is recorded; a repetition, that it was before, by the header of Stripe's API."""
    if isinstance(recorded, Acceptable):
        message = _RECORDED[event_type].replace("recorded", "would be recorded")
        return JSONResponse({"status": "success", "event_id": None, "message": message, "dry_run": True})
    content = {"status": "success", "event_id": _shown(recorded.event_id), "message": _RECORDED[event_type]}
    return JSONResponse(content, headers={"Idempotent-Replayed": "true"} if recorded.replayed else None)


def error_answer(errors: Sequence[ErrorDetail], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Say what is wrong; the first error gives the text, the code and the HTTP status of the whole answer."""
    code = errors[0].code
    retry = {"Retry-After": str(RETRY_AFTER_S)} if code == "storage.unavailable" else {}
    return JSONResponse(_error(errors), status_code=ERROR_CODES[code].http_status, headers={**retry, **(headers or {})})


def one_error(code: str, message: str, path: str = "", headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Say that one thing is wrong."""
    return error_answer([ErrorDetail(path, code, message)], headers)


def unavailable_answer(message: str) -> JSONResponse:
    """Ask the client to send the same request again later."""
    return one_error("storage.unavailable", message)


def unavailable(*, may_be_recorded: bool) -> ErrorDetail:
    """Say what is known of an event that could not be recorded now."""
    fate = "may still be recorded" if may_be_recorded else "was not recorded"
    return ErrorDetail("", "storage.unavailable", f"Dagster's database does not answer; the event {fate}.")


def not_now(error: StorageThreadsError) -> str:
    """Say what is known of an event whose report has no outcome."""
    if isinstance(error, StorageTimeoutError):
        fate = "may still be recorded" if error.started else "was not recorded"
        return f"Dagster's database did not answer in time; the event {fate}."
    if isinstance(error, TooManyBodiesError):
        return "Too many large requests arrive at a time; this event was not recorded."
    return "Too many events wait for Dagster's database; this one was not recorded."


def internal_answer() -> JSONResponse:
    """Answer what nobody foresaw."""
    return error_answer([INTERNAL])


def event_result(fate: Recorded | Acceptable | Sequence[ErrorDetail]) -> dict[str, Any]:
    """What became of one event of a batch, in the answer to the whole."""
    if isinstance(fate, Acceptable):
        return {"status": "success", "event_id": None, "replayed": False, "dry_run": True}
    if isinstance(fate, Recorded):
        return {"status": "success", "event_id": _shown(fate.event_id), "replayed": fate.replayed}
    return _error(fate)


def batch_answer(results: Sequence[Mapping[str, Any]], *, lines: bool) -> Response:
    """Give the results in the form in which the events came."""
    if lines:
        text = "".join(f"{json.dumps(result, separators=(',', ':'))}\n" for result in results)
        return Response(text, media_type="application/x-ndjson")
    recorded = sum(result["status"] == "success" for result in results)
    status = "success" if recorded == len(results) else "partial" if recorded else "error"
    return JSONResponse({"status": status, "results": results})


def lineage_answer(results: Sequence[Mapping[str, Any]]) -> JSONResponse:
    """Give the results of all asset events of one run event; one that says nothing to Dagster has none."""
    return JSONResponse({"status": "success", "results": results}, status_code=201 if results else 200)


def _error(errors: Sequence[ErrorDetail]) -> dict[str, Any]:
    first = errors[0]
    return {
        "status": "error",
        "error": first.message,
        "code": first.code,
        "errors": [error.as_dict() for error in errors],
    }


def _shown(event_id: int | None) -> str | None:
    """A storage id as text: JSON numbers lose digits beyond 2^53 in many clients."""
    return None if event_id is None else str(event_id)

"""`POST /report_asset_events`: many events in one request, and one result for each, in order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from asset_events import AssetEvent, ErrorDetail, InvalidEventError, check_media_type, parse_event
from asset_reporting import happenings
from asset_reporting.answers import INTERNAL, batch_answer, error_answer, event_result, not_now, unavailable_answer
from asset_reporting.event_batch import open_batch
from asset_reporting.http_reporting import http_reporting
from asset_reporting.outcomes import Recorded
from asset_reporting.posts import answered, check_permission, settle
from asset_reporting.request_body import read_pieces
from asset_reporting.request_parts import idempotency_key
from asset_reporting.storage_errors import describe
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request
    from starlette.responses import Response

    from asset_reporting.event_batch import EventBatch
    from asset_reporting.http_reporting import HttpReporting

BATCH_PATH = "/report_asset_events"

Fate: TypeAlias = "Recorded | Sequence[ErrorDetail]"
"""What the sender is told of one event."""

_BEHIND = (
    ErrorDetail("", "storage.unavailable", "Not recorded, as one before it was not; send it again with that one."),
)


async def handle_report_asset_events_request(context: BaseWorkspaceRequestContext, request: Request) -> Response:
    """Record the events of a JSON array, or of one JSON object per line; each says its own `event_type`."""
    return await answered(BATCH_PATH, None, _report(context, request))


async def _report(context: BaseWorkspaceRequestContext, request: Request) -> Response:
    reporting = await http_reporting(request.app, context.instance)
    _check_head(request)
    if reporting.batches.locked():
        return unavailable_answer("Too many requests of many events at a time; nothing of this one was recorded.")
    pieces = read_pieces(request, reporting.max_batch_bytes, idle_s=reporting.body_idle_s)
    async with reporting.batches, aclosing(pieces):
        batch = await open_batch(pieces, reporting.max_body_bytes)
        async with aclosing(batch.events):
            fates = await _report_all(context, reporting, batch)
    # Begun only now: most clients read nothing before they have sent all, and both sides would wait for ever.
    return _answer(fates, lines=batch.lines)


def _check_head(request: Request) -> None:
    """Refuse what speaks of one event, where there are many: left aside in silence, it would be taken for heeded."""
    headers = request.headers
    check_media_type(headers.get("content-type"), headers.get("content-encoding"), json_lines=True)
    if idempotency_key(request) is not None:
        message = "Give each event an idempotency_key of its own; the header cannot say it for many."
        raise InvalidEventError([ErrorDetail("/idempotency_key", "schema.invalid", message)])
    if request.scope["query_string"]:
        message = "This endpoint takes no parameters in the query; give each event its fields."
        raise InvalidEventError([ErrorDetail("", "field.unknown", message)])


async def _report_all(context: BaseWorkspaceRequestContext, reporting: HttpReporting, batch: EventBatch) -> list[Fate]:
    """Report chunk after chunk; once one could not be recorded now, nothing after it is, so that order holds."""
    fates: list[Fate] = []
    outage = False
    try:
        while values := await _take(batch.events, reporting.reporter.most_events):
            fates += [_BEHIND] * len(values) if outage else await _report_chunk(context, reporting, values)
            outage = outage or any(_is_outage(fate) for fate in fates[-len(values) :])
    except InvalidEventError as error:
        if not _any_recorded(fates):
            raise
        # Too much of it, when some is recorded: those must be told, so this ends the results instead of being all.
        happenings.event_rejected("http", BATCH_PATH, None, error.errors)
        fates.append(error.errors)
    return fates


async def _take(events: AsyncGenerator[bytes], most: int) -> list[bytes]:
    taken: list[bytes] = []
    while len(taken) < most and (event := await anext(events, None)) is not None:
        taken.append(event)
    return taken


async def _report_chunk(
    context: BaseWorkspaceRequestContext, reporting: HttpReporting, values: list[bytes]
) -> list[Fate]:
    """Read and report some of the events; one fate per value."""
    read = await asyncio.to_thread(_read, values, reporting)  # some tens of milliseconds: not on the event loop
    read = [_permitted(context, one) for one in read]
    events = [one for one in read if isinstance(one, AssetEvent)]
    told: list[Fate]
    try:
        outcomes = await reporting.reporter.report(events) if events else []
        told = [settle(BATCH_PATH, event, outcome) for event, outcome in zip(events, outcomes, strict=True)]
    except StorageThreadsError as error:
        for event in events:
            happenings.event_not_recorded_now("http", BATCH_PATH, event.event_type, describe(error))
        told = [(ErrorDetail("", "storage.unavailable", not_now(error)),)] * len(events)
    except Exception as error:  # noqa: BLE001 # what was recorded before must be told all the same
        happenings.event_failed("http", BATCH_PATH, None, describe(error))
        told = [(INTERNAL,)] * len(events)
    rest = iter(told)
    return [next(rest) if isinstance(one, AssetEvent) else _refused(one) for one in read]


def _read(values: list[bytes], reporting: HttpReporting) -> list[AssetEvent | InvalidEventError]:
    read: list[AssetEvent | InvalidEventError] = []
    for value in values:
        try:
            event = parse_event(value, unknown_fields=reporting.unknown_fields, max_bytes=reporting.max_body_bytes)
            read.append(event)
        except InvalidEventError as error:
            read.append(error)
    return read


def _permitted(
    context: BaseWorkspaceRequestContext, one: AssetEvent | InvalidEventError
) -> AssetEvent | InvalidEventError:
    if isinstance(one, AssetEvent):
        try:
            check_permission(context, one)
        except InvalidEventError as error:
            return error
    return one


def _refused(error: InvalidEventError) -> Fate:
    happenings.event_rejected("http", BATCH_PATH, None, error.errors)
    return error.errors


def _answer(fates: list[Fate], *, lines: bool) -> Response:
    """One result per event; where nothing is recorded because the storage does not work, 503 for the whole."""
    outage = next((fate for fate in fates if _is_outage(fate)), None)
    if outage is not None and not isinstance(outage, Recorded) and not _any_recorded(fates):
        return error_answer(outage)
    return batch_answer([event_result(fate) for fate in fates], lines=lines)


def _any_recorded(fates: list[Fate]) -> bool:
    return any(isinstance(fate, Recorded) for fate in fates)


def _is_outage(fate: Fate) -> bool:
    return not isinstance(fate, Recorded) and fate[0].code == "storage.unavailable"

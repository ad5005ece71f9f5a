"""Report the events of one request, chunk after chunk, and tell what becomes of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asset_events import AssetEvent, ErrorDetail, InvalidEventError
from asset_reporting import happenings, tracing
from asset_reporting.answers import INTERNAL, not_now
from asset_reporting.outcomes import Recorded
from asset_reporting.posts import Fate, is_refused, settle
from asset_reporting.storage_errors import describe
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from asset_reporting.event_batch import EventBatch
    from asset_reporting.happenings import Road
    from asset_reporting.http_reporting import HttpReporting

    Parse = Callable[[bytes], AssetEvent]
    Permit = Callable[[AssetEvent], AssetEvent]

BATCH_PATH = "/report_asset_events"

_BEHIND = (
    ErrorDetail("", "storage.unavailable", "Not recorded, as one before it was not; send it again with that one."),
)


async def report_all(permit: Permit, reporting: HttpReporting, batch: EventBatch, parse: Parse) -> list[Fate]:
    """Report chunk after chunk; once one could not be recorded now, nothing after it is, so that order holds.

    Raises:
        InvalidEventError: The request as a whole is bad, and nothing of it is recorded.
    """
    fates: list[Fate] = []
    outage = False
    try:
        while values := await _take(batch.events, reporting.reporter.most_events):
            fates += (
                _behind(reporting.road, values) if outage else await _report_chunk(permit, reporting, values, parse)
            )
            outage = outage or any(is_outage(fate) for fate in fates[-len(values) :])
    except InvalidEventError as error:
        if not any_recorded(fates):
            raise
        # Too much of it, when some is recorded: those must be told, so this ends the results instead of being all.
        happenings.event_rejected(reporting.road, BATCH_PATH, None, error.errors)
        fates.append(error.errors)
    return fates


def _behind(road: Road, values: list[bytes]) -> list[Fate]:
    for _ in values:
        happenings.event_not_recorded_now(road, BATCH_PATH, None, "behind one that was not")
    return [_BEHIND] * len(values)


async def _take(events: AsyncGenerator[bytes], most: int) -> list[bytes]:
    taken: list[bytes] = []
    while len(taken) < most and (event := await anext(events, None)) is not None:
        taken.append(event)
    return taken


async def _report_chunk(permit: Permit, reporting: HttpReporting, values: list[bytes], parse: Parse) -> list[Fate]:
    """Read and report some of the events; one fate per value."""
    read = await asyncio.to_thread(_read, values, parse)  # some tens of milliseconds: not on the event loop
    read = [_permitted(permit, one) for one in read]
    events = [one for one in read if isinstance(one, AssetEvent)]
    told: list[Fate]
    try:
        outcomes = await reporting.reporter.report(events) if events else []
        told = [
            settle(reporting.road, BATCH_PATH, event, outcome) for event, outcome in zip(events, outcomes, strict=True)
        ]
    except StorageThreadsError as error:
        for event in events:
            happenings.event_not_recorded_now(reporting.road, BATCH_PATH, event.event_type, describe(error))
        told = [(ErrorDetail("", "storage.unavailable", not_now(error)),)] * len(events)
    except Exception as error:  # noqa: BLE001 # what was recorded before must be told all the same
        happenings.event_failed(reporting.road, BATCH_PATH, None, describe(error), events=len(events))
        told = [(INTERNAL,)] * len(events)
    rest = iter(told)
    return [next(rest) if isinstance(one, AssetEvent) else _refused(reporting.road, one) for one in read]


def _read(values: list[bytes], parse: Parse) -> list[AssetEvent | InvalidEventError]:
    read: list[AssetEvent | InvalidEventError] = []
    with tracing.stage(tracing.VALIDATE) as span:
        for value in values:
            try:
                read.append(parse(value))
            except InvalidEventError as error:
                read.append(error)
        if span is not None:
            tracing.say_refused(span, [one for one in read if isinstance(one, InvalidEventError)])
    return read


def _permitted(permit: Permit, one: AssetEvent | InvalidEventError) -> AssetEvent | InvalidEventError:
    if isinstance(one, AssetEvent):
        try:
            return permit(one)
        except InvalidEventError as error:
            return error
    return one


def _refused(road: Road, error: InvalidEventError) -> Fate:
    happenings.event_rejected(road, BATCH_PATH, None, error.errors)
    return error.errors


def any_recorded(fates: Sequence[Fate]) -> bool:
    """Whether anything of a request is in Dagster."""
    return any(isinstance(fate, Recorded) for fate in fates)


def is_outage(fate: Fate) -> bool:
    """Whether the sender is asked to send it again later."""
    return is_refused(fate) and fate[0].code == "storage.unavailable"

"""What all report endpoints do alike: tell what became of an event, and answer every failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeGuard, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from asset_events import ErrorDetail, InvalidEventError
from asset_reporting import happenings
from asset_reporting.answers import (
    INTERNAL,
    error_answer,
    internal_answer,
    not_now,
    one_error,
    unavailable,
    unavailable_answer,
)
from asset_reporting.outcomes import Acceptable, Again, Failed, Fenced, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.storage_errors import describe
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from asset_events import AssetEvent, EventType
    from asset_reporting.happenings import Road

Fate: TypeAlias = "Recorded | Acceptable | Sequence[ErrorDetail]"
"""What a sender is told of one event."""

Answer = TypeVar("Answer", bound=Response)


def is_refused(fate: Fate) -> TypeGuard[Sequence[ErrorDetail]]:
    """Whether a sender is told what is wrong."""
    return not isinstance(fate, Recorded | Acceptable)


def settle(road: Road, where: str, event: AssetEvent, outcome: Outcome) -> Fate:
    """Note what became of an event, and return what its sender is told; `where` is the endpoint."""
    match outcome:
        case Recorded():
            happenings.event_recorded(road, event, outcome.event_id, replayed=outcome.replayed)
            return outcome
        case Acceptable():
            happenings.event_acceptable(event)
            return outcome
        case Rejected(errors):
            happenings.event_rejected(road, where, event.event_type, errors)
            return errors
        case Failed(reason):
            happenings.event_failed(road, where, event.event_type, reason)
            return (INTERNAL,)
        case Unavailable(reason, may_be_recorded):
            happenings.event_not_recorded_now(road, where, event.event_type, reason)
            return (unavailable(may_be_recorded=may_be_recorded),)
        case Again() | Fenced():  # not for a post, which brings no offsets and is reported until it is settled
            happenings.event_not_recorded_now(road, where, event.event_type, type(outcome).__name__)
    return (unavailable(may_be_recorded=False),)


async def answered(
    road: Road, where: str, event_type: EventType | None, answering: Awaitable[Answer]
) -> Answer | JSONResponse:
    """Answer a request, whatever goes wrong."""
    try:
        return await answering
    except InvalidEventError as error:
        happenings.event_rejected(road, where, event_type, error.errors)
        return error_answer(error.errors)
    except StorageThreadsError as error:
        happenings.event_not_recorded_now(road, where, event_type, describe(error))
        return unavailable_answer(not_now(error))
    except ClientDisconnect:
        happenings.client_disconnected(where)
        return one_error("json.malformed", "The request ended before its body did.")  # nobody is left to read it
    except Exception as error:  # noqa: BLE001 # raised further, servers would log it with the event's values
        happenings.event_failed(road, where, event_type, describe(error))
        return internal_answer()

"""The three report endpoints: a request becomes an event, is reported, and the outcome becomes an answer.

The handlers have the signature of dagster-webserver's own, so that they can take their place in its routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import AssetKey
from dagster._core.workspace.permissions import Permissions
from starlette.requests import ClientDisconnect, Request

from asset_events import ERROR_CODES, ErrorDetail, InvalidEventError
from asset_reporting import happenings
from asset_reporting.answers import error_answer, internal_answer, one_error, success_answer, unavailable_answer
from asset_reporting.handlers import report
from asset_reporting.http_reporting import http_reporting
from asset_reporting.outcomes import Again, Failed, Fenced, Outcome, Recorded, Rejected, Unavailable
from asset_reporting.request_parts import read_event
from asset_reporting.storage_errors import describe
from asset_reporting.storage_threads import StorageBusyError, StorageTimeoutError

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.responses import JSONResponse

    from asset_events import AssetEvent, EventType


async def handle_report_asset_materialization_request(
    context: BaseWorkspaceRequestContext, request: Request
) -> JSONResponse:
    """Record a materialization; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_materialization", context, request)


async def handle_report_asset_check_request(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    """Record a check evaluation; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_check", context, request)


async def handle_report_asset_observation_request(
    context: BaseWorkspaceRequestContext, request: Request
) -> JSONResponse:
    """Record an observation; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_observation", context, request)


async def _handle(event_type: EventType, context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    where = f"/report_{event_type}"
    try:
        return await _report(event_type, context, request, where)
    except InvalidEventError as error:
        happenings.event_rejected("http", where, event_type, error.errors)
        return error_answer(error.errors)
    except StorageBusyError as error:
        happenings.event_not_recorded_now("http", where, event_type, describe(error))
        return unavailable_answer("Too many events wait for Dagster's database; this one was not recorded.")
    except StorageTimeoutError as error:
        happenings.event_not_recorded_now("http", where, event_type, describe(error))
        fate = "may still be recorded" if error.started else "was not recorded"
        return unavailable_answer(f"Dagster's database did not answer in time; the event {fate}.")
    except ClientDisconnect:
        happenings.client_disconnected(where)
        return one_error("json.malformed", "The request ended before its body did.")  # nobody is left to read it
    except Exception as error:  # noqa: BLE001 # raised further, servers would log it with the event's values
        happenings.event_failed("http", where, event_type, describe(error))
        return internal_answer()


async def _report(
    event_type: EventType, context: BaseWorkspaceRequestContext, request: Request, where: str
) -> JSONResponse:
    reporting = http_reporting(request.app, context.instance)
    event = await read_event(
        event_type, request, max_body_bytes=reporting.max_body_bytes, unknown_fields=reporting.unknown_fields
    )
    # The same question as dagster-webserver asks: no for a read-only webserver, and per code location in Dagster+.
    if not context.has_permission_for_selector(Permissions.REPORT_RUNLESS_ASSET_EVENTS, AssetKey(event.asset_key)):
        raise InvalidEventError(
            [ErrorDetail("/asset_key", "asset.forbidden", "You may not report events of this asset.")]
        )
    (outcome,) = await reporting.storage.run(report, reporting.context, [event])
    return _answer(event, outcome, where)


def _answer(event: AssetEvent, outcome: Outcome, where: str) -> JSONResponse:
    match outcome:
        case Recorded(event_id):
            happenings.event_recorded("http", event, event_id)
            return success_answer(event.event_type, event_id)
        case Rejected(errors):
            happenings.event_rejected("http", where, event.event_type, errors)
            return error_answer(errors)
        case Unavailable(reason):
            happenings.event_not_recorded_now("http", where, event.event_type, reason)
            return unavailable_answer(ERROR_CODES["storage.unavailable"].meaning)
        case Again() | Fenced():  # not for an event by itself, which brings no offsets
            return unavailable_answer(ERROR_CODES["storage.unavailable"].meaning)
        case Failed(reason):
            happenings.event_failed("http", where, event.event_type, reason)
            return internal_answer()

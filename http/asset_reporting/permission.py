"""May the sender of a request report this event, and in whose name is it stored?"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dagster import AssetKey
from dagster._core.workspace.permissions import Permissions

from asset_events import CheckEvent, InvalidEventError
from asset_events.reserved_metadata import REPORTING_USER
from asset_reporting.auth import CALLER, KEYS
from asset_reporting.scopes import FORBIDDEN

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request

    from asset_events import AssetEvent
    from asset_reporting.api_keys import ApiKeys, Caller


def permitted(context: BaseWorkspaceRequestContext, request: Request, event: AssetEvent) -> AssetEvent:
    """Return the event, with the name of the key that it came with.

    Asks what dagster-webserver asks (no for a read-only webserver, and per code location in Dagster+), and then the
    scopes of the key, as they are now: a request of many events may go on for long after its key was taken back.

    Raises:
        InvalidEventError: `asset.forbidden`.
    """
    if not context.has_permission_for_selector(Permissions.REPORT_RUNLESS_ASSET_EVENTS, AssetKey(event.asset_key)):
        raise InvalidEventError([FORBIDDEN])
    caller = cast("Caller | None", request.scope.get(CALLER))
    if caller is None:
        return event
    caller = cast("ApiKeys", request.scope[KEYS]).still(caller)
    if caller is None or not caller.scopes.allow(event.event_type, event.asset_key):
        raise InvalidEventError([FORBIDDEN])
    return _signed(event, caller.name)


def _signed(event: AssetEvent, name: str) -> AssetEvent:
    """Put the name where Dagster has it: in a tag, which the contract lets no sender set; a check's result has none."""
    if isinstance(event, CheckEvent):
        return event.model_copy(update={"metadata": {**event.metadata, REPORTING_USER: name}})
    return event.model_copy(update={"tags": {**event.tags, REPORTING_USER: name}})

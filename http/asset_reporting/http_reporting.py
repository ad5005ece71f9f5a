"""What the endpoints need of their application, found on `app.state.reporting`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asset_events import MAX_EVENT_BYTES
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.storage_threads import StorageThreads

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from asset_events import UnknownFields

STORAGE_WORKERS = 8
"""Storage calls at a time; more than a database pool of ten gains nothing."""

STORAGE_DEADLINE_S = 10.0
"""Seconds for one storage call: below the usual 15 to 60 seconds after which clients and proxies give up."""


@dataclass(frozen=True, slots=True)
class HttpReporting:
    """How this application reports: where to, in which threads, and within which limits."""

    context: ReportingContext
    storage: StorageThreads
    max_body_bytes: int = MAX_EVENT_BYTES
    unknown_fields: UnknownFields = "reject"


def http_reporting(app: Any, instance: DagsterInstance) -> HttpReporting:  # noqa: ANN401 # what Starlette calls an app
    """Return the application's own, or build it once: an application that is not ours, such as Dagster's, has none.

    Called on the event loop only, and without awaiting anything, so two requests cannot build it twice.
    """
    known = getattr(app.state, "reporting", None)
    if isinstance(known, HttpReporting):
        return known
    threads = StorageThreads(STORAGE_WORKERS, STORAGE_DEADLINE_S)
    app.state.reporting = built = HttpReporting(reporting_context(instance), threads)
    return built

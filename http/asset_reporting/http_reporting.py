"""What the endpoints need of their application, found on `app.state.reporting`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asset_events import MAX_EVENT_BYTES, LineageRules
from asset_reporting.body_room import BodyRoom
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.reporters import STORAGE_DEADLINE_S, DryRun, Reporter, choose_reporter
from asset_reporting.request_body import BODY_IDLE_S
from asset_reporting.storage_errors import classify
from asset_reporting.storage_threads import StorageThreads, StorageTimeoutError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from asset_events import UnknownFields
    from asset_reporting.happenings import Road

MAX_BATCH_BYTES = 16 * 1024 * 1024
"""Largest request of many events: ten thousand of a good kilobyte each."""

MAX_BATCHES = 8
"""Requests of many events at a time: it bounds the memory that they take."""


@dataclass(frozen=True, slots=True)
class HttpReporting:
    """How this application reports, and within which limits."""

    reporter: Reporter
    dry_run: Reporter
    """Takes the place of `reporter` where a request only asks what would happen."""
    road: Road = "http"
    max_body_bytes: int = MAX_EVENT_BYTES
    max_batch_bytes: int = MAX_BATCH_BYTES
    body_idle_s: float = BODY_IDLE_S
    unknown_fields: UnknownFields = "reject"
    lineage: LineageRules = field(default_factory=LineageRules)
    bodies: BodyRoom = field(default_factory=BodyRoom)
    batches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_BATCHES))


async def http_reporting(app: Any, instance: DagsterInstance) -> HttpReporting:  # noqa: ANN401 # what Starlette calls an app
    """Return the application's own, or build it once: an application that is not ours, such as Dagster's, has none.

    Raises:
        StorageTimeoutError: The storage does not answer, and so does not tell how it can be written to.
    """
    if (known := _known(app)) is None:
        context = await _ask(instance)
        # Two first requests both ask; what the first of them has found stays.
        if (known := _known(app)) is None:
            app.state.reporting = known = HttpReporting(choose_reporter(context), DryRun(context.targets))
    return known


def _known(app: Any) -> HttpReporting | None:  # noqa: ANN401 # see above
    known = getattr(app.state, "reporting", None)
    return known if isinstance(known, HttpReporting) else None


async def _ask(instance: DagsterInstance) -> ReportingContext:
    """Choose the recorder, in a thread: that asks the database."""
    thread = StorageThreads(1, STORAGE_DEADLINE_S, name="asset-bridge-storage-first")
    try:
        return await thread.run(reporting_context, instance)
    except Exception as error:
        if isinstance(error, StorageTimeoutError) or classify(error) == "unavailable":
            raise StorageTimeoutError(started=False) from None
        raise
    finally:
        thread.close(timeout_s=0.0)

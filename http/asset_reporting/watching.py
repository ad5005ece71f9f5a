"""What an application tells its health while it runs: whether the storage works, and that requests are attended to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from asset_reporting.storage_watch import PROBE_INTERVAL_S, watch_storage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from asset_reporting.handlers import ReportingContext
    from asset_reporting.health import Health
    from asset_reporting.reporters import Reporter

BEAT_S = 1.0
"""Seconds between two heartbeats of the loop that answers requests."""


@contextlib.asynccontextmanager
async def watching(
    health: Health, reporting: ReportingContext, reporter: Reporter, interval_s: float = PROBE_INTERVAL_S
) -> AsyncGenerator[None]:
    """Keep the condition `storage` and the heart of `health`, while an application runs."""
    storage = watch_storage(reporting.recorder, health, stuck=lambda: reporter.stuck, interval_s=interval_s)
    watches = [asyncio.create_task(storage), asyncio.create_task(_beat(health))]
    try:
        yield
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.wait(watches)


async def _beat(health: Health) -> None:
    """Show, for a probe that is answered elsewhere, that requests are still attended to."""
    while True:
        health.beat()
        await asyncio.sleep(BEAT_S)

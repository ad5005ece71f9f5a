"""Ask the storage in the background whether it works, so that a readiness probe never has to."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from asset_reporting import happenings
from asset_reporting.storage_errors import describe
from asset_reporting.storage_threads import StorageThreads, StorageTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from asset_reporting.health import Health
    from asset_reporting.recorder import Recorder

CONDITION = "storage"

PROBE_INTERVAL_S = 5.0
"""Seconds between two questions, give or take a fifth: replicas started together must not ask together."""

PROBE_DEADLINE_S = 5.0
"""Seconds that an answer may take: a storage slower than that serves nobody."""


async def watch_storage(
    recorder: Recorder,
    health: Health,
    *,
    stuck: Callable[[], bool] = lambda: False,
    interval_s: float = PROBE_INTERVAL_S,
    deadline_s: float = PROBE_DEADLINE_S,
) -> None:
    """Probe until cancelled, in a thread apart: the request threads may all be stuck in the very outage to report.

    `stuck` says whether they are. A probe may be answered all the same, as it goes by another connection.
    """
    threads = StorageThreads(1, deadline_s, name="asset-bridge-storage-probe")
    try:
        while True:
            reason = await _probe(recorder, threads)
            _state(health, "no answer to what is under way" if reason is None and stuck() else reason)
            await asyncio.sleep(interval_s * random.uniform(0.8, 1.2))  # noqa: S311 # jitter, not a secret
    finally:
        threads.close(timeout_s=0.0)


async def _probe(recorder: Recorder, threads: StorageThreads) -> str | None:
    try:
        return await threads.run(recorder.probe)
    except StorageTimeoutError:
        return "no answer in time"
    except Exception as error:  # noqa: BLE001 # a probe that fails is an answer: the storage does not work
        return describe(error)


def _state(health: Health, reason: str | None) -> None:
    changed = health.set(CONDITION, reason is None, reason or "")
    if changed and reason is None:
        happenings.storage_recovered()
    elif changed and reason is not None:
        happenings.storage_unavailable(reason)

"""How posts reach the recorder: in groups where it records a batch as one, else side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from asset_events import AssetEvent
from asset_reporting.group_commit import GroupCommit
from asset_reporting.handlers import preview, report
from asset_reporting.outcomes import Acceptable, Again, Outcome, Recorded, Unavailable
from asset_reporting.storage_threads import StorageThreads, StorageThreadsError

if TYPE_CHECKING:
    from asset_reporting.handlers import ReportingContext
    from asset_reporting.targets import Targets

STORAGE_WORKERS = 8
"""Posts side by side; more than a database pool of ten gains nothing."""

STORAGE_DEADLINE_S = 10.0
"""Seconds for one storage call: below the usual 15 to 60 seconds after which clients and proxies give up."""

ONE_BY_ONE_EVENTS = 25
"""Most events in one storage call where each is a transaction or three: they shall be done before the deadline."""


class Reporter(Protocol):
    """Reports the events of posts without blocking the event loop."""

    @property
    def most_events(self) -> int:
        """How many events to report at a time, at most."""
        ...

    @property
    def stuck(self) -> bool:
        """Whether the storage has kept everything waiting for longer than a post may take."""
        ...

    async def report(self, events: Sequence[AssetEvent], *, whole: bool = False) -> list[Outcome]:
        """Report in order; one outcome per event, or a `StorageThreadsError`.

        `whole`: when one is refused, the others are not recorded, as far as the recorder can hold them back; their
        outcome is `Again`.
        """
        ...

    def close(self, timeout_s: float = 2.0) -> bool:
        """Refuse what waits; False when something still runs after `timeout_s` seconds."""
        ...


class ParallelPosts:
    """Reports posts side by side: a recorder that writes event by event is slow, and not slower for several."""

    most_events = ONE_BY_ONE_EVENTS

    def __init__(self, context: ReportingContext, deadline_s: float, workers: int) -> None:
        self._context = context
        self._threads = StorageThreads(workers, deadline_s)

    @property
    def stuck(self) -> bool:
        """Whether all posts under way are."""
        return self._threads.stuck

    async def report(self, events: Sequence[AssetEvent], *, whole: bool = False) -> list[Outcome]:
        """Report one post in a thread; raises what `StorageThreads.run` raises.

        What has more events than can be recorded before the deadline is recorded in parts, each with its own.
        """
        if len(events) <= self.most_events:
            return await self._threads.run(report, self._context, events, whole=whole)
        judged = await asyncio.to_thread(preview, self._context.targets, events) if whole else []
        if any(not isinstance(outcome, Acceptable) for outcome in judged):
            return [Again() if isinstance(outcome, Acceptable) else outcome for outcome in judged]
        outcomes: list[Outcome] = []
        while len(outcomes) < len(events) and all(isinstance(outcome, Recorded) for outcome in outcomes):
            outcomes += await self._part(events[len(outcomes) : len(outcomes) + self.most_events], outcomes)
        # What was recorded stays so, and nobody can take it back: of the whole, some may be recorded.
        partly = any(isinstance(outcome, Recorded) for outcome in outcomes)
        outcomes += [Unavailable("not tried")] * (len(events) - len(outcomes))
        return [replace(one, may_be_recorded=partly) if isinstance(one, Unavailable) else one for one in outcomes]

    async def _part(self, part: Sequence[AssetEvent], before: list[Outcome]) -> list[Outcome]:
        try:
            return await self._threads.run(report, self._context, part)
        except StorageThreadsError as error:
            if not before:
                raise
            return [Unavailable(type(error).__name__)] * len(part)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Close the threads."""
        return self._threads.close(timeout_s)


class DryRun:
    """Judges events and records none."""

    most_events = 1000
    stuck = False

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def report(self, events: Sequence[AssetEvent], *, whole: bool = False) -> list[Outcome]:  # noqa: ARG002 # the protocol's
        """Say of each event whether it would be recorded; in a thread, as code locations may be asked."""
        return await asyncio.to_thread(preview, self._targets, events)

    def close(self, timeout_s: float = 2.0) -> bool:  # noqa: ARG002 # the protocol's
        """Nothing is kept open."""
        return True


def choose_reporter(
    context: ReportingContext, *, deadline_s: float = STORAGE_DEADLINE_S, workers: int = STORAGE_WORKERS
) -> Reporter:
    """Pick what suits the recorder; `deadline_s` seconds is how long a post may take, waiting included."""
    if context.recorder.guarantee == "exactly-once":
        return GroupCommit(context, deadline_s)
    return ParallelPosts(context, deadline_s, workers)

"""A recorder that notes its transactions and can be held in each, to see what gathers meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fake_recorders import FakeRecorder

from asset_events import AssetEvent, MaterializationEvent
from asset_reporting.group_commit import GroupCommit
from asset_reporting.handlers import ReportingContext
from asset_reporting.outcomes import Again, Outcome, Rejected
from asset_reporting.recorder import Progress

T = TypeVar("T")
Refuse = Callable[[AssetEvent], Rejected | None]

LONG_S = 30.0


@dataclass
class HeldRecorder(FakeRecorder):
    """Records a batch whole or not at all; once `hold` is called, each call waits for one `let`."""

    guarantee: str = "exactly-once"
    shortcoming: str | None = None
    refuse: Refuse = field(default=lambda _: None)
    calls: list[list[str]] = field(default_factory=list[list[str]])
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _let: threading.Semaphore | None = None

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        self.calls.append([event.asset_key[0] for event in events])
        self.begun.release()
        if self._let is not None:
            assert self._let.acquire(timeout=20)
        refused = [self.refuse(event) for event in events]
        if any(refused):
            return [one or Again() for one in refused]
        return super().record(events, progress)

    def hold(self) -> None:
        self._let = threading.Semaphore(0)

    def let(self, calls: int = 1) -> None:
        """Let one call end, or more."""
        assert self._let is not None
        self._let.release(calls)

    def let_all(self) -> None:
        """Hold no more, and end what is held."""
        held, self._let = self._let, None
        if held is not None:
            held.release(1000)

    async def until_begun(self, calls: int = 1) -> None:
        for _ in range(calls):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)


def event(key: str) -> MaterializationEvent:
    return MaterializationEvent(asset_key=(key,))


def run(
    recorder: HeldRecorder, scenario: Callable[[GroupCommit], Coroutine[Any, Any, T]], *, deadline_s: float = LONG_S
) -> T:
    group = GroupCommit(ReportingContext(recorder), deadline_s)
    try:
        return asyncio.run(scenario(group))
    finally:
        recorder.let_all()
        assert group.close(10)


async def submitted(posts: list[Coroutine[Any, Any, list[Outcome]]]) -> list[asyncio.Task[list[Outcome]]]:
    """Tasks that have all handed in their events, in this order."""
    tasks = [asyncio.create_task(post) for post in posts]
    await asyncio.sleep(0)
    return tasks

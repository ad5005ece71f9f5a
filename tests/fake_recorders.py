"""Recorders for the faults that a real storage cannot be brought to on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asset_events import AssetEvent
from asset_reporting.outcomes import Outcome, Recorded
from asset_reporting.recorder import GroupId, Positions, Progress


@dataclass
class FakeRecorder:
    """Records into a list; `answer` decides what becomes of each event, `reason` what a probe finds."""

    answer: Callable[[AssetEvent], Outcome] = field(default=lambda _: Recorded(1))
    reason: str | None = None
    name: str = "fake"
    guarantee: str = "none"
    shortcoming: str | None = None
    batch_events: int = 1000
    recorded: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    probes: int = 0

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:  # noqa: ARG002 # no ledger here
        outcomes = [self.answer(event) for event in events]
        self.recorded += [event.asset_key for event in events]
        return outcomes

    def move(self, progress: Sequence[Progress]) -> Outcome | None:  # noqa: ARG002 # no ledger here
        return None

    def positions(self, group: GroupId) -> Positions:  # noqa: ARG002 # no ledger here
        return {}

    def place(self, group: GroupId, offsets: Positions, stood: Positions) -> bool:  # noqa: ARG002 # no ledger here
        raise AssertionError("nobody keeps offsets here")

    def probe(self) -> str | None:
        self.probes += 1
        return self.reason


class Blocking:
    """An answer that holds events of the asset `stuck` until let go, and says when it holds one."""

    def __init__(self) -> None:
        self.held = threading.Semaphore(0)
        self.let_go = threading.Event()

    def __call__(self, event: AssetEvent) -> Outcome:
        if event.asset_key == ("stuck",):
            self.held.release()
            assert self.let_go.wait(20)
        return Recorded(1)

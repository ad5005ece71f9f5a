"""What a soak has seen, in numbers."""

from __future__ import annotations

import statistics
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from soak_accounts import SoakAccounts
from soak_events import kind_of
from soak_plan import Planned


@dataclass
class Report:
    """Filled while a soak runs."""

    failure: str = ""
    checks: int = 0
    memory_mb: list[float] = field(default_factory=list[float])
    counts: dict[str, object] = field(default_factory=dict[str, object])
    struck: Counter[str] = field(default_factory=Counter[str])
    """How often each fault has happened: at its step, to a COMMIT, to a letter; not every one that was planned does."""
    _seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def faults(self) -> int:
        return sum(len(seconds) for seconds in self._seconds.values())

    def recovered(self, planned: Planned, seconds: float, *, struck: bool) -> None:
        self._seconds.setdefault(planned.name, []).append(seconds)
        self.struck[planned.name] += struck

    def failed(self, error: Exception, logs: Path) -> None:
        self.failure = f"{''.join(traceback.format_exception(error))}the logs of all processes are in {logs}"

    def count(self, accounts: SoakAccounts) -> None:
        topics, answers = accounts.topics, accounts.answers
        records = Counter(kind_of(name) for names in topics.records.values() for name in names)
        self.counts = {
            "records": dict(records),
            "recorded by Kafka": sum(len(offsets) for offsets in accounts.stored.records.values()),
            "recorded in all": accounts.stored.count,
            "dead-lettered": len(topics.letters),
            "dead letters": topics.letters_written,
            "posts by answer": dict(answers.counted),
        }

    def text(self, command: str) -> str:
        everything = [second for seconds in self._seconds.values() for second in seconds]
        lines = [
            f"{'fault':44} {'struck':>12}  {'med s':>5}  {'max s':>5}",
            *(_row(name, self.struck[name], of) for name, of in sorted(self._seconds.items())),
            *([_row("all", self.struck.total(), everything)] if everything else []),
            f"{self.faults} faults, {self.checks} checks",
            *(f"{name}: {counted}" for name, counted in self.counts.items()),
            f"memory of the consumers at the end, in MB: {[round(mb) for mb in self.memory_mb]}",
            self.failure or "kept as promised",
            f"again: {command}",
        ]
        return "\n".join(lines)


def _row(name: str, struck: int, seconds: list[float]) -> str:
    times = f"{struck} of {len(seconds)}"
    return f"{name:44} {times:>12}  {statistics.median(seconds):5.1f}  {max(seconds):5.1f}"

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
    left_out: int = 0
    memory_mb: list[float] = field(default_factory=list[float])
    counts: dict[str, object] = field(default_factory=dict[str, object])
    _seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def faults(self) -> int:
        return sum(len(seconds) for seconds in self._seconds.values())

    def recovered(self, planned: Planned, seconds: float) -> None:
        self._seconds.setdefault(planned.name, []).append(seconds)

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
        rows = [f"{name:40} {len(of):4}  {statistics.median(of):5.1f}  {max(of):5.1f}" for name, of in self._rows()]
        lines = [
            f"{'fault':40} {'n':>4}  {'med s':>5}  {'max s':>5}",
            *rows,
            f"{self.faults} faults, {self.left_out} of the plan left out for want of time, {self.checks} checks",
            *(f"{name}: {counted}" for name, counted in self.counts.items()),
            f"memory of the consumers at the end, in MB: {[round(mb) for mb in self.memory_mb]}",
            self.failure or "kept as promised",
            f"again: {command}",
        ]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, list[float]]]:
        everything = [second for seconds in self._seconds.values() for second in seconds]
        return [*sorted(self._seconds.items()), *([("all", everything)] if everything else [])]

"""The course of a soak: begin each fault when its time has come, undo it, wait for the recovery, and look all along."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from consuming import eventually
from soak_faults import KINDS
from soak_load import Load
from soak_plan import Planned
from soak_report import Report
from soak_topics import Lane
from soak_world import CONSUMERS, Struck, World

STALL_S = 90.0
"""The most that may pass without anything being done while something is there to do."""

LOOK_S = 1.0

MEMORY_MB = 250.0
"""The most that a consumer may have in use at the end."""


@dataclass
class Open:
    """A fault that has begun."""

    planned: Planned
    end_at: float
    undo: ExitStack
    has_struck: Struck | None = None
    """Where it may come to nothing."""


@dataclass
class Run:
    """One course; what was seen goes into the report."""

    world: World
    load: Load
    report: Report
    say: Callable[[str], None]
    _open: list[Open] = field(default_factory=list[Open])
    _over: list[Open] = field(default_factory=list[Open])
    """Faults that are undone, and not yet recovered from."""
    _looked_at: float = 0.0
    _settle_at: float = 0.0

    def go(self, plan: Sequence[Planned]) -> None:
        """Follow the plan to its end; a fault waits until all has recovered from those before it."""
        began = time.monotonic()
        coming = list(plan)
        self.load.start()
        try:
            while coming or self._open or self._over:
                now = time.monotonic() - began
                for one in [one for one in self._open if one.end_at <= time.monotonic()]:
                    self._undo(one)
                if coming and coming[0].at_s <= now and not self._over:
                    began += now - coming[0].at_s  # who is late keeps his distance to the next
                    self._begin(coming.pop(0))
                if self._over and not self._open:
                    self._recover()
                self._look()
                time.sleep(0.05)
        finally:
            for one in self._open:
                one.undo.close()

    def end(self) -> None:
        """Stop the load, let everything be done, and settle the accounts."""
        self.load.stop()
        self._calm()
        assert not self.load.problems(), self.load.problems()
        self.report.memory_mb = self.world.memory_mb()
        assert max(self.report.memory_mb) < MEMORY_MB, self.report.memory_mb
        self.world.leave()
        assert not self.world.on_lesser_recorder()
        self.load.accounts.close()

    def _begin(self, planned: Planned) -> None:
        one = Open(planned, time.monotonic() + planned.seconds, ExitStack())
        self._open.append(one)
        one.has_struck = one.undo.enter_context(KINDS[planned.name].do(self.world, **planned.parameters))

    def _undo(self, one: Open) -> None:
        self._open.remove(one)
        one.undo.close()
        self._over.append(one)

    def _recover(self) -> None:
        """Wait until all that was produced up to now is done, then look at the accounts."""
        ends, began = self.load.accounts.topics.ends(), time.monotonic()
        self._pass(ends)
        for one in self._over:
            struck = one.has_struck is None or one.has_struck()
            self.report.recovered(one.planned, time.monotonic() - began, struck=struck)
            told = f"recovered in {time.monotonic() - began:.1f} s" if struck else "came to nothing"
            self.say(f"{one.planned} -> {told}")
        self._over.clear()
        self._check()

    def _pass(self, ends: Mapping[Lane, int]) -> None:
        """Wait until all below these offsets is done, however slow the machine, as long as there is progress."""
        accounts = self.load.accounts
        done, since = -1, time.monotonic()
        while not accounts.has_passed(ends):
            if (now_done := sum(accounts.ledger().values())) > done:
                done, since = now_done, time.monotonic()
            assert time.monotonic() - since < STALL_S, f"nothing was done for {STALL_S} s"
            time.sleep(0.05)

    def _look(self) -> None:
        """Look at the accounts while faults are there, unless one of them keeps us from it."""
        ended = self.world.ended()
        assert not ended, f"ended by itself:\n{ended}"
        busy = {target for one in self._open for target in KINDS[one.planned.name].targets}
        if time.monotonic() - self._looked_at > LOOK_S and not busy & {"broker", "database"}:
            self._check()

    def _check(self) -> None:
        self.load.accounts.check()
        self.report.checks += 1
        self._looked_at = time.monotonic()

    def _calm(self) -> None:
        """Wait until there is nothing to do, and everybody is ready."""
        assert len(self.world.consumers) == CONSUMERS
        accounts = self.load.accounts
        self._pass(accounts.topics.ends())
        eventually(lambda: accounts.topics.committed() == accounts.topics.ends(), STALL_S)
        for consumer in self.world.consumers:
            consumer.ready()

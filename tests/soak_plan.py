"""The faults of a soak, drawn from its seed: the same seed gives the same plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from soak_faults import KINDS, Kind

FIRST_S = 3.0

GAP_S = (1.0, 6.0)
"""Between the end of a fault and the next one. The next waits until all has recovered from it, too."""

OVERLAP = 0.3
"""How often a fault begins while the one before is there."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, from when on, in seconds, and for how long."""

    at_s: float
    name: str
    seconds: float
    parameters: dict[str, Any]

    @property
    def end_s(self) -> float:
        return self.at_s + self.seconds

    def __str__(self) -> str:
        told = "".join(f", {name}={value}" for name, value in self.parameters.items())
        return f"{self.at_s:8.1f} s  {self.name}, for {self.seconds:.1f} s{told}"


def draw_plan(seed: int, length_s: float, broker: str, database: str) -> list[Planned]:
    """Faults of all kinds that this broker and this database can have, in a random order, each kind as often."""
    chance = random.Random(seed)  # noqa: S311 # repeatable, not secret
    kinds = {name: kind for name, kind in KINDS.items() if kind.only in {None, broker, database}}
    plan: list[Planned] = []
    for name in _shuffled(chance, list(kinds)):
        kind, seconds = kinds[name], chance.uniform(*kinds[name].seconds)
        at_s = _begin(chance, plan, kind)
        if at_s + seconds > length_s - FIRST_S:
            return plan
        plan.append(Planned(round(at_s, 1), name, round(seconds, 1), kind.draw(chance)))
    return plan


def _begin(chance: random.Random, plan: list[Planned], kind: Kind) -> float:
    """After the last one, or in the midst of it when it is done to something else and is alone."""
    if not plan:
        return FIRST_S
    last, gap_s, part = plan[-1], chance.uniform(*GAP_S), chance.random()
    alone = len(plan) < 2 or plan[-2].end_s < last.at_s
    if alone and not KINDS[last.name].targets & kind.targets and chance.random() < OVERLAP:
        return last.at_s + part * last.seconds
    return max(planned.end_s for planned in plan[-2:]) + gap_s


def _shuffled(chance: random.Random, names: list[str]) -> Iterator[str]:
    """All names in a random order, again and again."""
    while True:
        chance.shuffle(names)
        yield from names

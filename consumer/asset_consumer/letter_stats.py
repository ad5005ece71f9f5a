"""Count dead letters by what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from asset_consumer.letters import Letter

Trait: TypeAlias = Literal["topic", "code", "stage", "asset", "state", "group", "app"]
"""What letters may be counted by."""

TRAITS: tuple[Trait, ...] = get_args(Trait)

_OF: Mapping[Trait, Callable[[Letter], str | None]] = {
    "topic": lambda letter: letter.record.topic,
    "code": lambda letter: letter.code,
    "stage": lambda letter: letter.stage,
    "asset": lambda letter: letter.asset,
    "state": lambda letter: letter.state,
    "group": lambda letter: letter.facts.get("group"),
    "app": lambda letter: letter.facts.get("app"),
}


@dataclass(slots=True)
class LetterCount:
    """How many letters share these traits; `records` counts those that were written twice, or failed again, once."""

    traits: tuple[str, ...]
    letters: int = 0
    first: datetime | None = None
    last: datetime | None = None
    ids: set[str] = field(default_factory=set[str])

    @property
    def records(self) -> int:
        """How many records they were made of."""
        return len(self.ids)

    def add(self, letter: Letter) -> None:
        """Count one more."""
        self.letters += 1
        self.ids.add(letter.id)
        at = letter.failed_at
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)


def count_letters(letters: Iterable[Letter], by: Sequence[Trait]) -> list[LetterCount]:
    """Count letters by their traits, the most frequent first; a trait that a letter does not tell is `-`."""
    counts: dict[tuple[str, ...], LetterCount] = {}
    for letter in letters:
        traits = tuple(_OF[trait](letter) or "-" for trait in by)
        counts.setdefault(traits, LetterCount(traits)).add(letter)
    return sorted(counts.values(), key=lambda count: (-count.letters, count.traits))

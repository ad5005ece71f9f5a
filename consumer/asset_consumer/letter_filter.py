"""Which dead letters somebody means."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from asset_consumer.letters import Letter, LetterState

OPEN: Final[frozenset[LetterState]] = frozenset({"open", "unsure"})
"""What waits for somebody."""


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """What letters must be; each list takes any of its entries, and an empty one takes all.

    Entries of codes, assets, keys and ids may hold `*` and `?`. `topics` are the input topics that the records failed
    in, `ids` also take a letter's own place. `since` and `until` bound when it failed, the second not included.
    """

    codes: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    states: frozenset[LetterState] = OPEN

    def matches(self, letter: Letter) -> bool:
        """Whether this letter is meant, apart from what became of it."""
        return (
            _any(self.codes, letter.code)
            and (not self.stages or letter.stage in self.stages)
            and (not self.topics or letter.record.topic in self.topics)
            and (_any(self.ids, letter.id) or _any(self.ids, letter.place))
            and self._in_time(letter)
            and (not self.keys or _any(self.keys, letter.key))
            and (not self.assets or _any(self.assets, letter.asset))
        )

    def wants(self, letter: Letter) -> bool:
        """Whether it is also in one of the wanted states."""
        return not self.states or letter.state in self.states

    def _in_time(self, letter: Letter) -> bool:
        if self.since is None and self.until is None:
            return True
        at = letter.failed_at
        return at is not None and not (self.since and at < self.since) and not (self.until and at >= self.until)


def _any(patterns: tuple[str, ...], text: str | None) -> bool:
    if not patterns:
        return True
    return text is not None and any(text == pattern or fnmatchcase(text, pattern) for pattern in patterns)

"""The newest dead letters as a list of lines: read once, kept without their values, and grouped by topic and code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asset_consumer.letter_filter import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from asset_consumer.letters import Letter, LetterState
    from asset_reporting.letter_fates import Place

LONGEST_TEXT = 300
"""Characters of a text that anybody may have written, in a line."""


@dataclass(frozen=True, slots=True)
class LetterLine:
    """What a list says of a letter."""

    place: tuple[str, int, int]
    written_ms: int
    id: str
    topic: str
    code: str
    stage: str
    asset: str | None
    key: str | None
    failed_at: datetime | None
    path: str
    message: str
    replays: int
    state: LetterState

    @property
    def at(self) -> str:
        """`topic/partition/offset` of the letter itself."""
        return "/".join(map(str, self.place))

    @property
    def fate_place(self) -> Place:
        """Where the table of fates has it."""
        return *self.place, self.written_ms

    @property
    def open(self) -> bool:
        """Whether it waits for somebody."""
        return self.state in OPEN

    def says(self, text: str) -> bool:
        """Whether asset, key, id or place hold this text, in any case."""
        return any(text in part.lower() for part in (self.asset or "", self.key or "", self.id, self.at))


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """The letters of one topic and code."""

    topic: str
    code: str
    letters: int
    open: int
    last: datetime | None
    assets: tuple[tuple[str, int], ...]
    """The assets that most of them speak of."""
    more_assets: int


@dataclass(frozen=True, slots=True)
class LetterBook:
    """The newest letters, the newest first; `cut` is how many older ones lie on the topics that were not looked at.

    `foreign` counts records that are no letters; `troubles` say which topic could not be read, `fates_trouble` why it
    is not known what became of the letters.
    """

    lines: tuple[LetterLine, ...] = ()
    cut: int = 0
    foreign: int = 0
    troubles: tuple[tuple[str, str], ...] = ()
    fates_trouble: str = ""

    @property
    def open(self) -> int:
        """How many wait for somebody."""
        return sum(line.open for line in self.lines)

    def of(self, topic: str, code: str) -> list[LetterLine]:
        """The letters of a topic and code; an empty text stands for all."""
        return [line for line in self.lines if topic in {"", line.topic} and code in {"", line.code}]

    def groups(self) -> list[LetterGroup]:
        """All letters by topic and code; those with the most open letters first."""
        found: dict[tuple[str, str], list[LetterLine]] = {}
        for line in self.lines:
            found.setdefault((line.topic, line.code), []).append(line)
        groups = [_group(topic, code, lines) for (topic, code), lines in found.items()]
        return sorted(groups, key=lambda group: (-group.open, -group.letters, group.topic, group.code))


SHOWN_ASSETS = 3


def _group(topic: str, code: str, lines: list[LetterLine]) -> LetterGroup:
    assets = Counter(line.asset for line in lines if line.asset)
    return LetterGroup(
        topic=topic,
        code=code,
        letters=len(lines),
        open=sum(line.open for line in lines),
        last=lines[0].failed_at,
        assets=tuple(assets.most_common(SHOWN_ASSETS)),
        more_assets=max(0, len(assets) - SHOWN_ASSETS),
    )


def line_of(letter: Letter) -> LetterLine:
    """The line of a letter, as of now."""
    first = next(iter(letter.errors), None)
    return LetterLine(
        place=(letter.topic, letter.partition, letter.offset),
        written_ms=letter.written_ms,
        id=letter.id,
        topic=letter.record.topic,
        code=_short(letter.code),
        stage=_short(letter.stage),
        asset=None if letter.asset is None else _short(letter.asset),
        key=None if letter.key is None else _short(letter.key),
        failed_at=letter.failed_at,
        path="" if first is None else _short(first.path),
        message="" if first is None else _short(first.message),
        replays=letter.replays,
        state=letter.state,
    )


def newest_first(lines: Iterable[LetterLine]) -> list[LetterLine]:
    """By when they failed; of those that failed at once, the later one of a topic first."""
    return sorted(
        lines,
        key=lambda line: (line.failed_at.timestamp() if line.failed_at else 0.0, line.place),
        reverse=True,
    )


def with_states(lines: Iterable[LetterLine], states: Mapping[Place, LetterState]) -> list[LetterLine]:
    """The lines with what has become of them; without a word of it they are open."""
    return [replace(line, state=states.get(line.fate_place, "open")) for line in lines]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\N{HORIZONTAL ELLIPSIS}"

"""Read dead letters as they are now, from one or more topics, with what became of each; commits nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from asset_consumer.dead_letter import NotADeadLetterError
from asset_consumer.letters import Letter, read_letter
from asset_consumer.topic_reader import read_record, read_topics

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from asset_consumer.letter_filter import LetterFilter
    from asset_consumer.record import Record
    from asset_consumer.settings import Settings
    from asset_reporting.letter_fates import LetterFates

FATES_AT_ONCE = 100
"""Letters whose fates are asked for in one question."""


class LetterReader:
    """Reads letters; `seen` counts the records it came by, `foreign` those that are no letters.

    `sending` counts letters that were kept back, since somebody is at them now.
    """

    def __init__(self, settings: Settings, topics: Sequence[str], fates: LetterFates | None) -> None:
        """Read these dead-letter topics; without `fates` every letter is taken for open."""
        self._settings, self._topics, self._fates = settings, topics, fates
        self.stop: threading.Event | None = None
        """Once it is set, nothing more is read."""
        self.seen = 0
        self.foreign = 0
        self.sending = 0

    def letters(self, wanted: LetterFilter, last: int | None = None) -> Iterator[Letter]:
        """Yield the letters that are wanted, each partition's in order, up to where the topics end at the first.

        Raises:
            TopicReaderError: A topic is not there, or cannot be read.
        """
        matching = (letter for letter in self._read(last) if wanted.matches(letter))
        while chunk := list(islice(matching, FATES_AT_ONCE)):
            for letter in self.with_fates(chunk):
                if wanted.wants(letter):
                    yield letter
                else:
                    self.sending += letter.state == "sending"

    def letter_at(self, topic: str, partition: int, offset: int) -> Letter | None:
        """The letter at one place of a topic; None when it is not there, or is none.

        Raises:
            TopicReaderError: The topic is not there, or cannot be read.
        """
        record = read_record(self._settings, topic, partition, offset)
        letter = self._letter(record) if record is not None else None
        return None if letter is None else self.with_fates([letter])[0]

    def with_fates(self, letters: list[Letter]) -> list[Letter]:
        """The same letters, with what has become of them until now."""
        if self._fates is None:
            return letters
        known = self._fates.known([letter.fate_place for letter in letters])
        return [replace(letter, fate=known.get(letter.fate_place)) for letter in letters]

    def _read(self, last: int | None) -> Iterator[Letter]:
        for record in read_topics(self._settings, self._topics, last):
            if self.stop is not None and self.stop.is_set():
                return
            self.seen += 1
            letter = self._letter(record)
            if letter is not None:
                yield letter

    def _letter(self, record: Record) -> Letter | None:
        try:
            return read_letter(record)
        except NotADeadLetterError:
            self.foreign += 1
            return None


def newest(letters: Iterable[Letter], count: int) -> tuple[list[Letter], int]:
    """The letters that failed last, newest first, and how many there are in all."""
    kept: list[Letter] = []
    total = 0
    for letter in letters:
        total += 1
        kept.append(letter)
        if len(kept) >= 2 * count + FATES_AT_ONCE:
            kept = sorted(kept, key=_when, reverse=True)[:count]
    return sorted(kept, key=_when, reverse=True)[:count], total


def _when(letter: Letter) -> float:
    at = letter.failed_at
    return at.timestamp() if at is not None else 0.0

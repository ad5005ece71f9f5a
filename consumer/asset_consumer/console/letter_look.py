"""Keep the book of dead letters: what came since the last look is read, and what became of all is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.console.letter_book import LetterBook, LetterLine, line_of, newest_first, with_states
from asset_consumer.console.sources import trouble_of
from asset_consumer.letter_filter import LetterFilter
from asset_consumer.letter_reader import LetterReader
from asset_consumer.letter_topics import dead_letter_topics
from asset_consumer.topic_reader import TopicReaderError, cluster_id, extents
from asset_reporting.recorders import letter_fates

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster import DagsterInstance

    from asset_consumer.letters import LetterState
    from asset_consumer.settings import Settings
    from asset_reporting.letter_fates import Place

_EVERY = LetterFilter(states=frozenset())


class LetterLook:
    """Reads the newest letters of all dead-letter topics; for one thread."""

    def __init__(self, settings: Settings, instance: Callable[[], DagsterInstance]) -> None:
        """`instance` may raise: then the letters are shown, and not what became of them."""
        self._settings, self._instance = settings, instance
        self._topics = {topic: _Topic(settings, topic) for topic in dead_letter_topics(settings)}

    def book(self) -> LetterBook:
        """Look at the topics now.

        Raises:
            TopicReaderError: No broker answers.
        """
        troubles: list[tuple[str, str]] = []
        for name, topic in self._topics.items():
            try:
                topic.look()
            except TopicReaderError as error:
                troubles.append((name, str(error)))
        lines = [line for topic in self._topics.values() for line in topic.lines.values()]
        lines, fates_trouble = self._with_fates(lines)
        return LetterBook(
            lines=tuple(newest_first(lines)),
            cut=sum(topic.cut for topic in self._topics.values()),
            foreign=sum(topic.foreign for topic in self._topics.values()),
            troubles=tuple(troubles),
            fates_trouble=fates_trouble,
        )

    def _with_fates(self, lines: list[LetterLine]) -> tuple[list[LetterLine], str]:
        if not lines:
            return lines, ""
        try:
            fates = letter_fates(self._instance(), cluster_id(self._settings))
            if fates is None:
                return lines, ""
            known = fates.known([line.fate_place for line in lines])
        except Exception as error:  # noqa: BLE001 # the letters are worth showing without it
            return lines, trouble_of(error)
        states: dict[Place, LetterState] = {
            place: fate.state if fate.settled else "unsure" for place, fate in known.items()
        }
        return with_states(lines, states), ""


class _Topic:
    """The newest letters of one dead-letter topic, by partition and offset."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._name = settings, name
        self._read_to: dict[int, int] = {}
        self.lines: dict[tuple[int, int], LetterLine] = {}
        self.cut = 0
        self.foreign = 0

    def look(self) -> None:
        now = extents(self._settings, self._name)
        if any(now.get(partition, (0, 0))[1] < end for partition, end in self._read_to.items()):
            self._read_to, self.lines, self.foreign = {}, {}, 0  # another topic of this name
        each = max(1, self._settings.console.max_letters // max(1, len(now)))
        begins = {partition: max(low, high - each) for partition, (low, high) in now.items()}
        new = max((high - max(self._read_to.get(one, 0), begins[one]) for one, (_, high) in now.items()), default=0)
        if new > 0:
            reader = LetterReader(self._settings, [self._name], None)
            for letter in reader.letters(_EVERY, last=new):
                if letter.offset >= self._read_to.get(letter.partition, 0):
                    self.lines[letter.partition, letter.offset] = line_of(letter)
            self.foreign += reader.foreign
        self._read_to = {partition: max(high, self._end(partition)) for partition, (_, high) in now.items()}
        self.lines = {key: line for key, line in self.lines.items() if key[1] >= begins.get(key[0], 0)}
        self.cut = sum(begin - now[partition][0] for partition, begin in begins.items())

    def _end(self, partition: int) -> int:
        return max((offset + 1 for at, offset in self.lines if at == partition), default=0)

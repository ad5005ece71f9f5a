"""Everything that working dead letters needs, opened together: which topics, what became of their letters, a reader."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_consumer.dagster_instance import open_instance
from asset_consumer.letter_reader import LetterReader
from asset_consumer.topic_reader import cluster_id
from asset_reporting.recorders import letter_fates

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from dagster import DagsterInstance

    from asset_consumer.settings import Settings
    from asset_reporting.letter_fates import LetterFates


@dataclass(frozen=True, slots=True)
class LetterDesk:
    """Dead-letter topics, and the fates of their letters; None where nobody can say what became of one."""

    settings: Settings
    topics: tuple[str, ...]
    fates: LetterFates | None

    def reader(self) -> LetterReader:
        """A reader of these topics, which counts anew."""
        return LetterReader(self.settings, self.topics, self.fates)


def letter_desk(settings: Settings, topics: Sequence[str], instance: DagsterInstance) -> LetterDesk:
    """Look at the topics by the eyes of an instance that is open.

    Raises:
        TopicReaderError: The brokers do not answer.
    """
    return LetterDesk(settings, tuple(topics), letter_fates(instance, cluster_id(settings)))


@contextmanager
def open_letter_desk(settings: Settings, topics: Sequence[str], *, needs_fates: bool) -> Generator[LetterDesk]:
    """Open the instance that DAGSTER_HOME names, if it does, and look at the topics.

    Raises:
        SettingsError: DAGSTER_HOME cannot be used; or it names none, where fates are needed.
        StorageAwayError: Dagster's storage does not answer.
        TopicReaderError: The brokers do not answer.
    """
    if not needs_fates and not os.environ.get("DAGSTER_HOME"):
        yield LetterDesk(settings, tuple(topics), None)
        return
    with open_instance() as instance:
        yield letter_desk(settings, topics, instance)

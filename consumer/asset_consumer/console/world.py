"""Everything that the console's pages draw on: the settings, the sources, the keys and the sessions."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from asset_consumer.console.access import Keys, Sessions
from asset_consumer.console.consumers import ask_consumers, pause_text
from asset_consumer.console.events import last_events
from asset_consumer.console.flow import Known, group_id, put_together, with_ledger
from asset_consumer.console.group_look import BrokerQuestions
from asset_consumer.console.letter_look import LetterLook
from asset_consumer.console.orders import Shelf
from asset_consumer.console.pace import Pace
from asset_consumer.console.sources import NotYetError, Source
from asset_consumer.console.storage_look import StorageLook
from asset_reporting.pause_store import PauseStore
from asset_reporting.recorders import read_ledger
from asset_reporting.storage_threads import StorageThreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asset_consumer.console.consumers import Consumer
    from asset_consumer.console.events import RecordedEvent
    from asset_consumer.console.flow import Flow
    from asset_consumer.console.group_look import GroupLook, Place
    from asset_consumer.console.letter_book import LetterBook
    from asset_consumer.console.orders import Preview, Run
    from asset_consumer.settings import Settings
    from asset_reporting.recorder import Positions

WATCHED_S, IDLE_S = 2.0, 15.0
"""How often the flow is asked for: while somebody looks, and to keep the curve of the rate otherwise."""

READERS, READ_S, FATE_S = 3, 8.0, 3.0
"""How many letters are read at a time, and seconds that one may take, and to ask what became of it."""

FORESEE_S = 30.0
"""Seconds to find out what an order would do."""

FRESH_S = 1.5
"""How long a page waits for answers where nobody has looked for a while."""


class World:
    """Owns the sources; made once for a process."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        """Ask nobody before `start`.

        Raises:
            SettingsError: The brokers are not named.
        """
        self.settings = settings
        self.keys = keys
        self.sessions = Sessions()
        self.storage = StorageLook()
        self.pace = Pace()
        brokers, ages = BrokerQuestions(settings), BrokerQuestions(settings)
        self._ages = ages
        self.group: Source[GroupLook] = Source("Kafka", brokers.group, watched_s=WATCHED_S, idle_s=IDLE_S)
        self.ledger: Source[Positions] = Source("ledger", self._read_ledger, watched_s=WATCHED_S, idle_s=IDLE_S)
        self.oldest: Source[dict[Place, float]] = Source("oldest records", self._oldest, watched_s=5.0, idle_s=60.0)
        self.consumers: Source[Sequence[Consumer]] = Source(
            "consumers",
            lambda: ask_consumers(settings.console.management_urls),
            watched_s=WATCHED_S,
            idle_s=IDLE_S,
        )
        self.events: Source[list[RecordedEvent]] = Source(
            "event log", lambda: last_events(self.storage.instance()), watched_s=WATCHED_S, idle_s=60.0
        )

        self.pauses: Source[dict[str, str]] = Source("pauses", self._read_pauses, watched_s=3.0, idle_s=60.0)
        letters = LetterLook(settings, self.storage.instance)
        self.letters: Source[LetterBook] = Source("dead letters", letters.book, watched_s=4.0, idle_s=60.0)
        self.threads = StorageThreads(READERS, READ_S, name="console-read")
        self.fate_threads = StorageThreads(READERS, FATE_S, name="console-fate")
        self.work_threads = StorageThreads(READERS, FORESEE_S, name="console-foresee")
        self.previews: Shelf[Preview] = Shelf()
        self.runs: Shelf[Run] = Shelf()
        self.stop = threading.Event()
        self.working: set[threading.Thread] = set()
        """What carries out orders now."""

    @property
    def sources(self) -> tuple[Source[object], ...]:
        """All that are asked."""
        return (self.group, self.ledger, self.consumers, self.oldest, self.pauses, self.events, self.letters)  # type: ignore[return-value] # only read

    def start(self, stop: threading.Event) -> None:
        """Begin to ask; `stop` also ends what is carried out, between two batches."""
        self.stop = stop
        for source in self.sources:
            source.start(stop)

    def finish(self, timeout_s: float) -> None:
        """Give what is carried out a moment to end between two batches, after `stop` was set."""
        until = time.monotonic() + timeout_s
        for thread in list(self.working):
            thread.join(max(0.0, until - time.monotonic()))

    def flow(self) -> Flow:
        """The flow as it is known now."""
        group, ledger, consumers = self.group.look(), self.ledger.look(), self.consumers.look()
        return put_together(
            Known(
                group=group.value,
                ledger=ledger.value,
                consumers=consumers.value,
                oldest=self.oldest.look().value,
                rates=self.pace.rates(),
                pauses=self.pauses.look().value,
                kafka_trouble=group.trouble,
                storage_trouble=ledger.trouble,
            )
        )

    def freshen(self) -> None:
        """Where nobody has looked for a while, give the sources of the flow a moment to answer."""
        until = time.monotonic() + FRESH_S
        for source in (self.group, self.ledger, self.consumers):
            source.freshen(max(0.0, until - time.monotonic()))

    def _read_ledger(self) -> Positions:
        instance = self.storage.instance()
        group = self.group.peek()
        if group is None:
            raise NotYetError("waits for Kafka to say which cluster it is")
        ledger = read_ledger(instance, group_id(group, self.settings.kafka.group_id))
        stands = {(one.topic, one.partition): one.stands for one in with_ledger(group, ledger)}
        self.pace.note({place: offset for place, offset in stands.items() if offset is not None})
        return ledger

    def _read_pauses(self) -> dict[str, str]:
        pauses = PauseStore(self.storage.instance()).read(self.settings.kafka.group_id)
        return {topic: pause_text(**pause.as_dict()) for topic, pause in pauses.items()}

    def _oldest(self) -> dict[Place, float]:
        group = self.group.peek()
        if group is None:
            raise NotYetError("waits for Kafka")
        told = {place for consumer in self.consumers.peek() or () for place in consumer.ages}
        return self._ages.oldest(
            {
                (one.topic, one.partition): one.stands if one.stands is not None else one.log_begins
                for one in with_ledger(group, self.ledger.peek())
                if one.lag > 0 and (one.topic, one.partition) not in told
            }
        )

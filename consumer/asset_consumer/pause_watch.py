"""What operators have paused, as a consumer last saw it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from asset_consumer import happenings
from asset_reporting.storage_errors import describe, is_misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asset_consumer.lane import Lane
    from asset_reporting.pauses import Pauses

LOOK_EVERY_S = 3.0
"""How often the pauses are read: an operator sees one take effect within five seconds, but for a batch under way."""


class PauseWatch:
    """The pauses of a group, kept as they are while they cannot be read; used from the consumer thread only."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self._look_at = 0.0
        self._asked_for: set[Lane] = set()
        self._readable = True
        self.known: Pauses = {}

    def look(self, lanes: list[Lane], read: Callable[[], Pauses]) -> str | None:
        """Before a batch: read them when it is time, or a partition has come that may have been paused meanwhile.

        Returns why the storage does not say; then nothing may be recorded.
        """
        if time.monotonic() < self._look_at and self._asked_for.issuperset(lanes):
            return None
        try:
            self._learn(read())
        except Exception as error:  # noqa: BLE001 # whatever the storage raises, it is asked again
            if not is_misfit(error):
                return describe(error)
            self._unreadable(describe(error))
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._asked_for = set(lanes)  # those that there were before it was read
        for lane in lanes:
            lane.operator_pause = self.known.get(lane.topic)
        return None

    def _learn(self, pauses: Pauses) -> None:
        before, self.known = self.known, {topic: pauses[topic] for topic in self._topics & pauses.keys()}
        for topic in before.keys() - self.known.keys():
            happenings.resumed_by_operator(topic, before[topic])
        for topic, pause in self.known.items():
            if before.get(topic) != pause:
                happenings.paused_by_operator(topic, pause)
        self._readable = True

    def _unreadable(self, reason: str) -> None:
        """Go on with what is known where the table denies itself, which no waiting ends."""
        if self._readable:
            happenings.pauses_unreadable(reason)
        self._readable = False

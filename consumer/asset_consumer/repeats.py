"""Keep what repeats itself from filling the log: a few lines of a kind in a minute, and then how many there were."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BURST: Final = 10
"""Lines of one kind that are shown within a window: enough to see what differs between them."""

WINDOW_S: Final = 60.0

MOST_KINDS: Final = 1000
"""Kinds to remember: reasons and partitions are many, but a log must not cost memory without end."""

_TELLING: Final = ("topic", "kafka_partition", "code", "reason", "error", "call")
"""Fields in which two lines of one text tell different news."""

_WORDS: Final = re.compile(r"(?<!%)[a-zA-Z]")
"""A letter that stands for itself."""


@dataclass(slots=True)
class _Window:
    began: float
    shown: int = 0
    suppressed: int = 0


class Repeats(logging.Filter):
    """Lets warnings and errors through up to `BURST` a minute and kind; the next one later says `suppressed`.

    A kind is what happened, and to which partition, for which reason: a second partition that is held is news, and so
    is another error of the client. What ends the process is always told.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[object, ...], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide on one line; the handler's lock is held."""
        if not logging.WARNING <= record.levelno < logging.CRITICAL:
            return True
        kind, now = _kind(record), self._clock()
        window = self._windows.get(kind)
        if window is None or now - window.began >= WINDOW_S:
            if window is not None and window.suppressed:
                record.__dict__["suppressed"] = window.suppressed
            window = self._windows[kind] = _Window(now)
            self._forget(now)
        if window.shown == BURST:
            window.suppressed += 1
            return False
        window.shown += 1
        return True

    def _forget(self, now: float) -> None:
        if len(self._windows) > MOST_KINDS:
            young = {kind: window for kind, window in self._windows.items() if now - window.began < WINDOW_S}
            self._windows = young if len(young) <= MOST_KINDS else {}


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    fields = record.__dict__
    said = str(record.msg)
    if not _WORDS.search(said):  # `%s`, or `%s [%s] %s`: librdkafka and Python's warnings say everything so
        said = record.getMessage()
    return (record.name, said, *(fields.get(name) for name in _TELLING))

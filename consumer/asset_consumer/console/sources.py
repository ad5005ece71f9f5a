"""What the console knows, and how it comes to know it: each source is asked by a thread of its own, again and again.

A page never asks anybody. It shows what was answered last, how old that is, and what went wrong since; so no database
and no broker that is down can keep a page waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from confluent_kafka import KafkaError, KafkaException

from asset_consumer.settings_error import SettingsError
from asset_reporting.storage_errors import classify, describe

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

WATCHED_S = 30.0
"""For how long after the last look somebody counts as watching."""

SLOW_S = 3.0
"""An answer that is not there after so long is told to be late."""

_log = logging.getLogger("asset_bridge.console")


class NotYetError(Exception):
    """Raised by a question that needs another source's answer first; no trouble of its own."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """The last answer, None before the first; `age_s` is how old it is, `trouble` what the last try ended with."""

    value: T | None
    age_s: float | None
    trouble: str

    @property
    def known(self) -> bool:
        """Whether there is an answer, however old."""
        return self.value is not None


class Source(Generic[T]):
    """Asks one question in a thread of its own: often while somebody is watching, now and then otherwise."""

    def __init__(self, name: str, ask: Callable[[], T], *, watched_s: float, idle_s: float) -> None:
        """Ask every `watched_s` seconds while somebody looks, and every `idle_s` otherwise."""
        self.name = name
        self.failure: SettingsError | None = None
        """Settings that can never work, which end the console."""
        self._ask = ask
        self._pauses = watched_s, idle_s
        self._value: T | None = None
        self._answered_at: float | None = None
        self._asked_at: float | None = None
        self._looked_at = -WATCHED_S
        self._trouble = ""
        self._started = False
        self._wake = threading.Event()
        self._settled = threading.Event()

    def start(self, stop: threading.Event) -> None:
        """Begin to ask; a daemon, for a question may hang in a library for minutes."""
        self._started = True
        threading.Thread(target=self._run, args=(stop,), name=f"console-{self.name}", daemon=True).start()

    def look(self) -> Fact[T]:
        """What is known now, at once."""
        self._notice()
        now = time.monotonic()
        asked, answered, trouble = self._asked_at, self._answered_at, self._trouble
        if asked is not None and now - asked > SLOW_S:
            trouble = f"no answer for {now - asked:.0f} s"
        return Fact(self._value, None if answered is None else now - answered, trouble)

    def peek(self) -> T | None:
        """The last answer, for another source: that is no looking."""
        return self._value

    def again(self) -> None:
        """Ask now: something was changed."""
        self._wake.set()

    def freshen(self, timeout_s: float) -> None:
        """Where nobody has looked for a while, give a new answer, or failure, a moment."""
        self._notice()
        if self._started:
            self._settled.wait(timeout_s)

    def learn(self, value: T) -> None:
        """Take an answer."""
        self._value, self._answered_at, self._trouble = value, time.monotonic(), ""

    def _notice(self) -> None:
        """Somebody looks."""
        watched = time.monotonic() - self._looked_at < WATCHED_S
        self._looked_at = time.monotonic()
        if not watched:
            self._settled.clear()
            self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set() and self.failure is None:
            self._wake.clear()
            self._ask_once()
            self._wake.wait(self._pause())

    def _pause(self) -> float:
        watched_s, idle_s = self._pauses
        return watched_s if time.monotonic() - self._looked_at < WATCHED_S else idle_s

    def _ask_once(self) -> None:
        self._asked_at = time.monotonic()
        try:
            value = self._ask()
        except NotYetError as error:
            self._trouble = str(error)
        except SettingsError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 # whatever it is, the page says so and goes on
            self._fail(error)
        else:
            self.learn(value)
        self._asked_at = None
        self._settled.set()

    def _fail(self, error: Exception) -> None:
        trouble = trouble_of(error)
        if not self._trouble:
            text = "The console gets no answer from %s: %s."
            _log.warning(text, self.name, trouble, extra={"happening": "console_source_failed", "source": self.name})
        self._trouble = trouble


MADE_FOR_OPERATORS = {"LetterFatesError", "OffsetsError", "TopicReaderError"}
"""Exceptions whose words are ours and hold no value."""


def is_outage(error: Exception) -> bool:
    """Whether Kafka or the database is what failed, and not we."""
    known = isinstance(error, KafkaException) or type(error).__name__ in MADE_FOR_OPERATORS
    return known or classify(error) == "unavailable"


def trouble_of(error: Exception) -> str:
    """Say what went wrong in words that hold no address, value or secret."""
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return f"Kafka: {error.args[0].name()}"
    return str(error) if type(error).__name__ in MADE_FOR_OPERATORS else describe(error)

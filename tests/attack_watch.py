"""What an attack must not bring about: a value that comes out again, a long computation, what nobody foresaw."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from attack_bytes import CANARY, NUMBER_CANARY

MAX_S: Final = 2.0
"""What one input may take: on the clock, and of computing, as the clock depends on what else the machine does."""

_FEW: Final = 100
"""So many inputs share a look at the time of computing, which costs more than most of them."""

_MARKS: Final = (CANARY.lower(), NUMBER_CANARY)

_BY_DESIGN: Final = {"event_recorded": {"asset_key"}, "event_rejected": {"where"}}
"""What log lines name so that an operator can find it: which asset (at DEBUG), and which endpoint or record."""

_PLAIN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)


_QUOTED: Final = re.compile(rb'"[^"]{0,63}(?:%s|%s)[^"]*"\s*:' % tuple(mark.encode() for mark in _MARKS), re.IGNORECASE)
"""A name whose beginning errors quote: a change of bytes can make one of a value."""


def leaks(text: str) -> bool:
    """Whether a value that was put in stands in it."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS)


@dataclass
class Watch:
    """Counts what was sent, and keeps what went wrong with the input that did it."""

    findings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    lines: int = 0
    slowest_s: float = 0.0
    sent: object = None
    _inputs: int = 0
    _computed_s: float = 0.0

    def found(self, what: str, sent: object) -> None:
        self.findings.append((what, repr(sent)[:20_000]))

    def check(self, ok: bool, what: str, sent: object) -> None:  # noqa: FBT001 # as an assertion
        if not ok:
            self.found(what, sent)

    def check_kept(self, text: str, how: str, sent: object, body: bytes) -> None:
        """See that no value stands in a text; the beginning of a name may."""
        if leaks(text) and not _QUOTED.search(body):
            self.found(f"{how}: {text[:2000]}", sent)

    @contextmanager
    def over(self, sent: object) -> Iterator[None]:
        """Watch what is computed for this input, and what is logged of it; within `all_logged`."""
        if self._inputs % _FEW == 0:
            self._computed_s = time.process_time()
        self._inputs += 1
        self.sent, began = sent, time.perf_counter()
        try:
            yield
        except Exception as error:  # that is the question
            self.found(f"raised {type(error).__name__}: {error}"[:500], sent)
        took_s = time.perf_counter() - began
        self.slowest_s = max(self.slowest_s, took_s)
        slow = took_s > MAX_S and time.process_time() - self._computed_s > MAX_S
        self.check(not slow, f"took {took_s:.1f} s", sent)


class _Handler(logging.Handler):
    """Looks at all of a log record: what is formatted of it is up to somebody's settings."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.lines += 1
        text = self.format(record)
        fields = {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        for name in _BY_DESIGN.get(str(fields.get("happening")), ()):
            fields.pop(name, None)
        written = f"{text} {json.dumps(fields, ensure_ascii=False, default=repr)}"
        sent: Any = self._watch.sent
        self._watch.check_kept(written, "logged", sent, getattr(sent, "body", b""))
        self._watch.check(record.levelno < logging.ERROR, f"logged as an error: {text[:2000]}", self._watch.sent)


@contextmanager
def all_logged(watch: Watch) -> Iterator[None]:
    """Let every logger say all that it has to say, and the watch look at it."""
    handler = _Handler(watch)
    names: list[Any] = [None, "asset_bridge", "asyncio"]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in before:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in before:
            logger.setLevel(level)

"""What `asset-bridge dlq replay` and `park` say: a line per letter, the sum, and a bar on a terminal."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from asset_consumer.letter_sender import ANY_PARTITION
from asset_consumer.one_line import one_line

if TYPE_CHECKING:
    from asset_consumer.letter_desk import LetterDesk
    from asset_consumer.letter_reader import LetterReader
    from asset_consumer.replay import Outcome
    from asset_consumer.replay_plan import Step

_WOULD: Final = {"replay": "would be replayed", "park": "would be parked", "leave": "would be left"}
_BAD: Final = {"left", "failed", "unsure", "would be left"}


@dataclass(slots=True)
class Tally:
    """Says what becomes of each letter, on stdout, and counts."""

    apply: bool
    as_json: bool
    stopped: str | None = None
    results: Counter[str] = field(default_factory=Counter[str])

    @property
    def count(self) -> int:
        """How many letters there were."""
        return self.results.total()

    @property
    def bad(self) -> int:
        """How many still wait for somebody."""
        return sum(number for result, number in self.results.items() if result in _BAD)

    def plan(self, steps: Iterable[Step]) -> None:
        """Say what would be done."""
        for step in steps:
            to = step.outgoing
            partition = "?" if to is None or to.partition == ANY_PARTITION else str(to.partition)
            place = None if to is None else f"{to.topic}/{partition}"
            self._tell(step, _WOULD[step.action], place)

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Say what was done."""
        for outcome in outcomes:
            self._tell(outcome, outcome.result, outcome.place)

    def say(self) -> None:
        """Say the sum, on stderr with --json."""
        sums = ", ".join(f"{number} {result}" for result, number in self.results.items()) or "No letter matches"
        stopped = f" Stopped before the end: {self.stopped}." if self.stopped else ""
        hint = "" if self.apply or not self.count else " Nothing was changed; --apply does it."
        click.echo(f"{sums}.{stopped}{hint}", err=self.as_json)

    def _tell(self, what: Step | Outcome, result: str, place: str | None) -> None:
        self.results[result] += 1
        letter = what.letter
        if self.as_json:
            told: dict[str, Any] = {"place": letter.place, "id": letter.id, "result": result, "to": place}
            _line(json.dumps({**told, "code": what.code, "why": what.why, "patched": what.patched}))
            return
        arrow = f" -> {place}" if place else ""
        patched = " (patched)" if what.patched else ""
        why = f"  {what.code}: {what.why}" if what.code else ""
        _line(one_line(f"{result}  {letter.place}{arrow}{patched}{why}"))


def _line(text: str) -> None:
    """Print a line at once; by `sys.stdout` as it is now, which lifts a bar on the same terminal out of the way."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def progress_bar(desk: LetterDesk, reader: LetterReader) -> Generator[None]:
    """Show on a terminal how far the topics are read."""
    import threading  # noqa: PLC0415 # late, with the rest

    from rich.console import Console  # noqa: PLC0415 # late: `--help` needs no bars
    from rich.progress import Progress  # noqa: PLC0415 # see above

    from asset_consumer.topic_reader import count_records  # noqa: PLC0415 # see above

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    over = threading.Event()
    lines_go_there_too = sys.stdout.isatty()  # else they must reach the file or pipe, and not the terminal
    with Progress(console=console, transient=True, redirect_stdout=lines_go_there_too) as bar:
        task = bar.add_task("letters read", total=count_records(desk.settings, desk.topics))

        def follow() -> None:
            while not over.wait(0.2):
                bar.update(task, completed=reader.seen)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()

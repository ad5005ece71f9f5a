"""Do what is planned with dead letters, batch by batch, and tell of each what became of it.

Per batch: claim the letters, send, await every acknowledgement, write down what became of them. Whoever dies in
between leaves claims, which say that these letters may have been sent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from asset_consumer.letter_sender import Answer
from asset_consumer.missing_right import named
from asset_consumer.replay_plan import Step
from asset_reporting.letter_fates import Fate, LetterFatesError

if TYPE_CHECKING:
    import threading

    from asset_consumer.letter_sender import LetterSender
    from asset_consumer.letters import Letter
    from asset_consumer.replay_plan import ReplayPlan
    from asset_reporting.letter_fates import LetterFates, Place

Result: TypeAlias = Literal["replayed", "parked", "left", "failed", "unsure", "taken"]
"""`left`: something stood in its way. `failed`: Kafka refused it. `unsure`: it may have been sent. `taken`: somebody
else has worked it meanwhile, or is at it."""

OnFailure: TypeAlias = Literal["leave", "park", "stop"]
"""What to do with a letter that cannot be sent: leave it as it is, park it, or leave it and stop."""

BATCH_LETTERS: Final = 100
BATCH_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one letter; `place` is where Kafka has put it, `code` and `why` tell what stood in the way."""

    letter: Letter
    result: Result
    place: str | None = None
    code: str | None = None
    why: str | None = None
    patched: bool = False

    @property
    def good(self) -> bool:
        """Whether this letter needs nobody any more."""
        return self.result in {"replayed", "parked", "taken"}


@dataclass(slots=True)
class Replay:
    """A run over planned letters; `stopped` tells why it ended before the last of them."""

    plan: ReplayPlan
    sender: LetterSender
    fates: LetterFates
    by: str
    stop: threading.Event
    on_failure: OnFailure = "leave"
    rate: float | None = None
    stopped: str | None = None

    def run(self, steps: Iterable[Step]) -> Iterator[Outcome]:
        """Do it, in the order of the steps; raises what the database raises, after which claims may be left."""
        for batch in self._batches(steps):
            if self.stop.is_set():
                self.stopped = "told to stop"
                return
            began = time.monotonic()  # of this batch: what the one before took longer is not caught up with
            for outcome in self._work(batch):
                yield outcome
                if self.on_failure == "stop" and not outcome.good:
                    self.stopped = self.stopped or "a letter failed"
            if self.stopped:
                return
            if self.rate is not None:
                sent = sum(step.outgoing is not None for step in batch)
                self.stop.wait(max(0.0, began + sent / self.rate - time.monotonic()))

    def _batches(self, steps: Iterable[Step]) -> Iterator[list[Step]]:
        """Small ones where each letter decides over the next, or where few a second are wanted."""
        most = BATCH_LETTERS if self.rate is None else min(BATCH_LETTERS, max(1, math.ceil(self.rate / 4)))
        most = 1 if self.on_failure == "stop" else most
        batch, size = list[Step](), 0
        for step in steps:
            batch.append(step)
            size += step.outgoing.size if step.outgoing else 0
            if len(batch) >= most or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _work(self, batch: Sequence[Step]) -> Iterator[Outcome]:
        todo = [step for step in batch if step.outgoing is not None]
        claimed = self.fates.claim([step.letter.fate_place for step in todo], self.by)
        ours = [step for step in todo if step.letter.fate_place in claimed]
        outcomes = self._send(ours)
        retried = [step for step, outcome in zip(ours, outcomes, strict=True) if self._again(step, outcome)]
        again = dict(zip((step.letter.fate_place for step in retried), self._send_parked(retried), strict=True))
        done = {outcome.letter.fate_place: outcome for outcome in outcomes} | again
        trouble = self._settle(list(done.values()))
        for step in batch:
            place = step.letter.fate_place
            if step.outgoing is None:
                yield Outcome(step.letter, "left", None, step.code, step.why)
            elif place in done:
                yield done[place]
            else:
                yield Outcome(step.letter, "taken", None, "letter.taken", "Somebody else has worked it, or is at it.")
        if trouble is not None:  # after the account: what Kafka has is known, if only here
            raise trouble

    def _send(self, steps: Sequence[Step]) -> list[Outcome]:
        answers = self.sender.send([step.outgoing for step in steps if step.outgoing is not None]) if steps else []
        for answer in answers:
            if answer.error is not None and not answer.of_this_record:
                self.stopped = f"Kafka does not take letters now: {answer.error}"
        return [_outcome(step, answer) for step, answer in zip(steps, answers, strict=True)]

    def _again(self, step: Step, outcome: Outcome) -> bool:
        """Whether Kafka has refused the record for what it is, and it is to be parked instead."""
        return outcome.result == "failed" and step.action == "replay" and self.on_failure == "park" and not self.stopped

    def _send_parked(self, steps: Sequence[Step]) -> list[Outcome]:
        planned = [self.plan.park(step.letter, "kafka.refused", "Kafka refuses the record.") for step in steps]
        sent = iter(self._send([step for step in planned if step.outgoing is not None]))
        return [
            next(sent) if step.outgoing is not None else Outcome(step.letter, "failed", None, step.code, step.why)
            for step in planned
        ]

    def _settle(self, outcomes: Sequence[Outcome]) -> LetterFatesError | None:
        """Write down what became of them; returns why that did not go."""
        now = int(time.time())
        settled: dict[Place, Fate] = {}
        free: list[Place] = []
        for outcome in outcomes:
            match outcome.result:
                case "replayed" | "parked" as state:
                    settled[outcome.letter.fate_place] = Fate(state, now, self.by, outcome.patched)
                case "failed":
                    free.append(outcome.letter.fate_place)
                case _:  # a claim stays: nobody can say whether it was sent
                    pass
        try:
            if settled or free:
                self.fates.settle(settled, free)
        except LetterFatesError as error:
            return error
        return None


def _outcome(step: Step, answer: Answer) -> Outcome:
    if answer.place is not None:
        result: Result = "replayed" if step.action == "replay" else "parked"
        return Outcome(step.letter, result, answer.place, step.code, step.why, step.patched)
    error = named(answer.error or "", "WRITE", step.outgoing.topic if step.outgoing else "it")
    if answer.unsure:
        why = f"It may have been sent: {error}. It can be sent again in five minutes."
        return Outcome(step.letter, "unsure", None, "kafka.unsure", why)
    return Outcome(step.letter, "failed", None, "kafka.refused", f"Kafka refuses it: {error}.")

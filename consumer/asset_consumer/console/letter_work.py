"""Working letters: what would be done with each, and doing it. Blocking; the rules are those of `asset-bridge dlq`."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_consumer.classify import classify
from asset_consumer.console.edits import DiffLine, difference, edited
from asset_consumer.consume import consumer_options, letter_config
from asset_consumer.framed import RegistryUnavailableError
from asset_consumer.letter_filter import LetterFilter
from asset_consumer.letter_judge import refusal
from asset_consumer.letter_patch import PatchError, read_patch
from asset_consumer.letter_reader import LetterReader
from asset_consumer.letter_sender import LetterSender
from asset_consumer.registry_client import open_schema_registry
from asset_consumer.replay import Outcome, Replay
from asset_consumer.replay_plan import ReplayOptions, ReplayPlan, Step
from asset_consumer.topic_reader import cluster_id, extents, first_offsets
from asset_reporting.recorders import letter_fates

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator

    from dagster import DagsterInstance

    from asset_consumer.letter_patch import NewValue, Patch
    from asset_consumer.letters import Letter
    from asset_consumer.settings import Settings
    from asset_events import ErrorDetail
    from asset_reporting.letter_fates import LetterFates

Action: TypeAlias = Literal["replay", "park"]

SHOWN_STEPS = 20

LetterPlace: TypeAlias = tuple[str, int, int]


class WorkError(Exception):
    """Raised when letters cannot be worked as asked; says why to who asked, without a value."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants: which letters, what with them, and how their values are corrected, if they are."""

    action: Action
    places: tuple[LetterPlace, ...]
    by: str
    edit: str | None = None
    """The whole value anew, for one letter."""
    patch: str | None = None
    """RFC 6902 operations, for any number."""

    @property
    def fixes(self) -> bool:
        """Whether values are corrected."""
        return self.edit is not None or self.patch is not None


@dataclass(frozen=True, slots=True)
class StepLine:
    """What would be done with one letter."""

    at: str
    asset: str | None
    action: str
    to: str
    why: str
    patched: bool


@dataclass(frozen=True, slots=True)
class Foresight:
    """What an order would do: how many letters of each kind, why some are left, and each of the first."""

    counts: Counter[str]
    reasons: tuple[tuple[str, int], ...]
    steps: tuple[StepLine, ...]
    missing: int
    changes: tuple[DiffLine, ...] = ()
    corrected: bytes | None = None
    """For one letter that is corrected: its new value, and what is wrong with it."""
    errors: tuple[ErrorDetail, ...] = ()

    @property
    def doing(self) -> int:
        """How many letters something would be done with."""
        return self.counts["replay"] + self.counts["park"]


@contextmanager
def _plan(settings: Settings, order: Order, letters: Letter | None) -> Generator[tuple[ReplayPlan, LetterSender]]:
    options = ReplayOptions(
        by=order.by,
        inputs=frozenset(topic.name for topic in settings.kafka.topics),
        patch=_correction(order, letters),
        original_time=settings.event_time == "record",
    )
    sender = LetterSender(letter_config(settings), settings.kafka.admin_timeout_s)
    try:
        with open_schema_registry(settings) as frames:
            check = partial(refusal, consumer_options(settings), frames=frames)
            yield ReplayPlan(options, sender.partitions, check), sender
    finally:
        sender.close()


def _correction(order: Order, letter: Letter | None) -> Patch | NewValue | None:
    if order.edit is not None and letter is not None:
        return edited(order.edit, letter.record.value)
    if order.patch is None:
        return None
    try:
        return read_patch(order.patch.encode("utf-8", "surrogatepass"))
    except PatchError as error:
        raise WorkError(f"The patch {error}.") from None


def check(order: Order) -> None:
    """Look at an order itself, before any letter is read.

    Raises:
        WorkError: Its patch is none.
    """
    _correction(order, None)


def foresee(settings: Settings, order: Order, instance: DagsterInstance) -> Foresight:
    """Say what an order would do; changes nothing.

    Raises:
        WorkError: The letters, or the correction, are not what they should be.
        TopicReaderError: Kafka does not answer.
    """
    counts, reasons, steps = Counter[str](), Counter[str](), list[StepLine]()
    found, corrected = 0, None
    changes: list[DiffLine] = []
    errors: tuple[ErrorDetail, ...] = ()
    letters = _letters(settings, order, _fates(settings, instance))
    first = next(letters, None)
    with _plan(settings, order, first) as (plan, _):
        for letter in _with(first, letters):
            found += 1
            step = _step(plan, order, letter)
            counts[step.action] += 1
            if step.why:
                reasons[step.why] += 1
            if len(steps) < SHOWN_STEPS:
                steps.append(_line(step))
            if order.fixes and len(order.places) == 1:
                changes, corrected, errors = _corrected(settings, order, letter)
    return Foresight(
        counts=counts,
        reasons=tuple(reasons.most_common(10)),
        steps=tuple(steps),
        missing=len(order.places) - found,
        changes=tuple(changes),
        corrected=corrected,
        errors=errors,
    )


def carry_out(
    settings: Settings, order: Order, instance: DagsterInstance, stop: threading.Event, tell: Callable[[Outcome], None]
) -> str | None:
    """Do it; `tell` is called for each letter. Returns why it ended before the last, None if it did not.

    Raises:
        WorkError: As `foresee`.
        TopicReaderError: Kafka does not answer.
        LetterFatesError: Dagster's database does not answer; claims may be left.
    """
    fates = _fates(settings, instance)
    for topic in {topic for topic, _, _ in order.places}:
        fates.forget(topic, first_offsets(settings, topic))
    letters = _letters(settings, order, fates)
    first = next(letters, None)
    with _plan(settings, order, first) as (plan, sender):
        run = Replay(plan, sender, fates, order.by, stop)
        for outcome in run.run(_step(plan, order, letter) for letter in _with(first, letters)):
            tell(outcome)
    return run.stopped


def _step(plan: ReplayPlan, order: Order, letter: Letter) -> Step:
    return plan.park(letter) if order.action == "park" else plan.replay(letter)


def _letters(settings: Settings, order: Order, fates: LetterFates) -> Iterator[Letter]:
    """The letters at the order's places that still are open, topic by topic."""
    wanted = set(order.places)
    for topic in sorted({topic for topic, _, _ in wanted}):
        reader = LetterReader(settings, [topic], fates)
        if len(wanted) == 1:
            letter = reader.letter_at(*order.places[0])
            chosen = iter([letter] if letter is not None else [])
        else:
            chosen = reader.letters(LetterFilter(states=frozenset()), last=_reach(settings, topic, wanted))
        for letter in chosen:
            if (letter.topic, letter.partition, letter.offset) in wanted and letter.state in {"open", "unsure"}:
                yield letter


def _reach(settings: Settings, topic: str, wanted: set[LetterPlace]) -> int:
    """How many offsets before each partition's end lie all the letters that are wanted."""
    ends = extents(settings, topic)
    return max(
        (ends[partition][1] - offset for name, partition, offset in wanted if name == topic and partition in ends),
        default=0,
    )


def _with(first: Letter | None, others: Iterator[Letter]) -> Iterator[Letter]:
    if first is not None:
        yield first
        yield from others


def _fates(settings: Settings, instance: DagsterInstance) -> LetterFates:
    fates = letter_fates(instance, cluster_id(settings))
    if fates is None:
        raise WorkError("This Dagster storage cannot remember what became of letters, so none can be worked here.")
    return fates


def _line(step: Step) -> StepLine:
    outgoing = step.outgoing
    to = "" if outgoing is None else f"{outgoing.topic}/{outgoing.partition if outgoing.partition >= 0 else '?'}"
    return StepLine(step.letter.place, step.letter.asset, step.action, to, step.why or "", step.patched)


def _corrected(
    settings: Settings, order: Order, letter: Letter
) -> tuple[list[DiffLine], bytes | None, tuple[ErrorDetail, ...]]:
    """The difference, the new value, and everything that the consumer would find wrong with it."""
    correction = _correction(order, letter)
    try:
        value = correction.apply(letter.record.value) if correction else letter.record.value
    except PatchError:  # the step says so
        return [], None, ()
    record = replace(letter.record, value=value)
    with open_schema_registry(settings) as frames:
        try:
            item = classify(consumer_options(settings), record, frames)
        except RegistryUnavailableError:  # see above
            return difference(letter.record.value, value), value, ()
    return difference(letter.record.value, value), value, item.reason.errors if item.reason else ()

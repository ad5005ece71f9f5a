"""What somebody wants done with letters: which, what, and how their values are corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_consumer.console.edits import edited
from asset_consumer.letter_filter import LetterFilter
from asset_consumer.letter_patch import PatchError, read_patch
from asset_consumer.letter_reader import LetterReader
from asset_consumer.topic_reader import extents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asset_consumer.letter_patch import NewValue, Patch
    from asset_consumer.letters import Letter
    from asset_consumer.settings import Settings
    from asset_reporting.letter_fates import LetterFates

Action: TypeAlias = Literal["replay", "park"]

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


def check(order: Order) -> None:
    """Look at an order itself, before any letter is read.

    Raises:
        WorkError: Its patch is none.
    """
    correction(order, None)


def correction(order: Order, letter: Letter | None) -> Patch | NewValue | None:
    """How the value of a letter is to be corrected; None when it is not.

    Raises:
        WorkError: The patch is none.
    """
    if order.edit is not None and letter is not None:
        return edited(order.edit, letter.record.value)
    if order.patch is None:
        return None
    try:
        return read_patch(order.patch.encode("utf-8", "surrogatepass"))
    except PatchError as error:
        raise WorkError(f"The patch {error}.") from None


def open_letters(settings: Settings, order: Order, fates: LetterFates) -> Iterator[Letter]:
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

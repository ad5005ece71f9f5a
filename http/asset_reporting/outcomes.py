"""What became of one event: every report ends in exactly one of these seven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from asset_events.errors import ErrorDetail


@dataclass(frozen=True, slots=True)
class Recorded:
    """The event is in Dagster's event log under this storage id (None where the storage does not tell its id).

    `replayed`: it was there already, under the same idempotency key, and was not recorded again.
    """

    event_id: int | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Acceptable:
    """The event would be recorded; it was only asked whether it would."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The event can never be recorded as it is; the errors say why. Dead-letter it, or answer 4xx."""

    errors: tuple[ErrorDetail, ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The storage does not work now. Nothing is said about the event: hold it and try again, or answer 503.

    `may_be_recorded`: it broke off where nobody can tell, as at a commit whose answer is lost.
    """

    reason: str
    may_be_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """An error nobody foresaw, while the storage answers. Answer 500, or retry and isolate; `reason` has no values."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was recorded, because of other events of the batch; report this one again, without them."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """Nothing was recorded: the offset ledger is not where this batch begins. Read the ledger and go on from there."""


Outcome: TypeAlias = Recorded | Acceptable | Rejected | Unavailable | Failed | Again | Fenced

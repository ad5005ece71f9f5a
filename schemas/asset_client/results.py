"""What a reporter returns of an event that arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reported:
    """An event that is recorded. `event_id` is its storage id in Dagster, None where the storage does not tell it."""

    event_id: str | None
    replayed: bool
    """Whether it was recorded before, under the same idempotency key."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event that the topic has."""

    topic: str
    partition: int
    offset: int

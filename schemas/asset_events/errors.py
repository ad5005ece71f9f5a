"""What can be wrong with an event: stable codes, and the exceptions that carry them.

The exception hierarchy:

* AssetEventError
  * InvalidEventError

Codes are part of the contract: they appear in HTTP answers, in dead-letter headers and in `docs/errors.md`, and are
never renamed. A message says what is wrong in words a sender can act on; it never repeats a value of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["decode", "envelope", "schema", "target", "size", "record"]
"""Where on its way an event was refused; dead letters carry it, so that a reader can filter by it."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One stable error code.

    `http_status` is the answer to a post; `stage` is the dead-letter stage, None where a record is never dead-lettered.
    """

    code: str
    http_status: int
    stage: Stage | None
    meaning: str


_CODES = (
    ErrorCode("json.malformed", 400, "decode", "The bytes are not one JSON object in UTF-8."),
    ErrorCode("content_type.unsupported", 400, "decode", "The body is not declared as application/json."),
    ErrorCode("encoding.unsupported", 400, "decode", "The bytes are compressed, framed or in another character set."),
    ErrorCode("tombstone", 400, "decode", "The record has no value (null)."),
    ErrorCode("event_type.missing", 400, "envelope", "Nothing says which kind of event this is."),
    ErrorCode("event_type.unknown", 400, "envelope", "The event type is none of the three."),
    ErrorCode(
        "event_type.mismatch", 400, "envelope", "The event type differs from the one its endpoint or topic takes."
    ),
    ErrorCode("field.missing", 400, "schema", "A required field is not there."),
    ErrorCode("field.unknown", 400, "schema", "A field is not part of the contract."),
    ErrorCode("schema.invalid", 400, "schema", "A field has the wrong type, form or length."),
    ErrorCode("asset.unknown", 404, "target", "No loaded code location defines this asset (mode `reject`)."),
    ErrorCode("check.unknown", 404, "target", "No loaded code location defines this check (mode `reject`)."),
    ErrorCode("partition.unknown", 400, "target", "The asset has no such partition (mode `reject`)."),
    ErrorCode("partition.unsupported", 400, "target", "The installed Dagster keeps no partition of a check's result."),
    ErrorCode("api_key.invalid", 401, None, "There is no API key, or it is unknown, expired or not valid yet."),
    ErrorCode("asset.forbidden", 403, "target", "The scopes of the key or topic do not include this event's asset."),
    ErrorCode("route.unknown", 404, None, "Nothing is served under this path."),
    ErrorCode("method.unsupported", 405, None, "The path does not take this HTTP method."),
    ErrorCode("rate.limited", 429, None, "This API key makes more requests than it may; send it again later."),
    ErrorCode("event.too_large", 413, "size", "The event is larger than the limit."),
    ErrorCode("idempotency_key.reused", 409, "record", "The idempotency key was used for another event."),
    ErrorCode("storage.rejected", 400, "record", "Dagster's database refuses this event for its content."),
    ErrorCode("storage.unavailable", 503, None, "Dagster's database does not answer; send the event again later."),
    ErrorCode("internal", 500, "record", "The event could not be processed for a reason nobody foresaw."),
)

ERROR_CODES = {entry.code: entry for entry in _CODES}
"""Every code by its name."""


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One thing that is wrong: where (a JSON pointer, empty for the whole event), which code, and in words."""

    path: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The form in HTTP answers and dead-letter headers."""
        return {"path": self.path, "code": self.code, "message": self.message}


class AssetEventError(Exception):
    """Base of everything `asset_events` raises."""


class InvalidEventError(AssetEventError):
    """Raised when bytes or fields are not a valid asset event; sending the same again cannot succeed."""

    def __init__(self, errors: Sequence[ErrorDetail]) -> None:
        """Take at least one error; the first gives the exception its code."""
        if not errors:
            raise ValueError("an InvalidEventError needs at least one error")
        self.errors = tuple(errors)
        super().__init__(f"{self.code}: {self.errors[0].message}")

    @property
    def code(self) -> str:
        """The first error's code: what an answer and a dead letter are filed under."""
        return self.errors[0].code

"""What a reporter raises: refused for good, or not reported.

The exception hierarchy:

* ReportError
  * EventRefusedError: sending the same event again cannot succeed
  * NotReportedError: given up; sending it again may succeed
"""

from __future__ import annotations

from collections.abc import Sequence

from asset_events import ErrorDetail


class ReportError(Exception):
    """Base of what a reporter raises of an event; no message holds a value of the event."""


class EventRefusedError(ReportError):
    """Raised when the event is refused, here or by the server; sending the same again cannot succeed."""

    def __init__(self, errors: Sequence[ErrorDetail]) -> None:
        """Take at least one error; the first gives the exception its code."""
        self.errors = tuple(errors)
        super().__init__(self.errors)  # what it was made of, so that it can be pickled

    @property
    def code(self) -> str:
        """The first error's code; docs/errors.md lists them, and `http.404` is an answer that is not asset-bridge's."""
        return self.errors[0].code

    def __str__(self) -> str:
        """One line: every error with its code and path."""
        return "; ".join(" ".join(filter(None, (e.code, e.path, e.message))) for e in self.errors)


class NotReportedError(ReportError):
    """Raised when the event was not acknowledged within the deadline, or in a way that cannot be understood.

    `may_be_recorded` says whether it may still have been recorded, or be recorded later: then send it again only with
    an idempotency key of your own, given the first time as well. False means that it never will be.
    """

    def __init__(self, reason: str, may_be_recorded: bool) -> None:  # noqa: FBT001 # as pickle calls it
        self.reason, self.may_be_recorded = reason, may_be_recorded
        super().__init__(reason, may_be_recorded)

    def __str__(self) -> str:
        """Why, and what is known of the event."""
        return f"{self.reason}; the event {'may still be recorded' if self.may_be_recorded else 'was not recorded'}"

"""How the validators of this package say no: with a reason in words, never with the value.

A reason is what follows the field's name in a sentence: "must not be empty".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indices from a value down to the part that is wrong."""

REFUSED = "schema.invalid"
"""Pydantic's error type of every refusal made here; also the contract's error code for it."""


def refusal(reason: str) -> PydanticCustomError:
    """Make the error that a validator raises when the whole value is wrong."""
    return PydanticCustomError(REFUSED, "{reason}", {"reason": reason})


def refusals(problems: Iterable[tuple[Location, str]]) -> ValidationError:
    """Make the error that a validator raises when parts of a value are wrong: one error per (location, reason)."""
    # The input is left out: whoever prints the error must not print the event.
    details = [InitErrorDetails(type=refusal(reason), loc=location, input=None) for location, reason in problems]
    return ValidationError.from_exception_data("event", details, hide_input=True)

"""How a right that is missing on the brokers is named: an error's name alone says neither which nor on what."""

from __future__ import annotations

from typing import Final

# The last one is what an idempotent producer hears that may write to no topic at all.
_REFUSED: Final = ("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")


def named(reason: str, operation: str, resource: str) -> str:
    """The reason, and behind it the right that is missing where it ends with the name of such an error."""
    return f"{reason} ({operation} on {resource} is missing)" if reason.endswith(_REFUSED) else reason

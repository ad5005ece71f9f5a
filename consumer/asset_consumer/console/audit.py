"""One line of log for everything that is done by the console: who, what, to which letters, and how it ended.

Never a payload or a key: who reads logs need not be who may read letters.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_log = logging.getLogger("asset_bridge.audit")


def signed_in(who: str, role: str, address: str) -> None:
    """Somebody gave a good key."""
    fields = {"happening": "console_signed_in", "who": who, "role": role, "address": address}
    _log.info("Somebody signed in to the console.", extra=fields)


def sign_in_refused(address: str) -> None:
    """Somebody gave a key that is none."""
    fields = {"happening": "console_sign_in_refused", "address": address}
    _log.warning("The console refused a key.", extra=fields)


def signed_out(who: str) -> None:
    """Somebody ended their session."""
    _log.info("Somebody signed out of the console.", extra={"happening": "console_signed_out", "who": who})


def begun(who: str, action: str, letters: Sequence[str]) -> None:
    """Somebody has said yes: what follows may take a while, and the process may die over it."""
    fields = {"happening": "console_action_begun", "who": who, "action": action, "letters": list(letters)}
    _log.info("Somebody began to work dead letters by the console.", extra=fields)


def acted(who: str, action: str, outcomes: Mapping[str, str], problem: str) -> None:
    """It has ended; `outcomes` has what became of each letter, by its place, `problem` why it ended early."""
    fields = {"happening": "console_action", "who": who, "action": action, "letters": dict(outcomes)}
    text = "Somebody worked dead letters by the console."
    _log.info(text, extra=fields | ({"problem": problem} if problem else {}))


def paused(who: str, action: str, topic: str) -> None:
    """Somebody has paused or resumed a topic."""
    fields = {"happening": "console_paused", "who": who, "action": action, "topic": topic}
    _log.info("Somebody paused or resumed a topic by the console.", extra=fields)


def refused(who: str, action: str, reason: str) -> None:
    """Something was asked for that could not be, or may not be, done."""
    fields = {"happening": "console_action_refused", "who": who, "action": action, "reason": reason}
    _log.warning("The console refused to work dead letters.", extra=fields)

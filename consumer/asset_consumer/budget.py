"""How many dead letters for unforeseen errors may be written: an outage in disguise must not flood the topic."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

MOST_TOKENS = 50
REFILL_S = 300.0


@dataclass(slots=True)
class DeadLetterBudget:
    """Tokens earned by recorded events (one each, 50 at most) and by patience (one per five minutes).

    The numbers are uForwarder's (`DlqDispatchManager`). Starting at zero means that an error which hits every event,
    such as a defect of ours, holds instead of emptying the topic into the dead letters.
    """

    tokens: float = 0.0
    _refilled_at: float = field(default_factory=time.monotonic)

    def earn(self, recorded: int) -> None:
        """Count events that went through: the storage works and its neighbours are fine."""
        self.tokens = min(MOST_TOKENS, self.tokens + recorded)

    def spend(self) -> bool:
        """Take one token; False when there is none and the record must be held instead."""
        now = time.monotonic()
        self.tokens = min(MOST_TOKENS, self.tokens + (now - self._refilled_at) / REFILL_S)
        self._refilled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

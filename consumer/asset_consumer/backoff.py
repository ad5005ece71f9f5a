"""How long to wait before trying again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

FIRST_S = 0.5
LONGEST_S = 30.0


@dataclass(slots=True)
class Backoff:
    """Why something is held and when to try it again: 0.5 s, doubled up to 30 s, with full jitter.

    Full jitter (any wait up to the bound) keeps replicas that failed together from coming back together
    (AWS Architecture Blog, "Exponential Backoff And Jitter").
    """

    reason: str
    tries: int = 0
    retry_at: float = 0.0

    def again(self, reason: str) -> None:
        """Note one more failure and set the next try."""
        self.reason = reason
        self.retry_at = time.monotonic() + random.uniform(0, min(LONGEST_S, FIRST_S * 2**self.tries))  # noqa: S311 # no secret
        self.tries += 1

    @property
    def due(self) -> bool:
        """Whether it is time to try."""
        return time.monotonic() >= self.retry_at


def held(reason: str) -> Backoff:
    """Begin to hold."""
    backoff = Backoff(reason)
    backoff.again(reason)
    return backoff

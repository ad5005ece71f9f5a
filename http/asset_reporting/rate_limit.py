"""How many requests a key may make: a token bucket for each, in this process alone."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEYS = 10_000
"""Buckets that are kept; the one that was used least lately is forgotten, and full when its key comes again."""


class RateLimit:
    """`per_s` requests a second in the long run, and `burst` at once. For one thread: the event loop's."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with every bucket full."""
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key_id: str) -> int:
        """Take a token and return 0; or take none, and return the whole seconds after which there is one."""
        now = self._clock()
        tokens, then = self._buckets.get(key_id, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - then) * self._per_s)
        admitted = tokens >= 1
        self._buckets[key_id] = (tokens - admitted, now)
        self._buckets.move_to_end(key_id)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return 0 if admitted else max(1, math.ceil((1 - tokens) / self._per_s))

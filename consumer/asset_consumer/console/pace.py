"""How fast the group moves: the ways between looks at where it stands."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW_S = 10.0
"""Over how long a rate is measured, at least."""

KEPT_S = 300.0
"""For how long looks are kept, for the curve."""

STEPS = 60
"""Points of the curve."""

_Look = tuple[float, dict[tuple[str, int], int]]


class Pace:
    """Keeps the looks of the last minutes; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet."""
        self._clock = clock
        self._looks: deque[_Look] = deque()
        self._lock = threading.Lock()

    def note(self, stands: Mapping[tuple[str, int], int]) -> None:
        """Take where each Kafka partition stands now."""
        now = self._clock()
        with self._lock:
            self._looks.append((now, dict(stands)))
            while self._looks and now - self._looks[0][0] > KEPT_S + WINDOW_S:
                self._looks.popleft()

    def rates(self) -> dict[tuple[str, int], float] | None:
        """Records per second of each Kafka partition in the last seconds; None before the second look."""
        with self._lock:
            if len(self._looks) < 2:  # noqa: PLR2004 # a way has two ends
                return None
            new_at, new = self._looks[-1]
            before = [look for look in self._looks if new_at - look[0] >= WINDOW_S] or [self._looks[0]]
            old_at, old = before[-1]
        span = max(new_at - old_at, 0.001)
        # A reset moves backwards, or far ahead: the first is no rate, the second looks like one for some seconds.
        return {place: max(0, offset - old.get(place, offset)) / span for place, offset in new.items()}

    def curve(self) -> list[float | None]:
        """Records per second of the whole group over the last minutes, oldest first; None where nobody looked yet."""
        with self._lock:
            looks = list(self._looks)
        points: list[float | None] = []
        if not looks:
            return points
        end, step = looks[-1][0], KEPT_S / STEPS
        for number in range(STEPS):
            begin = end - KEPT_S + number * step
            inside = [look for look in looks if begin <= look[0] <= begin + step * 1.5]
            points.append(_rate(inside))
        return points


def _rate(looks: list[_Look]) -> float | None:
    if len(looks) < 2:  # noqa: PLR2004 # see above
        return None
    (old_at, old), (new_at, new) = looks[0], looks[-1]
    moved = sum(max(0, offset - old.get(place, offset)) for place, offset in new.items())
    return moved / max(new_at - old_at, 0.001)

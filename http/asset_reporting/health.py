"""Is this process alive, and is it ready? Facts set by whoever knows them, read by the probes; nothing is asked here.

Alive means that the consumer's loop turns (a server of HTTP alone has no loop: answering the probe is the proof).
Ready means that every named condition holds; started, that it has once been ready. An outage elsewhere makes a process
unready, never dead.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that has to hold for readiness; `reason` says why it does not, without values or secrets."""

    ok: bool
    reason: str


class Health:
    """Thread-safe holder of conditions, facts and a heartbeat, shared by the HTTP server and the consumer."""

    def __init__(self, max_beat_age_s: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Without `max_beat_age_s` (seconds) there is no heartbeat to miss.

        With it, none is missed before the first: a process that waits for a database to start with is not dead.
        """
        self._max_beat_age_s = max_beat_age_s
        self._clock = clock
        self._beat_at: float | None = None
        self._lock = threading.Lock()
        self._conditions: dict[str, Condition] = {}
        self._facts: dict[str, Any] = {}
        self._started = False

    def set(self, name: str, ok: bool, reason: str = "") -> bool:  # noqa: FBT001 # callers name it, or have it at hand
        """State whether a condition holds; True when that is news, so that the caller logs transitions only."""
        with self._lock:
            before = self._conditions.get(name)
            self._conditions[name] = Condition(ok, "" if ok else reason)
            self._started = self._started or _all_hold(self._conditions)
        return before is None or before.ok != ok

    def note(self, name: str, value: Any) -> None:  # noqa: ANN401 # any JSON value
        """Add a fact to the readiness document that is no condition, such as the recorder and its guarantee."""
        with self._lock:
            self._facts[name] = value

    def beat(self) -> None:
        """Say that the loop has turned once more."""
        self._beat_at = self._clock()

    def _beat_age_s(self) -> float:
        return 0.0 if self._beat_at is None else self._clock() - self._beat_at

    @property
    def ready(self) -> bool:
        """True when every condition holds; False as long as none is known."""
        with self._lock:
            return _all_hold(self._conditions)

    @property
    def started(self) -> bool:
        """True once every condition has held at the same time, whatever came after."""
        return self._started

    @property
    def heartbeat_age_s(self) -> float | None:
        """Seconds since the loop turned last; None where there is no heartbeat."""
        return None if self._max_beat_age_s is None else self._beat_age_s()

    def conditions(self) -> dict[str, bool]:
        """Which conditions are known, and whether they hold."""
        with self._lock:
            return {name: condition.ok for name, condition in self._conditions.items()}

    @property
    def alive(self) -> bool:
        """True while the heartbeat is young enough, and always where there is none."""
        return self._max_beat_age_s is None or self._beat_age_s() <= self._max_beat_age_s

    def report(self) -> dict[str, Any]:
        """Return the readiness document: status, every condition with its reason, and the facts."""
        with self._lock:
            status = "ready" if _all_hold(self._conditions) else "not ready"
            conditions = {name: asdict(condition) for name, condition in sorted(self._conditions.items())}
            return {"status": status, "conditions": conditions, **self._facts}

    def liveness(self) -> dict[str, Any]:
        """Return the liveness document: status and, where there is a heartbeat, its age in seconds."""
        document: dict[str, Any] = {"status": "alive" if self.alive else "stalled"}
        if self._max_beat_age_s is not None:
            document["heartbeat_age_s"] = round(self._beat_age_s(), 1)
            document["heartbeat_max_age_s"] = self._max_beat_age_s
        return document


def _all_hold(conditions: Mapping[str, Condition]) -> bool:
    return bool(conditions) and all(condition.ok for condition in conditions.values())

"""How many events to record at a time, so that one transaction is over within a moment.

From its first storage id to its commit a transaction holds back every other writer of ours, and a writer that is none
of ours may overtake it (docs/guarantees.md): the shorter, the better. What fits depends on database, disk and events.
"""

from __future__ import annotations

WINDOW_S = 0.05
"""How long a transaction shall hold the writers' lock: tens of milliseconds, as a human does not notice."""

FIRST_EVENTS = 1000
"""Where to begin: about right for a PostgreSQL nearby."""

LEAST_EVENTS, MOST_EVENTS = 100, 10_000
"""Below, each event pays for the flush to disk, and only a failure leads there; above, what is gained cannot be
measured."""

_FASTEST_DOWN, _FASTEST_UP = 0.5, 1.1


def adapted(size: int, events: int, window_s: float) -> int:
    """The next batch size, once `events` have held the lock for `window_s` seconds: down quickly, up slowly.

    A batch of less than half the size says nothing about a full one, whose fixed cost is spread over more.
    """
    if 2 * events < size:
        return size
    if size < LEAST_EVENTS:
        return min(2 * size, LEAST_EVENTS)
    # A batch in between that was over in time must not make the next one smaller: the database is fast enough.
    least = size if window_s <= WINDOW_S else LEAST_EVENTS
    fitting = events / size * min(max(WINDOW_S / max(window_s, 1e-6), _FASTEST_DOWN), _FASTEST_UP)
    return min(max(round(size * fitting), least), MOST_EVENTS)


def after_failure(size: int, events: int, window_s: float) -> int:
    """The next batch size, once a transaction of `events` has failed after `window_s` seconds.

    One that lasted may have been too much, for a statement timeout as a rule: half of it is tried next, for the same
    again would fail again. It costs little where the failure had another cause, as the size grows back at once.
    """
    return max(1, min(size, events // 2)) if events and window_s > WINDOW_S else size

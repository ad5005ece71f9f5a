"""The one outage that holds all partitions at once: the storage's."""

from __future__ import annotations

from asset_consumer import happenings
from asset_consumer.backoff import Backoff, held


class Outage:
    """Whether there is one, why, and when to try again; `current` may be read from any thread."""

    def __init__(self) -> None:
        self.current: Backoff | None = None

    @property
    def on(self) -> bool:
        """Whether the storage does not work."""
        return self.current is not None

    def note(self, reason: str | None) -> None:
        """Begin or prolong it; end it where nothing is wrong any more."""
        if reason is None:
            if self.current is not None:
                happenings.outage_over(self.current.reason)
            self.current = None
        elif self.current is None:
            self.current = held(reason)
            happenings.outage_began(reason)
        else:
            self.current.again(reason)

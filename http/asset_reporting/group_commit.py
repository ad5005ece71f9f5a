"""Group commit: posts that arrive while a transaction runs go into the next one together, each with its own answer.

There is one writer thread and no timer. An idle writer takes a post at once; a busy one finds, when it is done, all
that came meanwhile. The busier it is, the larger the groups.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asset_reporting.handlers import report
from asset_reporting.outcomes import Again, Outcome, Recorded
from asset_reporting.storage_threads import StorageThreads, StorageThreadsError, StorageTimeoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asset_events import AssetEvent
    from asset_reporting.handlers import ReportingContext

GROUP_EVENTS = 1000
"""Most events in one transaction, or fewer where the recorder says so: more gain little and make the rest wait."""

WAITING_POSTS = GROUP_EVENTS
"""How many posts may wait: what waits, at one event each, is done with the next transaction."""


@dataclass(slots=True, eq=False)
class _Post:
    events: Sequence[AssetEvent]
    whole: bool = False
    waiting: bool = True
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    error: Exception | None = None


class GroupCommit:
    """Reports posts in groups; for a recorder that records a batch whole or not at all."""

    def __init__(self, context: ReportingContext, deadline_s: float) -> None:
        """Report with this context; `deadline_s` seconds is how long one post may take, waiting included."""
        self._context = context
        # The thread is handed one call per post. The first call records all that wait; the others find it done.
        self._writer = StorageThreads(1, deadline_s, waiting_per_worker=WAITING_POSTS, name="asset-bridge-writer")
        self._waiting: deque[_Post] = deque()
        self._lock = threading.Lock()

    @property
    def most_events(self) -> int:
        """How many events to report at a time, at most: as many as one short transaction takes."""
        return min(GROUP_EVENTS, self._context.recorder.batch_events)

    @property
    def stuck(self) -> bool:
        """Whether the one writer waits for the storage, and has for longer than a post may take."""
        return self._writer.stuck

    async def report(self, events: Sequence[AssetEvent], *, whole: bool = False) -> list[Outcome]:
        """Report the events of one post, in order; one outcome per event.

        Where `whole` is asked for and one is refused, the others are not recorded: their outcome is `Again`.
        A post whose recording has not begun by its deadline, or whose task is cancelled before, is never recorded.

        Raises:
            StorageBusyError: Too many posts wait already.
            StorageTimeoutError: No outcome in time; `started` says whether the events may still be recorded.
        """
        post = _Post(events, whole)
        with self._lock:
            self._waiting.append(post)
        try:
            return await self._writer.run(self._settle, post)
        except StorageThreadsError as error:
            # What became of its own call says little: another's may have taken its events along.
            begun = not self._withdraw(post)
            if begun or isinstance(error, StorageTimeoutError):
                raise StorageTimeoutError(started=begun) from None
            raise
        finally:
            self._withdraw(post)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Refuse what waits and wait at most `timeout_s` seconds for what runs; False when that is still running."""
        return self._writer.close(timeout_s)

    def _withdraw(self, post: _Post) -> bool:
        """Take back a post that nobody has begun to record; False when it has been begun, or taken back before."""
        with self._lock:
            if not post.waiting:
                return False
            post.waiting = False
            self._waiting.remove(post)
            return True

    def _settle(self, post: _Post) -> list[Outcome]:
        while group := self._take(post):
            _record(self._context, group)
        if post.error is not None:
            raise post.error
        return post.outcomes

    def _take(self, wanted: _Post) -> list[_Post]:
        """The posts that waited longest, as many as fit into one transaction; none once the wanted one has gone."""
        with self._lock:
            group: list[_Post] = []
            free = self.most_events if wanted.waiting else 0
            while self._waiting and free > 0 and (not group or len(self._waiting[0].events) <= free):
                post = self._waiting.popleft()
                post.waiting = False
                group.append(post)
                free -= len(post.events)
            return group


def _record(context: ReportingContext, group: list[_Post]) -> None:
    """Record a group and give each post its own outcomes."""
    try:
        outcomes = iter(_until_settled(context, group))
    except Exception as error:  # noqa: BLE001 # raised again where each post waits
        if len(group) == 1:
            group[0].error = error
            return
        for post in group:  # a recorder does not raise; should it, then for one post's events and not for the others'
            _record(context, [post])
        return
    for post in group:
        post.outcomes = [next(outcomes) for _ in post.events]


def _until_settled(context: ReportingContext, group: list[_Post]) -> list[Outcome]:
    """Report, and once some were refused report the others again without them, until each has an outcome of its own."""
    events = [event for post in group for event in post.events]
    whole = any(post.whole for post in group)
    outcomes: list[Outcome] = [Again()] * len(events)
    open_ = list(range(len(events)))
    while open_:
        before = len(open_)
        for index, outcome in zip(open_, report(context, [events[index] for index in open_], whole=whole), strict=True):
            outcomes[index] = outcome
        broken = _broken(group, outcomes)
        open_ = [index for index in open_ if isinstance(outcomes[index], Again) and index not in broken]
        if len(open_) == before:  # no recorder answers so; if one did, this would never end
            break
    return outcomes


def _broken(group: list[_Post], outcomes: list[Outcome]) -> set[int]:
    """The places of all events of the posts that are recorded whole or not at all, and have one that is refused."""
    broken, begin = set[int](), 0
    for post in group:
        places = range(begin, begin + len(post.events))
        begin = places.stop
        if post.whole and not all(isinstance(outcomes[place], Again | Recorded) for place in places):
            broken.update(places)
    return broken

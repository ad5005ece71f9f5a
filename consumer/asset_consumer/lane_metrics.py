"""What Prometheus is told of the partitions that a consumer owns: computed at each scrape, in the scrape's thread."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from asset_reporting import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asset_consumer.lane import Lane
    from asset_consumer.log_ends import LogEnds
    from asset_consumer.outage import Outage
    from asset_consumer.statistics import Statistics
    from asset_reporting.live_metrics import Sample

Pause: TypeAlias = Literal["outage", "held", "stopped", "operator"]

PAUSES: Final[tuple[Pause, ...]] = ("outage", "held", "stopped", "operator")


class LaneMetrics:
    """Computes the samples of one consumer; it reads what the loop's thread changes, and each value by itself."""

    def __init__(
        self,
        lanes: Mapping[tuple[str, int], Lane],
        ends: LogEnds,
        statistics: Statistics,
        outage: Outage,
    ) -> None:
        """Take the owned lanes, where logs end, the client's statistics, and the outage that holds all lanes."""
        self._lanes, self._ends, self._statistics, self._outage = lanes, ends, statistics, outage

    def __call__(self) -> Iterator[Sample]:
        """Every sample that has a value now."""
        lanes = list(self._lanes.values())  # at once, as the loop's thread may add or drop some meanwhile
        yield metrics.ASSIGNED, (), len(lanes)
        paused = Counter(pause for lane in lanes if (pause := pause_of(lane, outage=self._outage.on)))
        for pause in PAUSES:
            yield metrics.PAUSED, (pause,), paused[pause]
        for lane in lanes:
            yield from self._of_lane(lane)
        for broker, found in self._statistics.latest.brokers.items():
            yield metrics.BROKER_UP, (broker,), float(found.up)
            if found.rtt_s is not None:
                yield metrics.BROKER_RTT, (broker,), found.rtt_s
            for kind, errors in found.errors.items():
                yield metrics.BROKER_ERRORS, (broker, kind), errors

    def _of_lane(self, lane: Lane) -> Iterator[Sample]:
        where, labels = (lane.topic, lane.partition), (lane.topic, str(lane.partition))
        end = self._ends.latest.get(where)
        if end is not None and (lag := lane.left(end)) is not None:
            yield metrics.LAG, labels, lag
            yield metrics.OLDEST_AGE, labels, oldest_age_s(lane, lag)
        if (prefetched := self._statistics.latest.prefetched.get(where)) is not None:
            yield metrics.FETCH_QUEUE, labels, prefetched


def pause_of(lane: Lane, *, outage: bool) -> Pause | None:
    """Why nothing of this lane is worked on, if so; what needs a person comes first."""
    if lane.stopped is not None:
        return "stopped"
    if lane.hold is not None:
        return "held"
    if lane.operator_pause is not None:
        return "operator"
    return "outage" if outage else None


def oldest_age_s(lane: Lane, lag: int) -> float:
    """How old the record is that is next: by its timestamp, else since when it is known to be there."""
    record, behind = lane.next_record, lane.behind
    since = behind[1] if behind is not None and lag else None
    if record is not None and record.timestamp_ms is not None:
        since = record.timestamp_ms / 1000
    return 0.0 if since is None else max(0.0, time.time() - since)

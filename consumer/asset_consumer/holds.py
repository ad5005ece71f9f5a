"""Let one lane wait for what stands in its way, or go on."""

from __future__ import annotations

from asset_consumer import happenings
from asset_consumer.backoff import held
from asset_consumer.lane import Lane
from asset_consumer.record_span import about
from asset_consumer.settle import Obstacle


def hold_or_release(lane: Lane, obstacle: Obstacle | None) -> None:
    """Hold a lane, prolong its hold, or end it; None says that it need not wait."""
    if obstacle is None:
        if lane.hold is not None:
            happenings.released(lane.name, lane.hold.reason)
        lane.hold = None
    elif lane.hold is None:
        lane.hold = held(obstacle.reason)
        with about(obstacle.item):
            happenings.lane_held(lane.name, obstacle.reason)
    else:
        lane.hold.again(obstacle.reason)

"""Let one lane wait for what stands in its way, or go on."""

from __future__ import annotations

from asset_consumer import happenings
from asset_consumer.backoff import held
from asset_consumer.lane import Lane


def hold_or_release(lane: Lane, reason: str | None) -> None:
    """Hold a lane, prolong its hold, or end it; `reason` says why it must wait, None that it need not."""
    if reason is None:
        if lane.hold is not None:
            happenings.released(lane.name, lane.hold.reason)
        lane.hold = None
    elif lane.hold is None:
        lane.hold = held(reason)
        happenings.lane_held(lane.name, reason)
    else:
        lane.hold.again(reason)

"""Whether a record would be refused again: by the very eyes of the consumer, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.classify import classify
from asset_consumer.framed import RegistryUnavailableError
from asset_events import ErrorDetail

if TYPE_CHECKING:
    from asset_consumer.framed import FrameReader
    from asset_consumer.options import ConsumerOptions
    from asset_consumer.record import Record


def refusal(options: ConsumerOptions, record: Record, frames: FrameReader | None) -> ErrorDetail | None:
    """The first thing that `consume` would find wrong with a record; None when nothing is.

    What only Dagster can say, such as that it does not know an asset, is not asked.
    """
    try:
        item = classify(options, record, frames)
    except RegistryUnavailableError as error:
        return ErrorDetail("", "registry.unavailable", f"It cannot be read now: {error}")
    if item.failure is not None:
        return ErrorDetail("", "internal", f"Reading it failed: {item.failure}")
    return item.reason.errors[0] if item.reason else None

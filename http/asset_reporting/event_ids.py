"""Learn the storage id that Dagster gives an event: its public report call does not return it.

Asset events and check evaluations each pass through a storage method that is handed the new row's id. Standing in front
of these on this one storage object costs nothing and is exact where reading back "the newest row" would be a race. A
storage without them reports no ids.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from asset_reporting.check_repair import forget_partitioned_result, store_in_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster._core.events.log import EventLogEntry
    from dagster._core.storage.event_log import EventLogStorage

_MARK = "_asset_bridge_event_ids"


class EventIds:
    """The id of the last event that this thread stored."""

    def __init__(self) -> None:
        self._local = threading.local()

    def forget(self) -> None:
        """Call before storing an event, so that an earlier event's id is never taken for its own."""
        self._local.event_id = None

    def take(self) -> int | None:
        """Return the id of the event just stored by this thread, or None when the storage did not tell."""
        event_id: int | None = getattr(self._local, "event_id", None)
        return event_id

    def saw(self, event_id: int | None) -> None:
        """Note an id as the storage hands it on."""
        self._local.event_id = event_id


def watch_event_ids(storage: EventLogStorage) -> EventIds:
    """Stand in front of the storage's methods, once per storage object, and return the watcher."""
    known = getattr(storage, _MARK, None)
    if isinstance(known, EventIds):
        return known
    ids = EventIds()
    target: Any = storage  # its attributes are replaced on this one object only
    if hasattr(storage, "_store_asset_event"):  # a Dagster without it calls the next one
        target._store_asset_event = _watched_asset_event(target._store_asset_event, ids)  # noqa: SLF001 # see above
    if hasattr(storage, "store_asset_event"):
        target.store_asset_event = _watched_asset_event(target.store_asset_event, ids)
    if hasattr(storage, "store_asset_check_event"):
        target.store_asset_check_event = _watched_check(target, target.store_asset_check_event, ids)
    setattr(target, _MARK, ids)
    return ids


def _watched_asset_event(original: Callable[..., None], ids: EventIds) -> Callable[..., None]:
    def store(*arguments: Any) -> None:  # noqa: ANN401 # a connection in one of the two, the event, its id
        ids.saw(arguments[-1])
        original(*arguments)

    return store


def _watched_check(storage: Any, original: Callable[..., None], ids: EventIds) -> Callable[..., None]:  # noqa: ANN401 # any SQL storage
    def store(event: EventLogEntry, event_id: int | None) -> None:
        if event_id is None:
            event_id = store_in_index(storage, event)
        ids.saw(event_id)
        try:
            original(event, event_id)
        except IntegrityError:
            if not forget_partitioned_result(storage, event):
                raise
            original(event, event_id)

    return store

"""How many bytes of bodies may be held at a time: 500 connections with a mebibyte each must not be the end of us."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_BODIES_BYTES = 64 * 1024 * 1024
"""Bytes of bodies of single events that are read and not yet recorded or refused, in all."""


class TooManyBodiesError(StorageThreadsError):
    """Raised when no more bytes can be held now; nothing of the request was recorded."""


class BodyRoom:
    """Counts the bytes that are held. For one thread: the event loop's."""

    def __init__(self, most: int = MAX_BODIES_BYTES) -> None:
        """Begin empty, with room for `most` bytes."""
        self._most = most
        self.held = 0

    @contextmanager
    def share(self) -> Generator[Share]:
        """Give the room of one request back when nothing of it waits any more."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held

    def take(self, size: int) -> None:
        """Hold more, or raise `TooManyBodiesError`."""
        if self.held + size > self._most:
            raise TooManyBodiesError
        self.held += size


class Share:
    """What one request holds."""

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self.held = 0

    def take(self, size: int) -> None:
        """Hold more, or raise `TooManyBodiesError`."""
        self._room.take(size)
        self.held += size

"""Dagster's storage as the console reads it: one instance, opened when it answers, shared by the threads that ask."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from asset_consumer.dagster_instance import open_at_once

if TYPE_CHECKING:
    from dagster import DagsterInstance


class StorageLook:
    """Opens the instance that DAGSTER_HOME names at the first question that finds its database there."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._instance: DagsterInstance | None = None

    def instance(self) -> DagsterInstance:
        """The instance; raises what the storage raises.

        Raises:
            SettingsError: DAGSTER_HOME is not set or cannot be used.
        """
        with self._lock:
            if self._instance is None:
                self._instance = self._stack.enter_context(open_at_once())
            return self._instance

    def close(self) -> None:
        """Let go of the database, if nobody is waiting for it just now."""
        if self._lock.acquire(timeout=1.0):
            try:
                self._stack.close()
            finally:
                self._lock.release()

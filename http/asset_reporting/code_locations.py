"""The code locations to look targets up in: loaded in a thread, and asked whether they are still the same."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import TYPE_CHECKING

from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.remote_representation.grpc_server_state_subscriber import LocationStateSubscriber
from dagster._core.workspace.context import WorkspaceProcessContext

from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster._core.remote_representation.grpc_server_state_subscriber import LocationStateChangeEvent
    from dagster._core.workspace.context import BaseWorkspaceRequestContext

ASK_S = 2
"""Whole seconds in which a code server says who it is: Dagster's own measure for it."""

_log = logging.getLogger("asset_bridge.targets")


class CodeLocations:
    """A workspace that is loaded in a thread: a code server may be slow, hang or be away, and nobody waits for it."""

    def __init__(self, load: Callable[[], WorkspaceProcessContext]) -> None:
        """Begin to load; `load` builds the process context, which loads its code locations one after the other."""
        self._load = load
        self._lock = threading.Lock()
        self._loaded = threading.Event()
        self._context: WorkspaceProcessContext | None = None
        self._closed = False
        threading.Thread(target=self._run, name="asset-bridge-code-locations", daemon=True).start()

    def current(self) -> WorkspaceProcessContext | None:
        """The loaded workspace, also where some of its locations are down; None before, and when it is closed."""
        return self._context

    def wait(self, timeout_s: float) -> bool:
        """Wait until all locations are loaded or known to be down; False when they are not yet."""
        return self._loaded.wait(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Let go of the code servers; what takes longer than `timeout_s` seconds is left to itself."""
        with self._lock:
            self._closed = True
            context, self._context = self._context, None
        if context is not None:
            thread = threading.Thread(target=_close, args=(context,), daemon=True)
            thread.start()
            thread.join(timeout_s)

    def _run(self) -> None:
        # It says in many lines, one of them the reason, what `_tell` says in one.
        warnings.filterwarnings("ignore", message="Error loading repository location")
        try:
            context = self._load()
        except Exception as error:  # noqa: BLE001 # unforeseen: a location that does not load raises nothing
            fields = {"happening": "workspace_not_loaded", "reason": describe(error)}
            _log.error("The workspace does not load; no target is refused.", extra=fields)
            self._loaded.set()
            return
        with self._lock:
            closed = self._closed
            self._context = None if closed else context
        self._loaded.set()
        if closed:
            _close(context)
            return
        context.add_state_subscriber(LocationStateSubscriber(lambda change: _changed(context, change)))
        for name in context.code_location_names:
            _tell(context, name)


def _close(context: WorkspaceProcessContext) -> None:
    with context:
        pass  # at its end Dagster lets go of the code servers


def are_as_loaded(context: BaseWorkspaceRequestContext) -> bool:
    """Whether every code location is loaded, answers now, and is the very server whose definitions are known."""
    for entry in context.get_code_location_entries().values():
        location = entry.code_location
        if location is None or entry.load_error is not None:
            return False
        if isinstance(location, GrpcServerCodeLocation):
            try:
                if location.client.get_server_id(timeout=ASK_S) != location.server_id:
                    return False
            except Exception:  # noqa: BLE001 # whatever it is, the location did not answer
                return False
    return True


def _changed(context: WorkspaceProcessContext, change: LocationStateChangeEvent) -> None:
    if change.event_type.value == "LOCATION_DISCONNECTED":
        fields = {"happening": "code_location_silent", "location": change.location_name}
        _log.warning("Code location %s does not answer.", change.location_name, extra=fields)
    else:
        _tell(context, change.location_name)


def _tell(context: WorkspaceProcessContext, name: str) -> None:
    """Say whether a location is loaded; the reason by its type alone, for its text is the user's code's."""
    entry = context.get_current_workspace().code_location_entries.get(name)
    if entry is None:
        return
    if entry.load_error is None:
        fields = {"happening": "code_location_loaded", "location": name}
        _log.info("Code location %s is loaded.", name, extra=fields)
        return
    reason = str(entry.load_error.cls_name)
    fields = {"happening": "code_location_down", "location": name, "reason": reason}
    _log.warning("Code location %s is down (%s); until it is loaded nothing is refused.", name, reason, extra=fields)

"""The workspace of the settings: which code locations there are, and how long a start waits for them."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget

from asset_consumer.settings_problems import SettingsError
from asset_consumer.stopping import Stopped
from asset_reporting.code_locations import CodeLocations
from asset_reporting.targets import AcceptAll, TargetModes, Targets, WorkspaceTargets

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from dagster import DagsterInstance
    from dagster._core.workspace.load_target import WorkspaceLoadTarget

    from asset_consumer.settings import Settings

_log = logging.getLogger("asset_bridge.targets")

LOCATIONS_S = 30.0
"""How long a start waits for code locations: one that hangs may take Dagster three minutes to give up."""

CLOSE_S = 3.0
"""How long letting go of code servers may take: one that does not answer keeps Dagster waiting."""


def workspace_target(settings: Settings, paths: Sequence[Path] = ()) -> WorkspaceLoadTarget:
    """The code locations of these `workspace.yaml` files, else of that in the settings; none without any.

    Raises:
        SettingsError: A file is not there, or is none that Dagster takes.
    """
    where = "--workspace" if paths else "ASSET_BRIDGE_TARGETS__WORKSPACE (targets.workspace)"
    if not paths and settings.targets.workspace is not None:
        paths = [settings.targets.workspace]
    if not paths:
        return EmptyWorkspaceTarget()
    for path in paths:
        if not path.is_file():
            raise SettingsError([f"{where}: there is no such file"])
    workspace = WorkspaceFileTarget(paths=[str(path) for path in paths])
    try:
        workspace.create_origins()
    except Exception as error:
        # Its text quotes the file, over many lines.
        problem = f"{where}: is no workspace file that Dagster takes ({type(error).__name__})"
        raise SettingsError([problem]) from error
    return workspace


@contextmanager
def open_targets(settings: Settings, instance: DagsterInstance, stop: threading.Event) -> Generator[Targets]:
    """The targets of the settings, with their code locations loaded, or loading.

    Raises:
        SettingsError: The workspace file is not there, or is none that Dagster takes.
        Stopped: `stop` was set while waiting.
    """
    if settings.targets.workspace is None:
        yield AcceptAll()
        return
    load = partial(WorkspaceProcessContext, instance, workspace_target(settings))
    with code_locations(load, stop, LOCATIONS_S) as locations:
        yield workspace_targets(settings, locations.current)


def workspace_targets(settings: Settings, current: Callable[[], WorkspaceProcessContext | None]) -> Targets:
    """Look targets up in `current` as the settings say."""
    chosen = settings.targets
    modes = TargetModes(chosen.unknown_assets, chosen.unknown_checks, chosen.unknown_partitions)
    return WorkspaceTargets(current, modes, add_partitions=chosen.add_dynamic_partitions)


@contextmanager
def code_locations(
    load: Callable[[], WorkspaceProcessContext], stop: threading.Event, patience_s: float
) -> Generator[CodeLocations]:
    """Load code locations, and wait so long for them; then go on without, until they are there.

    Raises:
        Stopped: `stop` was set while waiting.
    """
    locations = CodeLocations(load)
    try:
        give_up_at = time.monotonic() + patience_s
        while not locations.wait(0.1):
            if stop.is_set():
                raise Stopped
            if time.monotonic() > give_up_at:
                _log.warning("Code locations are still loading; until they are there no target is refused.")
                break
        yield locations
    finally:
        locations.close(CLOSE_S)

"""Open the Dagster instance that DAGSTER_HOME names, and what reporting to it needs."""

from __future__ import annotations

import logging
import math
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dagster import DagsterInstance
from dagster._core.errors import DagsterHomeNotSetError, DagsterInvalidConfigError, DagsterInvariantViolationError
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from sqlalchemy import event

from asset_consumer.backoff import held
from asset_consumer.collector import leave_out_what_is_there
from asset_consumer.instance_opening import get_instance
from asset_consumer.settings_problems import SettingsError
from asset_consumer.stopping import Stopped
from asset_consumer.workspace import code_locations, open_targets, workspace_target, workspace_targets
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.pause_store import PauseStore
from asset_reporting.pauses import PauseError
from asset_reporting.recorders import read_ledger
from asset_reporting.storage_errors import classify, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from asset_consumer.settings import Settings
    from asset_reporting.recorder import GroupId, Positions
    from asset_reporting.targets import Targets

_log = logging.getLogger("asset_bridge.storage")

T = TypeVar("T")

DAY_S = 24 * 3600

STATEMENT_TIMEOUT_MS = 15_000
POOL_RECYCLE_S = 3600
"""dagster-webserver's own defaults for the two (`--db-statement-timeout`, `--db-pool-recycle`)."""

READERS = 3
"""How many threads of a process that only reads ask side by side."""

SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""Parameters of libpq: after 25 seconds without a sign of life the connection is broken. A statement timeout is the
server's to keep, and Linux by itself waits for a quarter of an hour, or for two hours where it only listens."""


@contextmanager
def open_reporting(
    settings: Settings, stop: threading.Event
) -> Generator[tuple[ReportingContext, WorkspaceProcessContext]]:
    """Open the instance, its workspace and the recorder; waits for a database that is not there yet.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used, or the workspace file is missing.
        Stopped: `stop` was set while waiting.
    """
    with _when_available(get_instance, stop) as instance:
        _pool_connections(instance, settings.storage.workers)
        with (
            WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace,
            open_targets(settings, instance, stop) as targets,
        ):
            yield _reporting(settings, instance, targets, stop), workspace


@contextmanager
def open_ui_reporting(
    settings: Settings, stop: threading.Event, workspace_files: Sequence[Path], *, version: str, read_only: bool
) -> Generator[tuple[ReportingContext, WorkspaceProcessContext]]:
    """Open the instance, a workspace as dagster-webserver has it, and the recorder, which knows its targets by it.

    `version` is dagster-webserver's, `read_only` lets nobody change or report anything.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used, or a workspace file is.
        Stopped: `stop` was set while waiting.
    """
    target = workspace_target(settings, workspace_files)
    with _when_available(get_instance, stop) as instance:
        _pool_connections(instance, settings.storage.workers)
        load = partial(WorkspaceProcessContext, instance, target, version=version, read_only=read_only)
        with code_locations(load, stop, math.inf) as locations:
            workspace = locations.current()
            if workspace is None:
                raise SettingsError(["the workspace does not load; the log says why"])
            yield _reporting(settings, instance, workspace_targets(settings, lambda: workspace), stop), workspace


def _reporting(
    settings: Settings, instance: DagsterInstance, targets: Targets, stop: threading.Event
) -> ReportingContext:
    retention_s = settings.storage.idempotency_retention_days * DAY_S
    reporting = _when_available(lambda: reporting_context(instance, targets, retention_s), stop)
    _say_recorder(reporting)
    leave_out_what_is_there()
    return reporting


class StorageAwayError(Exception):
    """Raised when Dagster's storage does not answer a command; says so to an operator."""


@contextmanager
def open_ledger() -> Generator[Callable[[GroupId], Positions]]:
    """Open the instance to read the ledger, changing nothing.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used.
        StorageAwayError: The storage does not answer; also by each reading.
    """

    def read(group: GroupId) -> Positions:
        try:
            return read_ledger(instance, group)
        except Exception as error:
            away = _away(error)
            if away is not None:
                raise away from error
            raise

    with open_instance() as instance:
        yield read


@contextmanager
def open_pauses() -> Generator[PauseStore]:
    """Open the instance to read and change operators' pauses.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used.
        StorageAwayError: The storage does not answer.
        PauseError: The storage went away inside, or cannot keep pauses.
    """
    with open_instance() as instance:
        try:
            yield PauseStore(instance)
        except Exception as error:
            if classify(error) != "unavailable":
                raise
            raise PauseError(f"Dagster's storage did not do it: {describe(error)}") from error


@contextmanager
def open_instance() -> Generator[DagsterInstance]:
    """Open the instance alone, for a command: whoever typed it is told that the storage is away, and decides.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used.
        StorageAwayError: The storage does not answer.
    """
    try:
        instance = get_instance()
    except Exception as error:
        told = home_problem(error) or _away(error)
        if told is not None:
            raise told from error
        raise
    with instance:
        yield instance


@contextmanager
def open_at_once() -> Generator[DagsterInstance]:
    """Open the instance to read from it; raises what the storage raises, also when it is not there yet.

    Raises:
        SettingsError: DAGSTER_HOME is not set or cannot be used.
    """
    try:
        instance = get_instance()
    except Exception as error:
        refused = home_problem(error)
        if refused is not None:
            raise refused from None
        raise
    with instance:
        _pool_connections(instance, READERS)
        yield instance


def _away(error: Exception) -> StorageAwayError | None:
    """The error for an operator, if the storage is away."""
    if classify(error) != "unavailable":
        return None
    return StorageAwayError(f"Dagster's storage does not answer: {describe(error)}")


def _when_available(build: Callable[[], T], stop: threading.Event) -> T:
    """Build something that needs the storage, and wait for the storage when it does not answer."""
    waiting = None
    while True:
        try:
            return build()
        except Exception as error:
            refused = home_problem(error)
            if refused is not None:
                raise refused from None
            if classify(error) != "unavailable":
                raise
            if waiting is None:
                waiting = held(describe(error))
                _log.warning("Dagster's storage does not answer; waiting for it: %s.", waiting.reason)
            else:
                waiting.again(describe(error))
        while not waiting.due:
            if stop.wait(0.1):
                raise Stopped


def home_problem(error: Exception) -> SettingsError | None:
    """What is wrong with DAGSTER_HOME, when that is why the instance did not open."""
    if isinstance(error, DagsterHomeNotSetError | DagsterInvariantViolationError):
        return SettingsError([f"DAGSTER_HOME: {str(error).splitlines()[0].strip()}"])
    if isinstance(error, DagsterInvalidConfigError):  # its text quotes the file, which may hold a password
        return SettingsError(["DAGSTER_HOME: its dagster.yaml is not valid; `dagster instance info` says where"])
    return None


def _pool_connections(instance: DagsterInstance, workers: int) -> None:
    """Keep connections open where Dagster would open one per statement; each worker may need two at a time."""
    storage: Any
    for storage in (instance.event_log_storage, instance.run_storage):
        storage.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, 2 * workers + 2)
        if type(storage).__name__.startswith("Postgres"):  # by name: dagster-postgres is an extra
            event.listen(storage._engine, "do_connect", _notice_silence)  # noqa: SLF001 # there is no public way


def _notice_silence(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    """Unless dagster.yaml says otherwise, give a server up that has left the network without a word."""
    for name, value in SILENCE.items():
        parameters.setdefault(name, value)


def _say_recorder(reporting: ReportingContext) -> None:
    recorder = reporting.recorder
    fields = {"happening": "recorder", "recorder": recorder.name, "guarantee": recorder.guarantee}
    _log.info("Events are recorded by the %s recorder: %s.", recorder.name, recorder.guarantee, extra=fields)

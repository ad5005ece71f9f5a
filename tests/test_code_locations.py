"""Code servers that are down, come up, are deployed anew or hang: nothing is refused for that, and nobody waits."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from code_servers import PROXY, CodeServer
from command_line import without_test_variables
from consuming import eventually, happened
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from asset_consumer import workspace as workspace_module
from asset_consumer.dagster_instance import open_reporting
from asset_consumer.settings_sources import load_settings
from asset_consumer.stopping import Stopped
from asset_events import MaterializationEvent
from asset_reporting import targets as targets_module
from asset_reporting.code_locations import CodeLocations, are_as_loaded
from asset_reporting.handlers import report
from asset_reporting.targets import TargetModes, WorkspaceTargets

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore:Error loading repository location")]

FIRST = "import dagster as dg\ndefs = dg.Definitions(assets=[dg.AssetSpec('first'), dg.AssetSpec('both')])\n"
SECOND = FIRST.replace("'first'", "'second'")


def refused(targets: WorkspaceTargets) -> set[str]:
    names = ["first", "second", "both"]
    problems = targets.problems([MaterializationEvent(asset_key=(name,)) for name in names])
    assert {error.code for errors in problems for error in errors} <= {"asset.unknown"}
    return {name for name, errors in zip(names, problems, strict=True) if errors}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CodeServer]:
    with CodeServer(tmp_path) as server:
        yield server


@pytest.mark.timeout(300)
def test_a_redeployed_server_is_followed_and_one_that_is_down_refuses_nothing(
    server: CodeServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets_module, "DOUBT_S", 0.5)
    caplog.set_level(logging.INFO, "asset_bridge.targets")
    with DagsterInstance.local_temp() as instance:
        target = WorkspaceFileTarget(paths=[str(server.workspace)])
        locations = CodeLocations(partial(WorkspaceProcessContext, instance, target))
        targets = WorkspaceTargets(locations.current, TargetModes("reject", "reject", "reject"))
        try:
            assert locations.wait(60)
            assert refused(targets) == set()  # it is down from the start
            assert "code_location_down" in happened(caplog.records)

            server.deploy(FIRST)
            eventually(lambda: refused(targets) == {"second"}, 90)

            workspace = locations.current()
            assert workspace is not None
            with workspace.create_request_context() as before:
                assert are_as_loaded(before)
                server.kill()
                assert refused(targets) == set()  # also before Dagster has noticed
                assert not are_as_loaded(before)
                server.deploy(SECOND)
                eventually(server.answers, 90)
                assert not are_as_loaded(before)  # what is known is not what is served
            eventually(lambda: refused(targets) == {"first"}, 90)
        finally:
            locations.close(10)
    assert "code_location_loaded" in happened(caplog.records)
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.timeout(300)
def test_code_that_a_proxy_has_reloaded_is_followed_and_refuses_nothing_by_what_was_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets_module, "DOUBT_S", 0.5)
    with DagsterInstance.local_temp() as instance, CodeServer(tmp_path, PROXY) as server:
        target = WorkspaceFileTarget(paths=[str(server.workspace)])
        locations = CodeLocations(partial(WorkspaceProcessContext, instance, target))
        targets = WorkspaceTargets(locations.current, TargetModes("reject", "reject", "reject"))
        try:
            server.deploy(FIRST)
            eventually(lambda: refused(targets) == {"second"}, 90)

            server.reload(SECOND)
            assert "second" not in refused(targets)  # before Dagster has noticed
            eventually(lambda: refused(targets) == {"first"}, 90)

            server.reload("this is no Python")
            assert refused(targets) == set()
        finally:
            locations.close(10)


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment of a process whose code server takes connections, and says nothing."""
    without_test_variables(monkeypatch)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workspace = tmp_path / "workspace.yaml"
        port = listener.getsockname()[1]
        workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}}}\n")
        yield {
            "ASSET_BRIDGE_TARGETS__WORKSPACE": str(workspace),
            "ASSET_BRIDGE_TARGETS__UNKNOWN_ASSETS": "reject",
        }


def test_a_server_that_hangs_holds_nothing_up(silent: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_module, "LOCATIONS_S", 0.3)
    settings = load_settings(None, silent)
    loaded = list[bool]()
    wait = CodeLocations.wait

    def noting(locations: CodeLocations, timeout_s: float) -> bool:
        loaded.append(wait(locations, timeout_s))
        return loaded[-1]

    monkeypatch.setattr(CodeLocations, "wait", noting)

    with open_reporting(settings, threading.Event()) as (reporting, _):
        assert not loaded[-1]  # it has not given up by itself
        (outcome,) = report(reporting, [MaterializationEvent(asset_key=("unknown",))])

    assert type(outcome).__name__ == "Recorded"


def test_a_server_that_hangs_does_not_keep_a_start_from_being_stopped(silent: dict[str, str]) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()

    with pytest.raises(Stopped), open_reporting(load_settings(None, silent), stop):
        raise AssertionError("it has started")


def test_a_workspace_that_cannot_be_built_refuses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> WorkspaceProcessContext:
        raise ValueError("canary")

    locations = CodeLocations(fails)
    assert locations.wait(10)

    targets = WorkspaceTargets(locations.current, TargetModes(assets="reject"))
    events = [MaterializationEvent(asset_key=("a",))]
    assert targets.problems(events) == [()]
    assert targets.prepare(events) == events
    assert happened(caplog.records) == {"workspace_not_loaded"}
    assert "canary" not in caplog.text
    locations.close(1)

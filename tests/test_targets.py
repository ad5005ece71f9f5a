"""Unknown assets, checks and partitions, against a code location that is really loaded."""

from __future__ import annotations

import gc
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent
from asset_reporting.targets import TargetMode, TargetModes, WorkspaceTargets

DEFINITIONS = dedent(
    """
    import dagster as dg

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def sliced(): ...

    known = dg.AssetSpec(["warehouse", "known"])

    @dg.asset_check(asset=known.key, name="fresh")
    def fresh(): return dg.AssetCheckResult(passed=True)

    defs = dg.Definitions(assets=[sliced, known], asset_checks=[fresh])
    """
)

KNOWN, UNKNOWN, SLICED = ("warehouse", "known"), ("invalid", "asset"), ("sliced",)


def load(folder: Path, source: str) -> Iterator[WorkspaceProcessContext]:
    before = children()
    file = folder / "definitions.py"
    file.write_text(source)
    target = PythonFileTarget(python_file=str(file), attribute=None, working_directory=None, location_name="here")
    with DagsterInstance.local_temp(str(folder)) as instance, WorkspaceProcessContext(instance, target) as workspace:
        yield workspace
    # Dagster tells its code server to end and does not wait for it; Python would remark on that in a later test.
    for process in children() - before:
        process.wait(30)


def children() -> set[subprocess.Popen[bytes]]:
    return {found for found in gc.get_objects() if isinstance(found, subprocess.Popen)}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    yield from load(tmp_path_factory.mktemp("code"), DEFINITIONS)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[WorkspaceProcessContext]:
    yield from load(tmp_path, "raise RuntimeError('this location does not load')")


def every(mode: TargetMode) -> TargetModes:
    return TargetModes(mode, mode, mode)


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        (MaterializationEvent(asset_key=KNOWN), None, None),
        (MaterializationEvent(asset_key=UNKNOWN), "asset.unknown", "/asset_key"),
        (CheckEvent(asset_key=UNKNOWN, check_name="fresh", passed=True), "asset.unknown", "/asset_key"),
        (CheckEvent(asset_key=KNOWN, check_name="fresh", passed=True), None, None),
        (CheckEvent(asset_key=KNOWN, check_name="other", passed=True), "check.unknown", "/check_name"),
        (ObservationEvent(asset_key=SLICED, partition="x"), None, None),
        (ObservationEvent(asset_key=SLICED), None, None),
        (ObservationEvent(asset_key=SLICED, partition="z"), "partition.unknown", "/partition"),
        (MaterializationEvent(asset_key=KNOWN, partition="x"), "partition.unknown", "/partition"),
    ],
)
def test_mode_reject_refuses_what_no_code_location_defines(
    workspace: WorkspaceProcessContext, event: AssetEvent, code: str | None, path: str | None
) -> None:
    (errors,) = WorkspaceTargets(lambda: workspace, every("reject")).problems([event])

    assert [(error.code, error.path) for error in errors] == ([(code, path)] if code else [])


def test_an_unknown_asset_is_named_as_documented(workspace: WorkspaceProcessContext) -> None:
    (errors,) = WorkspaceTargets(lambda: workspace, every("reject")).problems([MaterializationEvent(asset_key=UNKNOWN)])

    assert [error.message for error in errors] == ["Asset key 'invalid/asset' not found"]


def test_each_kind_of_target_has_its_own_mode(workspace: WorkspaceProcessContext) -> None:
    targets = WorkspaceTargets(lambda: workspace, TargetModes(assets="accept", checks="reject", partitions="accept"))

    unknown_asset, unknown_check, unknown_partition = targets.problems(
        [
            MaterializationEvent(asset_key=UNKNOWN),
            CheckEvent(asset_key=KNOWN, check_name="other", passed=True),
            ObservationEvent(asset_key=SLICED, partition="z"),
        ]
    )

    assert (unknown_asset, unknown_partition) == ((), ())
    assert [error.code for error in unknown_check] == ["check.unknown"]


def test_mode_warn_accepts_and_names_each_target_once(
    workspace: WorkspaceProcessContext, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "asset_bridge.targets"):
        problems = WorkspaceTargets(lambda: workspace, every("warn")).problems(
            [MaterializationEvent(asset_key=UNKNOWN)] * 3
        )

    assert problems == [(), (), ()]
    assert [record.__dict__["asset_key"] for record in caplog.records] == [["invalid", "asset"]]


@pytest.mark.filterwarnings("ignore:Error loading repository location")
def test_nothing_is_refused_while_a_code_location_is_down(
    broken: WorkspaceProcessContext, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "asset_bridge.targets"):
        problems = WorkspaceTargets(lambda: broken, every("reject")).problems([MaterializationEvent(asset_key=UNKNOWN)])

    assert problems == [()]
    assert [record.__dict__["locations_loaded"] for record in caplog.records] == [False]

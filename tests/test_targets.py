"""Unknown assets, checks and partitions, against a code location that is really loaded."""

from __future__ import annotations

import gc
import logging
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import AssetCheckEvaluation, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster_reading import runless_events
from http_world import http_client
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_cluster import MockCluster, produce
from recorder_events import kinds

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent
from asset_reporting.handlers import ReportingContext, report, reporting_context
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.target_partitions import FEW_KEYS
from asset_reporting.targets import TargetMode, TargetModes, WorkspaceTargets

pytestmark = pytest.mark.heavy  # a code location costs four seconds of computing

DEFINITIONS = dedent(
    """
    import dagster as dg

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def sliced(): ...

    known = dg.AssetSpec(["warehouse", "known"])

    @dg.asset_check(asset=known.key, name="fresh")
    def fresh(): return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=known.key, name="strict", blocking=True)
    def strict(): return dg.AssetCheckResult(passed=True)

    daily = dg.DailyPartitionsDefinition("2024-01-01")
    customers = dg.DynamicPartitionsDefinition(name="customers")
    regions = dg.StaticPartitionsDefinition(["eu", "us"])
    of = {
        "daily": daily,
        "weekly": dg.WeeklyPartitionsDefinition("2024-01-01", timezone="Asia/Tokyo"),
        "customers": customers,
        "regional": dg.MultiPartitionsDefinition({"region": regions, "date": daily}),
        "by_customer": dg.MultiPartitionsDefinition({"customer": customers, "date": daily}),
    }
    specs = [dg.AssetSpec(name, partitions_def=partitions) for name, partitions in of.items()]

    defs = dg.Definitions(assets=[sliced, known, *specs], asset_checks=[fresh, strict])
    """
)

KNOWN, UNKNOWN, SLICED = ("warehouse", "known"), ("invalid", "asset"), ("sliced",)
DAILY, WEEKLY, CUSTOMERS, REGIONAL, BY_CUSTOMER = (
    ("daily",),
    ("weekly",),
    ("customers",),
    ("regional",),
    ("by_customer",),
)


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


@pytest.mark.parametrize(
    ("key", "partition", "there"),
    [
        (DAILY, "2024-01-01", True),
        (DAILY, "2023-12-31", False),
        (DAILY, "2999-01-01", False),
        (DAILY, "2024-01-01T00:00", False),
        (DAILY, "99999-01-01", False),
        (WEEKLY, "2024-01-07", True),
        (WEEKLY, "9999-12-31", False),  # for which Dagster raises OverflowError
        (CUSTOMERS, "acme", True),
        (CUSTOMERS, "nobody", False),
        (CUSTOMERS, "acme|acme", False),
        (REGIONAL, "2024-01-01|eu", True),
        (REGIONAL, "eu|2024-01-01", False),
        (REGIONAL, "2024-01-01|asia", False),
        (REGIONAL, "2024-01-01", False),
        (REGIONAL, "2024-01-01|eu|eu", False),
        (REGIONAL, "|", False),
        (BY_CUSTOMER, "acme|2024-01-01", True),
        (BY_CUSTOMER, "nobody|2024-01-01", False),
        (BY_CUSTOMER, "acme|2023-01-01", False),
    ],
)
def test_partitions_are_looked_up_in_their_definition(
    workspace: WorkspaceProcessContext,
    key: tuple[str, ...],
    partition: str,
    there: bool,  # noqa: FBT001 # a parameter
) -> None:
    workspace.instance.add_dynamic_partitions("customers", ["acme"])

    (errors,) = targets_of(workspace, "reject").problems([MaterializationEvent(asset_key=key, partition=partition)])

    assert [error.code for error in errors] == ([] if there else ["partition.unknown"])


ODD = st.text(min_size=1) | st.sampled_from(["9999-12-31", "0001-01-01", "9999-12-31|eu", "acme|9999-12-31", "|"])


@given(st.lists(st.tuples(st.sampled_from([DAILY, WEEKLY, CUSTOMERS, REGIONAL, BY_CUSTOMER]), ODD), min_size=1))
@settings(max_examples=100)
def test_no_partition_is_so_odd_that_it_passes_for_an_outage(
    workspace: WorkspaceProcessContext, odd: list[tuple[tuple[str, ...], str]]
) -> None:
    events = [MaterializationEvent.model_construct(asset_key=key, partition=partition) for key, partition in odd]

    for add in (False, True):
        problems = targets_of(workspace, "reject", add=add).problems(events)
        assert {error.code for errors in problems for error in errors} <= {"partition.unknown"}


def test_a_batch_of_many_dynamic_partitions_is_a_few_questions(
    workspace: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    instance = workspace.instance

    def counted(name: str) -> Any:
        ask = getattr(DagsterInstance, name)

        def asking(*arguments: Any, **named: Any) -> Any:
            asked.append(name)
            return ask(*arguments, **named)

        return asking

    for name in ("has_dynamic_partition", "get_dynamic_partitions"):
        monkeypatch.setattr(DagsterInstance, name, counted(name))
    instance.add_dynamic_partitions("customers", ["last"])
    events = [MaterializationEvent(asset_key=CUSTOMERS, partition=f"c{number}") for number in range(500)]

    problems = targets_of(workspace, "reject").problems([*events, events[0].model_copy(update={"partition": "last"})])

    assert [len(errors) for errors in problems] == [1] * 500 + [0]
    assert len(asked) <= FEW_KEYS + 2 <= 20


def targets_of(workspace: WorkspaceProcessContext, mode: TargetMode, *, add: bool = False) -> WorkspaceTargets:
    return WorkspaceTargets(lambda: workspace, every(mode), add_partitions=add)


def partitions_of(instance: DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("customers"))


@pytest.fixture(params=["transactional", "public"])
def adding(request: pytest.FixtureRequest, workspace: WorkspaceProcessContext) -> ReportingContext:
    """Reports to the workspace's own instance, which has no partitions yet, by either recorder."""
    instance = workspace.instance
    for partition in partitions_of(instance):
        instance.delete_dynamic_partition("customers", partition)
    targets = targets_of(workspace, "reject", add=True)
    context = reporting_context(instance, targets)
    assert context.recorder.name == "transactional"
    return context if request.param == "transactional" else ReportingContext(PublicRecorder(instance), targets)


def test_a_missing_dynamic_partition_is_added_and_nothing_else_is(
    workspace: WorkspaceProcessContext, adding: ReportingContext
) -> None:
    asked = [
        (CUSTOMERS, "second"), (CUSTOMERS, "first"), (CUSTOMERS, "second"), (BY_CUSTOMER, "third|2024-01-01"),
        (BY_CUSTOMER, "fourth|2023-01-01"), (CUSTOMERS, "fi...fth"), (SLICED, "sixth"), (UNKNOWN, "seventh"),
    ]  # fmt: skip
    before = len(runless_events(workspace.instance))

    outcomes = report(adding, [MaterializationEvent(asset_key=key, partition=partition) for key, partition in asked])

    assert kinds(outcomes) == ["Recorded"] * 4 + ["Rejected"] * 4
    assert partitions_of(workspace.instance) == ["second", "first", "third"]
    assert len(runless_events(workspace.instance)) == before + 4


def test_what_is_only_asked_or_refused_as_a_whole_adds_no_partition(
    workspace: WorkspaceProcessContext, adding: ReportingContext
) -> None:
    good, bad = MaterializationEvent(asset_key=CUSTOMERS, partition="new"), MaterializationEvent(asset_key=UNKNOWN)

    assert kinds(report(adding, [good, bad], whole=True)) == ["Again", "Rejected"]
    with http_client(workspace.instance, adding) as client:
        asked = client.post("/report_asset_materialization/customers?partition=new&dry_run=true")
        assert asked.status_code == 200
        assert partitions_of(workspace.instance) == []
        assert client.post("/report_asset_materialization/customers?partition=new").status_code == 200
    assert partitions_of(workspace.instance) == ["new"]


def test_both_roads_add_partitions_and_the_flag_of_a_check(
    workspace: WorkspaceProcessContext, adding: ReportingContext, cluster: MockCluster
) -> None:
    bodies = [
        b'{"event_type": "asset_materialization", "asset_key": "customers", "partition": "by_kafka"}',
        b'{"event_type": "asset_check", "asset_key": ["warehouse", "known"], "check_name": "strict", "passed": true}',
    ]
    before = len(runless_events(workspace.instance))
    for topic in (cluster.topic, cluster.dead_letters):
        cluster.create_topic(topic)
    produce(cluster.bootstrap, cluster.topic, *bodies)

    with RunningConsumer(cluster, adding):
        eventually(lambda: committed_offsets(cluster) == [2])
    with http_client(workspace.instance, adding) as client:
        assert client.post("/report_asset_materialization/customers?partition=by_http").status_code == 200
        posted = client.post("/report_asset_check/warehouse/known", json={"check_name": "strict", "passed": True})
        assert posted.status_code == 200

    assert partitions_of(workspace.instance) == ["by_kafka", "by_http"]
    stored = runless_events(workspace.instance)[before:]
    assert [one.blocking for one in stored if isinstance(one, AssetCheckEvaluation)] == [True, True]


def test_an_outage_while_partitions_are_added_is_an_outage(
    workspace: WorkspaceProcessContext, adding: ReportingContext
) -> None:
    event = MaterializationEvent(asset_key=CUSTOMERS, partition="later")
    before = len(runless_events(workspace.instance))
    (database,) = Path(workspace.instance.root_directory).rglob("index.db")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE dynamic_partitions RENAME TO away")  # events could still be recorded
        try:
            down = report(adding, [event])
        finally:
            connection.execute("ALTER TABLE away RENAME TO dynamic_partitions")

    assert kinds(down) == ["Unavailable"]
    assert len(runless_events(workspace.instance)) == before
    assert kinds(report(adding, [event])) == ["Recorded"]
    assert partitions_of(workspace.instance) == ["later"]


def test_the_flag_of_a_check_is_its_definitions(workspace: WorkspaceProcessContext, adding: ReportingContext) -> None:
    accepting = ReportingContext(adding.recorder, targets_of(workspace, "accept"))
    checks = [CheckEvent(asset_key=KNOWN, check_name=name, passed=False) for name in ("fresh", "strict", "unknown")]

    assert kinds(report(accepting, checks)) == ["Recorded"] * 3

    stored = runless_events(workspace.instance)[-3:]
    assert [one.blocking for one in stored if isinstance(one, AssetCheckEvaluation)] == [False, True, None]

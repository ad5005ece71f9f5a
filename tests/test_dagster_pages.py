"""Dagster's own pages, as its GraphQL answers them, after everything that the contract takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from corpus import CASES
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.testclient import TestClient

from asset_events import InvalidEventError, parse_event
from asset_reporting.outcomes import Recorded
from asset_reporting.transactional_recorder import TransactionalRecorder

Ask = Callable[[], Any]

EVENT = """{ timestamp runId partition description label
    metadataEntries { __typename label description
        ... on TableMetadataEntry { table { records schema { columns { name type } } } }
        ... on TableSchemaMetadataEntry { schema { columns { name type } } }
        ... on JsonMetadataEntry { jsonString }
        ... on TextMetadataEntry { text }
        ... on IntMetadataEntry { intValue intRepr }
        ... on FloatMetadataEntry { floatValue }
        ... on TimestampMetadataEntry { timestamp } } }"""

CATALOG = f"""query {{ assetsOrError {{ __typename
    ... on AssetConnection {{ nodes {{ key {{ path }}
        assetMaterializations(limit: 1000) {EVENT}
        assetObservations(limit: 1000) {EVENT} }} }} }} }}"""


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


@pytest.fixture
def ask(instance: DagsterInstance) -> Iterator[Ask]:
    """The catalog with all events of each asset, as the pages of dagster-webserver ask for them."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        pages = TestClient(DagsterWebserver(workspace).create_asgi_app(), raise_server_exceptions=False)
        yield lambda: pages.post("/graphql", json={"query": CATALOG})


@pytest.mark.fault("events as odd as the contract takes them", "P8")
def test_the_catalog_and_every_event_in_it_are_shown(instance: DagsterInstance, ask: Ask) -> None:
    events = [parse_event(case.body, event_type=case.event_type) for case in CASES if case.code is None]
    assert {type(outcome) for outcome in TransactionalRecorder(instance).record(events)} == {Recorded}

    assets = ask().json()["data"]["assetsOrError"]["nodes"]

    of_assets = [event for event in events if event.event_type != "asset_check"]
    assert {tuple(asset["key"]["path"]) for asset in assets} >= {event.asset_key for event in of_assets}
    shown = [one for asset in assets for kind in ("assetMaterializations", "assetObservations") for one in asset[kind]]
    assert len(shown) == len(of_assets)
    assert sum(len(one["metadataEntries"]) for one in shown) == sum(len(event.metadata) for event in of_assets)


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (rb'{"asset_key": ["\ud800"]}', AssetMaterialization(AssetKey(["\ud800"]))),
        (
            b'{"asset_key": "a", "metadata": {"x": {"__class__": 1}}}',
            AssetMaterialization("a", None, {"x": {"__class__": 1}}),
        ),
    ],
)
def test_what_the_contract_refuses_would_cost_the_whole_catalog(
    instance: DagsterInstance, ask: Ask, body: bytes, event: AssetMaterialization
) -> None:
    with pytest.raises(InvalidEventError):
        parse_event(body, event_type="asset_materialization")

    instance.report_runless_asset_event(event)
    assert ask().status_code == 500

"""`?dry_run=true`: the answer that a request would get, and nothing recorded."""

from __future__ import annotations

from typing import Any

import pytest
from corpus import CASES
from dagster import DagsterInstance
from dagster_reading import runless_entries
from http_world import http_client
from starlette.testclient import TestClient

from asset_events import AssetEvent, ErrorDetail
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.targets import AcceptAll

URL = "/report_asset_materialization/a"
BATCH = "/report_asset_events"
DRY = {"dry_run": "true"}


class OnlyKnown(AcceptAll):
    """Targets where the asset `known` is there, and a code location that cannot be asked about `broken`."""

    def problems(self, events: Any) -> list[tuple[ErrorDetail, ...]]:
        return [self._judge(event) for event in events]

    def _judge(self, event: AssetEvent) -> tuple[ErrorDetail, ...]:
        if event.asset_key == ("broken",):
            raise RuntimeError("gone")
        return () if event.asset_key == ("known",) else (ErrorDetail("/asset_key", "asset.unknown", "not found"),)


def test_every_body_is_judged_as_ever_and_nothing_is_recorded(client: TestClient, instance: DagsterInstance) -> None:
    json = {"Content-Type": "application/json"}
    for case in CASES:
        answer = client.post(f"/report_{case.event_type}", params=DRY, content=case.body, headers=json)
        assert (answer.status_code == 200) == (case.code is None), case.name
        assert answer.json().get("code") == case.code, case.name
    assert runless_entries(instance) == []


def test_answer_says_that_nothing_was_recorded(client: TestClient) -> None:
    answer = client.post(URL, params=DRY)

    assert answer.json() == {
        "status": "success",
        "event_id": None,
        "message": "Asset materialization would be recorded",
        "dry_run": True,
    }


def test_each_event_of_many_is_judged(client: TestClient, instance: DagsterInstance) -> None:
    events = [{"event_type": "asset_observation", "asset_key": "a"}, {"asset_key": "b"}]

    answer = client.post(BATCH, params=DRY, json=events)

    good, bad = answer.json()["results"]
    assert answer.json()["status"] == "partial"
    assert good == {"status": "success", "event_id": None, "replayed": False, "dry_run": True}
    assert bad["code"] == "event_type.missing"
    assert runless_entries(instance) == []


def test_false_is_as_good_as_left_out_and_the_last_one_counts(client: TestClient, instance: DagsterInstance) -> None:
    answer = client.post(URL + "?dry_run=TRUE&dry_run=False")

    assert answer.status_code == 200
    assert "dry_run" not in answer.json()
    assert len(runless_entries(instance)) == 1


@pytest.mark.parametrize("url", [URL, BATCH])
@pytest.mark.parametrize("value", ["1", "yes", ""])
def test_anything_else_is_refused_and_not_recorded(
    client: TestClient, instance: DagsterInstance, url: str, value: str
) -> None:
    before = len(runless_entries(instance))

    answer = client.post(url, params={"dry_run": value}, json={"event_type": "asset_materialization", "asset_key": "a"})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/dry_run")
    assert len(runless_entries(instance)) == before


def test_targets_are_asked(instance: DagsterInstance) -> None:
    reporting = ReportingContext(reporting_context(instance).recorder, OnlyKnown())
    with http_client(instance, reporting) as client:
        url = "/report_asset_observation/"
        answers = [client.post(url + key, params=DRY) for key in ("known", "other", "broken")]

    assert [answer.status_code for answer in answers] == [200, 404, 503]


def test_read_only_webserver_says_no_to_it_too(instance: DagsterInstance) -> None:
    with http_client(instance, read_only=True) as client:
        assert client.post(URL, params=DRY).json()["code"] == "asset.forbidden"

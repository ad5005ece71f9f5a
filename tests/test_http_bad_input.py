"""What stock Dagster answers with 500 or stores as garbage: here a 4xx with code and path, nothing stored or shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from bad_requests import CANARY, CHECK, JSON, MAT, BadRequest, all_bad_requests, body, query, raw, typed
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from dagster_reading import count_rows, event_of, runless_entries
from http_world import http_client

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.mark.fault("input that stock Dagster answers with 500 or stores as garbage", "P8")
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in all_bad_requests()])
def test_bad_input_is_refused_and_leaves_no_trace(
    client: TestClient, instance: DagsterInstance, caplog: pytest.LogCaptureFixture, case: BadRequest
) -> None:
    before = count_rows(instance)

    with caplog.at_level(logging.DEBUG):
        answer = client.post(case.url, **case.request)

    told = answer.json()
    assert (told["code"], told["errors"][0]["path"], told["status"]) == (case.code, case.where, "error")
    assert answer.status_code == (413 if case.code == "event.too_large" else 400)
    assert told["error"] == told["errors"][0]["message"]
    assert count_rows(instance) == before
    # The test's own client logs its requests; everybody else's log is looked at.
    records = [record for record in caplog.records if not record.name.startswith("httpx2")]
    assert [record.levelname for record in records if record.name == "asset_bridge.http"] == ["DEBUG"]
    assert CANARY not in answer.text + "".join(str(vars(record)) for record in records)


def test_line_break_inside_the_path_reaches_no_endpoint_and_is_json(client: TestClient) -> None:
    answer = client.post(f"{MAT}/a%0Ab")

    assert answer.status_code == 404
    assert answer.json()["code"] == "route.unknown"


# (name, URL, request, asset key as stored)
ACCEPTED: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("nothing but the path", f"{MAT}/a", {}, ["a"]),
    ("json type, no body", f"{MAT}/a", raw(b""), ["a"]),
    ("form type, no body", f"{MAT}/a", typed("application/x-www-form-urlencoded", b""), ["a"]),
    ("any type, no body", f"{MAT}/a", raw(b"", {"Content-Type": "text/plain", "Content-Encoding": "gzip"}), ["a"]),
    ("body without a type", MAT, raw('{"asset_key": "typeless"}', {}), ["typeless"]),
    ("charset", MAT, typed("application/json; charset=utf-8", '{"asset_key": "b"}'), ["b"]),
    ("charset quoted", MAT, typed('application/json;charset="UTF8"', '{"asset_key": "b"}'), ["b"]),
    ("other parameter", MAT, typed("application/json; v=1", '{"asset_key": "b"}'), ["b"]),
    ("any case", MAT, typed("Application/JSON", '{"asset_key": "b"}'), ["b"]),
    ("identity", MAT, raw('{"asset_key": "b"}', {**JSON, "Content-Encoding": "identity"}), ["b"]),
    ("byte order mark", MAT, raw(b'\xef\xbb\xbf{"asset_key": "b"}'), ["b"]),
    ("duplicate names", MAT, raw('{"asset_key": "a", "asset_key": "b"}'), ["b"]),
    ("escaped slash", f"{MAT}/a%2Fb", {}, ["a", "b"]),
    ("space and emoji", f"{MAT}/a%20b/%F0%9F%9A%80", {}, ["a b", "🚀"]),
    ("json text in the path", f'{MAT}/["x","y"]', {}, ['["x","y"]']),
    ("path before body", f"{MAT}/path", body(asset_key="body"), ["path"]),
    ("body before query", f"{MAT}?asset_key=query", body(asset_key="body"), ["body"]),
    ("last of repeated query", f"{MAT}?asset_key=first&asset_key=last", {}, ["last"]),
    ("json list in the query", MAT, query(asset_key='["q","r/s"]'), ["q", "r/s"]),
    ("dotted query", MAT, query(asset_key="warehouse.customers.daily"), ["warehouse", "customers", "daily"]),
    ("body string is one part", MAT, body(asset_key="a/b.c"), ["a/b.c"]),
]


@pytest.mark.parametrize(("url", "request_", "key"), [pytest.param(*it[1:], id=it[0]) for it in ACCEPTED])
def test_good_input_is_stored_under_its_key(
    client: TestClient, instance: DagsterInstance, url: str, request_: dict[str, Any], key: list[str]
) -> None:
    before = len(runless_entries(instance))

    assert client.post(url, **request_).status_code == 200

    entries = runless_entries(instance)
    assert len(entries) == before + 1
    assert event_of(entries[-1]) == AssetMaterialization(AssetKey(key))


def test_null_in_the_body_hides_the_query(client: TestClient, instance: DagsterInstance) -> None:
    assert client.post(f"{MAT}/a?description=query", json={"description": None}).status_code == 200

    assert event_of(runless_entries(instance)[-1]).description is None


def test_all_that_is_wrong_is_told_at_once(client: TestClient) -> None:
    answer = client.post(f"{CHECK}/a", json={"severity": "BAD", "partition": 5})

    told = [(error["code"], error["path"]) for error in answer.json()["errors"]]
    assert sorted(told) == [
        ("field.missing", "/check_name"),
        ("field.missing", "/passed"),
        ("schema.invalid", "/partition"),
        ("schema.invalid", "/severity"),
    ]
    assert answer.json()["code"] == told[0][0]


def test_unknown_fields_can_be_ignored(instance: DagsterInstance) -> None:
    with http_client(instance, unknown_fields="ignore") as client:
        assert client.post(f"{MAT}/a", json={"timestamp": 5, "description": "kept"}).status_code == 200

    assert event_of(runless_entries(instance)[-1]).description == "kept"

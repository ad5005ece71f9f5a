"""`POST /report_asset_events`: many events in one request, each with a result of its own, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster_reading import runless_events
from fake_recorders import FakeRecorder
from http_world import http_client
from known_keys import key_of, known_keys
from starlette.testclient import TestClient

from asset_reporting.handlers import ReportingContext
from asset_reporting.public_recorder import PublicRecorder

URL = "/report_asset_events"
NDJSON = {"Content-Type": "application/x-ndjson"}


def event(key: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "asset_observation", "asset_key": key, **fields}


def lines(*events: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in events).encode()


def results_of(answer: Any) -> list[dict[str, Any]]:
    """The results of an answer in lines."""
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def stored_keys(instance: DagsterInstance) -> list[str]:
    return [one.asset_key.to_user_string() for one in runless_events(instance)]


MIXED = [
    event("m1"),
    {"event_type": "asset_check", "asset_key": "m2", "check_name": "c"},
    {"event_type": "asset_check", "asset_key": "m3", "check_name": "c", "passed": True},
    {"asset_key": "m4"},
    ["no object"],
    {"event_type": "asset_materialization", "asset_key": "m5", "partition": "p"},
]
MIXED_CODES = [None, "field.missing", None, "event_type.missing", "json.malformed", None]


def test_array_is_answered_with_one_result_per_event_in_order(client: TestClient, instance: DagsterInstance) -> None:
    before = len(stored_keys(instance))
    answer = client.post(URL, json=MIXED)

    assert answer.status_code == 200
    document = answer.json()
    assert list(document) == ["status", "results"]
    assert document["status"] == "partial"
    check_mixed(document["results"])
    assert stored_keys(instance)[before:] == ["m1", "m3", "m5"]


def test_lines_are_answered_in_lines(client: TestClient, instance: DagsterInstance) -> None:
    before = len(stored_keys(instance))
    answer = client.post(URL, content=lines(*MIXED), headers=NDJSON)

    assert answer.status_code == 200
    check_mixed(results_of(answer))
    assert stored_keys(instance)[before:] == ["m1", "m3", "m5"]


def check_mixed(results: list[dict[str, Any]]) -> None:
    assert [result.get("code") for result in results] == MIXED_CODES
    recorded = [result for result in results if result["status"] == "success"]
    assert [list(result) for result in recorded] == [["status", "event_id", "replayed"]] * 3
    assert [result["replayed"] for result in recorded] == [False] * 3
    ids = [int(result["event_id"]) for result in recorded]
    assert ids == sorted(set(ids))
    assert results[1] == {
        "status": "error",
        "error": "Missing required field: passed",
        "code": "field.missing",
        "errors": [{"path": "/passed", "code": "field.missing", "message": "Missing required field: passed"}],
    }


@pytest.mark.parametrize(("events", "status"), [([event("a")], "success"), ([{}, 5], "error"), ([], "success")])
def test_status_sums_the_results_up(client: TestClient, events: list[Any], status: str) -> None:
    answer = client.post(URL, json=events)

    assert answer.status_code == 200
    assert answer.json()["status"] == status
    assert len(answer.json()["results"]) == len(events)


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl", "application/json", None])
@pytest.mark.parametrize(
    "body",
    [
        lines(event("a"), event("b")),
        lines(event("a"), event("b")).rstrip(),
        lines(event("a"), event("b")).replace(b"\n", b"\r\n"),
        b"\n \n" + lines(event("a")) + b"\n\t\n" + lines(event("b")) + b"\n",
        b"\xef\xbb\xbf" + lines(event("a"), event("b")),
    ],
)
def test_lines_are_known_by_their_content(client: TestClient, body: bytes, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    results = results_of(client.post(URL, content=body, headers=headers))

    assert [result["status"] for result in results] == ["success", "success"]


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json; charset=utf-8"])
def test_array_is_known_by_its_content(client: TestClient, content_type: str) -> None:
    body = b"\xef\xbb\xbf \r\n" + json.dumps([event("a"), event("b")], indent=2).encode() + b"\n"
    answer = client.post(URL, content=body, headers={"Content-Type": content_type})

    assert answer.json()["status"] == "success"
    assert len(answer.json()["results"]) == 2


GOOD = json.dumps(event("good")).encode()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"event_type": "asset_observation", "asset_key": "\xff"}', "json.malformed"),
        (b'{"event_type": "asset_observation", "asset_key": "\\ud800"}', "json.malformed"),
        (b'{"event_type": "asset_observation", "asset_key": "a", "metadata": {"x": NaN}}', "json.malformed"),
        (b'{"event_type": "asset_observation", "asset_key": "a", "metadata": {"x": 1e999}}', "schema.invalid"),
        (b'{"event_type": "asset_observation", "asset_key": "a", "x": ' + b"9" * 5000 + b"}", "json.malformed"),
        (b'{"event_type": "asset_observation", "asset_key": "' + b"[" * 300 + b'"}', None),
        (b'{"event_type": "asset_observation", "asset_key": ' + b"[" * 300 + b"]" * 300 + b"}", "json.malformed"),
        (b"null", "json.malformed"),
        (b'"]"', "json.malformed"),
        (b'{"event_type": "none"}', "event_type.unknown"),
    ],
)
def test_event_that_cannot_be_read_leaves_its_neighbours_alone(
    client: TestClient, bad: bytes, code: str | None
) -> None:
    in_array = client.post(URL, content=b"[" + GOOD + b", " + bad + b" ," + GOOD + b"]").json()["results"]
    in_lines = results_of(client.post(URL, content=b"\n".join([GOOD, bad, GOOD]), headers=NDJSON))

    for results in (in_array, in_lines):
        assert [result.get("code") for result in results] == [None, code, None]
    assert in_array[1].get("errors") == in_lines[1].get("errors")


def test_line_cut_off_is_refused_by_itself(client: TestClient) -> None:
    results = results_of(client.post(URL, content=GOOD + b'\n{"event_type": "asset_obs', headers=NDJSON))

    assert [result.get("code") for result in results] == [None, "json.malformed"]


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[" + GOOD,
        b"[" + GOOD + b",",
        b"[" + GOOD + b",]",
        b"[" + GOOD + b" " + GOOD + b"]",
        b"[" + GOOD + b"]]",
        b"[" + GOOD + b"]" + GOOD,
        b"[" + GOOD + b", {]",
        b"[" + GOOD + b", nothing]",
        b"[,]",
        b"[" * 100_000,
        b"",
        b" \n\n",
    ],
)
def test_broken_array_is_refused_whole(client: TestClient, instance: DagsterInstance, body: bytes) -> None:
    before = len(stored_keys(instance))
    answer = client.post(URL, content=body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "json.malformed"
    assert len(stored_keys(instance)) == before


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content-Type": "text/plain"}, b"[]", "content_type.unsupported"),
        ({"Content-Type": "application/x-ndjson; charset=latin-1"}, b"[]", "encoding.unsupported"),
        ({"Content-Encoding": "gzip"}, b"[]", "encoding.unsupported"),
        ({}, b"\x1f\x8b\x08\x00", "encoding.unsupported"),
        ({}, "[]".encode("utf-16"), "encoding.unsupported"),
    ],
)
def test_request_that_is_no_plain_json_is_refused(
    client: TestClient, headers: dict[str, str], body: bytes, code: str
) -> None:
    answer = client.post(URL, content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_what_speaks_for_one_event_is_refused_for_many(client: TestClient) -> None:
    by_header = client.post(URL, json=[event("a")], headers={"Idempotency-Key": "k"})
    by_query = client.post(f"{URL}?asset_key=a", json=[event("a")])

    assert (by_header.status_code, by_header.json()["errors"][0]["path"]) == (400, "/idempotency_key")
    assert (by_query.status_code, by_query.json()["code"]) == (400, "field.unknown")


def test_each_event_has_an_idempotency_key_of_its_own(client: TestClient, instance: DagsterInstance) -> None:
    before = len(stored_keys(instance))
    events = [event("k1", idempotency_key="b1"), event("k2", idempotency_key="b2")]
    first = client.post(URL, json=events).json()["results"]
    events = [*events, event("k1", idempotency_key="b2"), event("k3", idempotency_key="b3"), events[1]]
    second = results_of(client.post(URL, content=lines(*events), headers=NDJSON))

    assert [result.get("code") for result in second] == [None, None, "idempotency_key.reused", None, None]
    assert [second[index].get("replayed") for index in (0, 1, 3, 4)] == [True, True, False, True]
    assert [one["event_id"] for one in second[:2]] == [one["event_id"] for one in first]
    assert second[4]["event_id"] == first[1]["event_id"]
    assert stored_keys(instance)[before:] == ["k1", "k2", "k3"]


def test_read_only_webserver_forbids_each_event(instance: DagsterInstance) -> None:
    with http_client(instance, read_only=True) as client:
        answer = client.post(URL, json=[event("a"), {}])

    assert answer.json()["status"] == "error"
    assert [result["code"] for result in answer.json()["results"]] == ["asset.forbidden", "event_type.missing"]


def test_keys_guard_it(instance: DagsterInstance) -> None:
    with http_client(instance, ReportingContext(FakeRecorder()), api_keys=known_keys("many")) as client:
        assert client.post(URL, json=[event("a")]).status_code == 401
        key = {"X-API-Key": key_of("many")}
        assert client.post(URL, json=[event("a")], headers=key).json()["status"] == "success"


def test_other_methods_are_refused(client: TestClient) -> None:
    answer = client.get(URL)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_unknown_fields_are_treated_as_set(instance: DagsterInstance) -> None:
    with http_client(instance, ReportingContext(FakeRecorder()), unknown_fields="ignore") as client:
        assert client.post(URL, json=[event("a", nonsense=1)]).json()["status"] == "success"


def test_recorder_that_records_one_by_one_takes_batches_too(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        with http_client(instance, ReportingContext(PublicRecorder(instance))) as client:
            keys = [f"k{number}" for number in range(60)]
            answer = client.post(URL, json=[event(key) for key in keys])

        assert answer.json()["status"] == "success"
        assert stored_keys(instance) == keys

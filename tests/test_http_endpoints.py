"""The report endpoints, black-box on a real Dagster instance: C1-C18 are dagster-webserver's own assertions.

C11, the names of the parameters, is in test_parameter_names.py.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from check_partitions import needs_check_partitions
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    JsonMetadataValue,
    TextMetadataValue,
)
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster_reading import event_of, latest_materialization, runless_entries

if TYPE_CHECKING:
    from starlette.testclient import TestClient


SYSTEM_TAGS = {DATA_VERSION_TAG: "new", DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}


def newest(instance: DagsterInstance) -> AssetMaterialization | AssetObservation | AssetCheckEvaluation:
    return event_of(runless_entries(instance)[-1])


def latest_check(instance: DagsterInstance, key: AssetCheckKey) -> AssetCheckEvaluation:
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    assert record.event.asset_check_evaluation is not None
    return record.event.asset_check_evaluation


def test_c1_key_in_the_path_is_enough(client: TestClient, instance: DagsterInstance) -> None:
    assert client.post("/report_asset_materialization/my_asset").status_code == 200
    assert latest_materialization(instance, AssetKey("my_asset"))


@pytest.mark.parametrize("path", ["/report_asset_materialization/", "/report_asset_materialization"])
def test_c2_no_key_at_all_is_refused(client: TestClient, path: str) -> None:
    answer = client.post(path)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Missing required field: asset_key"


@pytest.mark.parametrize("path", ["/report_asset_materialization/", "/report_asset_materialization"])
def test_c3_to_c5_key_forms(client: TestClient, instance: DagsterInstance, path: str) -> None:
    assert client.post("/report_asset_materialization/foo/bar/baz").status_code == 200
    assert latest_materialization(instance, AssetKey(["foo", "bar", "baz"]))

    assert client.post(path, params={"asset_key": '["slash/key"]'}).status_code == 200
    assert newest(instance).asset_key == AssetKey("slash/key")

    assert client.post(path, json={"asset_key": ["a/b", "c/d"]}).status_code == 200
    assert newest(instance).asset_key == AssetKey(["a/b", "c/d"])


WHOLE = {"description": "desc", "partition": "mypart", "data_version": "new"}


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {**WHOLE, "metadata": {"my_metadata": "value"}}},
        {"params": {**WHOLE, "metadata": json.dumps({"my_metadata": "value"})}},
    ],
)
def test_c6_and_c7_whole_materialization_equals_dagsters_own(
    client: TestClient, instance: DagsterInstance, request_: dict[str, Any]
) -> None:
    answer = client.post("/report_asset_materialization/my_asset", **request_)

    assert answer.status_code == 200
    assert latest_materialization(instance, AssetKey("my_asset")) == AssetMaterialization(
        AssetKey("my_asset"),
        partition="mypart",
        description="desc",
        metadata={"my_metadata": "value"},
        tags=SYSTEM_TAGS,
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"params": {"metadata": "my_metadata"}}, "Error parsing metadata json"),
        (
            {"json": {"metadata": "im_just_a_string"}},
            'Error constructing AssetMaterialization: Param "metadata" is not',
        ),
    ],
)
def test_c8_and_c9_bad_metadata_is_told_in_dagsters_words(
    client: TestClient, request_: dict[str, Any], message: str
) -> None:
    answer = client.post("/report_asset_materialization/my_asset", **request_)

    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_c10_key_as_a_string_in_the_body(client: TestClient, instance: DagsterInstance) -> None:
    fields = {"metadata": {"meta": "data"}, "data_version": "so_new", "partition": "p1", "description": "boo"}
    body = {"asset_key": "sample_key", **fields}

    assert client.post("/report_asset_materialization/", json=body).status_code == 200

    stored = latest_materialization(instance, AssetKey("sample_key"))
    assert stored.metadata.keys() == {"meta"}
    assert stored.tags == {DATA_VERSION_TAG: "so_new", DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
    assert (stored.partition, stored.description) == ("p1", "boo")


def test_c12_and_c13_latest_check_result_is_the_last_reported(client: TestClient, instance: DagsterInstance) -> None:
    key = AssetCheckKey(AssetKey("my_asset"), "my_check")
    for passed in ("false", "true"):
        answer = client.post("/report_asset_check/my_asset", params={"passed": passed, "check_name": "my_check"})

        assert answer.status_code == 200
        assert latest_check(instance, key).passed is (passed == "true")


def test_c14_body_and_query_are_mixed_in_one_request(client: TestClient) -> None:
    answer = client.post(
        "/report_asset_check/my_asset",
        params={"passed": "true", "check_name": "my_check"},
        json={"metadata": "im_just_a_string"},
    )

    assert answer.status_code == 400
    assert 'Error constructing AssetCheckEvaluation: Param "metadata" is not' in answer.json()["error"]


def test_c15_whole_check_equals_dagsters_own(client: TestClient, instance: DagsterInstance) -> None:
    body = {
        "asset_key": "sample_key",
        "check_name": "sample_check",
        "metadata": {"meta": "data"},
        "severity": "WARN",
        "passed": False,
    }

    assert client.post("/report_asset_check/", json=body).status_code == 200

    assert latest_check(instance, AssetCheckKey(AssetKey("sample_key"), "sample_check")) == AssetCheckEvaluation(
        asset_key=AssetKey("sample_key"),
        check_name="sample_check",
        passed=False,
        metadata={"meta": TextMetadataValue("data")},
        severity=AssetCheckSeverity.WARN,
    )


def test_c16_to_c18_observations(client: TestClient, instance: DagsterInstance) -> None:
    before = len(runless_entries(instance))
    assert client.post("/report_asset_observation/my_asset").status_code == 200
    assert newest(instance) == AssetObservation(AssetKey("my_asset"))
    assert len(runless_entries(instance)) == before + 1

    assert client.post("/report_asset_observation/my_asset", params={"data_version": "fresh"}).status_code == 200
    fresh = newest(instance)
    assert isinstance(fresh, AssetObservation)
    assert fresh.data_version == "fresh"

    body = {
        "asset_key": ["a", "b"],
        "metadata": {"meta": {"x": [1]}},
        "data_version": "new",
        "partition": "p",
        "description": "d",
    }
    assert client.post("/report_asset_observation/", json=body).status_code == 200
    assert newest(instance) == AssetObservation(
        AssetKey(["a", "b"]),
        metadata={"meta": JsonMetadataValue({"x": [1]})},
        partition="p",
        description="d",
        tags=SYSTEM_TAGS,
    )


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("materialization", "Asset materialization recorded"),
        ("check", "Asset check evaluation recorded"),
        ("observation", "Asset observation recorded"),
    ],
)
def test_success_tells_the_storage_id_as_text(
    client: TestClient, instance: DagsterInstance, endpoint: str, message: str
) -> None:
    params = {"check_name": "c", "passed": "true"} if endpoint == "check" else {}
    answer = client.post(f"/report_asset_{endpoint}/my_asset", params=params)

    newest_id = instance.event_log_storage.get_maximum_record_id()
    assert answer.json() == {"status": "success", "event_id": str(newest_id), "message": message}
    assert answer.headers["content-type"] == "application/json"


@needs_check_partitions
def test_second_result_of_a_partitioned_check_replaces_the_first(client: TestClient, instance: DagsterInstance) -> None:
    for passed in (True, False):
        body = {"check_name": "by_day", "passed": passed, "partition": "2024-01-15"}
        assert client.post("/report_asset_check/my_asset", json=body).status_code == 200

    key = AssetCheckKey(AssetKey("my_asset"), "by_day")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10, partition_filter=None)
    assert [record.status.value for record in history] == ["FAILED"]


def test_reports_at_the_same_time_each_get_their_own_id(client: TestClient, instance: DagsterInstance) -> None:
    def post(number: int) -> str:
        event_id: str = client.post(f"/report_asset_materialization/parallel/{number}").json()["event_id"]
        return event_id

    with ThreadPoolExecutor(12) as clients:
        told = list(clients.map(post, range(24)))

    for number, event_id in enumerate(told):
        (record,) = instance.fetch_materializations(AssetKey(["parallel", str(number)]), limit=1).records
        assert str(record.storage_id) == event_id

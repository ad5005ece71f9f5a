"""Events made up from the published documents: what these take the contract takes, what these refuse it refuses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from dagster import DagsterInstance
from http_world import http_app
from hypothesis import HealthCheck, Phase, given, settings
from published import is_beyond_schema, published, validator
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from asset_consumer.decode import decode
from asset_consumer.record import Record
from asset_events import EVENT_TYPES, InvalidEventError

# Seeded, so that a failure is one of the code. Shrinking takes many times as long as finding.
SEEDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def cases(mode: GenerationMode) -> Any:
    """Requests whose body is one event, by the schema that the published OpenAPI document has of it."""
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AssetEvent"}}}}
    post = {"post": {"requestBody": body, "responses": {"200": {"description": "Taken."}}}}
    document = {**published("openapi.json"), "paths": {"/event": post}}
    return schemathesis.openapi.from_dict(document)["/event"]["POST"].as_strategy(generation_mode=mode)


Judge = Callable[[object], list[dict[str, str]]]


@pytest.fixture(scope="module")
def errors_of() -> Iterator[Judge]:
    """What both roads find wrong with an event, once they agree: a record, and a post that only asks."""
    with DagsterInstance.local_temp() as instance, http_app(instance) as app:
        client = TestClient(app)  # not started: its watch draws random numbers while hypothesis does

        def judge(event: object) -> list[dict[str, str]]:
            body = json.dumps(event).encode()
            answer = client.post("/report_asset_events", params={"dry_run": "true"}, content=b"[%b]" % body)
            (by_http,) = answer.json()["results"]
            by_kafka: list[dict[str, str]] = []
            try:
                decode(Record("events", 0, 1, None, body))
            except InvalidEventError as error:
                by_kafka = [detail.as_dict() for detail in error.errors]
            assert by_http.get("errors", []) == by_kafka
            return by_kafka

        yield judge


@pytest.mark.parametrize("examples", [25, pytest.param(150, marks=pytest.mark.heavy)])
def test_events_of_the_published_schema_are_taken_by_both_roads(errors_of: Judge, examples: int) -> None:
    seen: Counter[str] = Counter()

    @given(cases(GenerationMode.POSITIVE))
    @settings(SEEDED, max_examples=examples)
    def taken(case: Any) -> None:
        seen[case.body["event_type"]] += 1
        if errors := errors_of(case.body):
            seen["refused"] += 1
            assert [told["message"] for told in errors if not is_beyond_schema(told["message"])] == []

    taken()
    assert set(seen) >= set(EVENT_TYPES)
    assert seen["refused"] * 3 < examples * 2


@pytest.mark.parametrize("examples", [25, pytest.param(150, marks=pytest.mark.heavy)])
def test_events_outside_the_published_schema_are_refused_by_both_roads_alike(errors_of: Judge, examples: int) -> None:
    seen: Counter[str] = Counter()

    @given(cases(GenerationMode.NEGATIVE))
    @settings(SEEDED, max_examples=examples)
    def refused(case: Any) -> None:
        if isinstance(case.body, dict) and not validator().is_valid(case.body):
            seen[errors_of(case.body)[0]["code"]] += 1

    refused()
    assert seen.total() * 3 > examples

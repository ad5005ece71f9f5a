"""Events made up from the published documents: what these take the contract takes, what these refuse it refuses."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from published import is_beyond_schema, published, validator
from schemathesis import GenerationMode

from asset_events import EVENT_TYPES, InvalidEventError, parse_event

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


def refusal(event: object) -> InvalidEventError | None:
    try:
        parse_event(json.dumps(event).encode())
    except InvalidEventError as error:
        return error
    return None


@pytest.mark.parametrize("examples", [25, pytest.param(300, marks=pytest.mark.heavy)])
def test_events_of_the_published_schema_are_taken(examples: int) -> None:
    seen: Counter[str] = Counter()

    @given(cases(GenerationMode.POSITIVE))
    @settings(SEEDED, max_examples=examples)
    def taken(case: Any) -> None:
        seen[case.body["event_type"]] += 1
        if error := refusal(case.body):
            seen["refused"] += 1
            assert [told.message for told in error.errors if not is_beyond_schema(told.message)] == []

    taken()
    assert set(seen) >= set(EVENT_TYPES)
    assert seen["refused"] * 3 < examples * 2


@pytest.mark.parametrize("examples", [25, pytest.param(300, marks=pytest.mark.heavy)])
def test_events_outside_the_published_schema_are_refused(examples: int) -> None:
    seen: Counter[str] = Counter()

    @given(cases(GenerationMode.NEGATIVE))
    @settings(SEEDED, max_examples=examples)
    def refused(case: Any) -> None:
        if isinstance(case.body, dict) and not validator().is_valid(case.body):
            error = refusal(case.body)
            assert error is not None
            seen[error.code] += 1

    refused()
    assert seen.total() * 3 > examples

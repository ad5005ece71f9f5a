"""Every value of the chart arrives where it belongs, and what the chart says of itself stands there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chart_distinct_sets import COMPONENTS
from chart_places import ELSEWHERE, SAID, TAKEN, followed, found
from chart_value_sets import HTTP, LEAST, Values, merged
from chart_values import Values as Model
from charts import render
from pydantic import BaseModel

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize(("values", "places"), TAKEN.values(), ids=TAKEN.keys())
def test_values_arrive(values: Values, places: dict[str, list[str]]) -> None:
    rendered = render(values)
    wanted = {place: followed(values, path.split(".")) for path, where in places.items() for place in where}
    assert {place: found(rendered, place) for place in wanted} == wanted


@pytest.mark.parametrize(("values", "said"), SAID.values(), ids=SAID.keys())
def test_what_the_chart_says_of_itself_stands_there(values: Values, said: dict[str, Any]) -> None:
    rendered = render(values)
    assert {place: found(rendered, place) for place in said} == said


def test_no_value_is_forgotten() -> None:
    taken = {path for _, places in TAKEN.values() for path in places}
    assert [
        path
        for path in leaves(Model())
        if path not in ELSEWHERE
        and not path.endswith((".enabled", ".kind"))
        and not any(f"{one}.".startswith(f"{path}.") for one in taken)
    ] == []


def test_nothing_is_made_that_nobody_asked_for() -> None:
    made = [f"{one['kind']} {one['metadata']['name']}" for one in render(merged(LEAST, HTTP)).documents]
    whole = "bridge-asset-bridge"
    assert sorted(made) == sorted(
        [
            f"ServiceAccount {whole}",
            f"Service {whole}",
            *(f"{kind} {whole}-{c}" for c in COMPONENTS for kind in ("ConfigMap", "Deployment", "PodDisruptionBudget")),
            *(f"Pod {whole}-test-{c}" for c in COMPONENTS),
        ]
    )


def leaves(part: BaseModel, above: str = "") -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{above}{field.alias}.")
        else:
            yield f"{above}{field.alias}"

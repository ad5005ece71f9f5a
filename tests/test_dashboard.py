"""The dashboard can be loaded by Grafana, asks for nothing that is not exported, and can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import combinations
from typing import Any

import pytest
from dashboard import dashboard, panels, queries, variables
from exported_metrics import strangers

FROM_VARIABLE = {"type": "prometheus", "uid": "${datasource}"}


def faults(panels: list[dict[str, Any]]) -> list[str]:
    """What a reader would stumble over."""
    return [*_misplaced(panels), *(fault for panel in panels if panel["type"] != "row" for fault in _lacking(panel))]


def _misplaced(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel, other in combinations(panels, 2):
        if panel["id"] == other["id"]:
            yield f"{panel['title']} and {other['title']} have one id"
        if _overlap(panel["gridPos"], other["gridPos"]):
            yield f"{panel['title']} lies upon {other['title']}"
    yield from (
        f"{panel['title']} sticks out" for panel in panels if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24
    )


def _lacking(panel: dict[str, Any]) -> Iterator[str]:
    title = panel["title"]
    if not [target for target in panel["targets"] if target["expr"]]:
        yield f"{title} has no query"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield f"{title} has no unit"
    if not panel.get("description", "").endswith("."):
        yield f"{title} has no description"
    if any(source != FROM_VARIABLE for source in [panel["datasource"], *(t["datasource"] for t in panel["targets"])]):
        yield f"{title} has a data source of its own"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


def test_panels_can_be_read() -> None:
    assert faults(panels()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 1}, "have one id"),
        ({"gridPos": {"x": 1, "y": 1, "w": 4, "h": 4}}, "lies upon"),
        ({"gridPos": {"x": 21, "y": 500, "w": 4, "h": 4}}, "sticks out"),
        ({"targets": []}, "has no query"),
        ({"fieldConfig": {"defaults": {}}}, "has no unit"),
        ({"description": ""}, "has no description"),
        ({"datasource": {"type": "prometheus", "uid": "mine"}}, "has a data source of its own"),
    ],
)
def test_a_panel_that_cannot_be_read_is_found(change: dict[str, Any], said: str) -> None:
    changed = deepcopy(panels())
    changed[-1] |= change
    found = faults(changed)
    assert found
    assert all(said in fault for fault in found)


@pytest.mark.parametrize(("title", "query"), queries())
def test_a_query_asks_for_nothing_that_is_not_exported(title: str, query: str) -> None:
    assert strangers(query) == []


@pytest.mark.parametrize(("title", "query"), queries())
def test_a_query_follows_the_variables(title: str, query: str) -> None:
    """A panel that forgets one shows other people's processes as ours."""
    for metric, matchers in re.findall(r"\b((?:asset_bridge|process|kafka)_\w+)(?:\{([^}]*)\})?", query):
        kafka = metric.startswith("kafka_")
        assert matchers == ('consumergroup=~"$group"' if kafka else 'namespace=~"$namespace", job=~"$job", pod=~"$pod"')


@pytest.mark.parametrize(("title", "query"), queries())
def test_a_legend_names_no_label_that_the_result_does_not_have(title: str, query: str) -> None:
    legends = {
        target["legendFormat"] for panel in panels() for target in panel.get("targets", ()) if target["expr"] == query
    }
    for label in re.findall(r"\{\{(\w+)\}\}", " ".join(legends)):
        grouped = re.search(r"\bby \(([^)]*)\)", query)
        at_hand = grouped.group(1) if grouped else "topic, partition" if "kafka_" in query else "instance"
        assert label in at_hand.split(", ")


def test_variables_ask_for_labels_that_their_metric_has() -> None:
    asked = [variable for variable in variables() if variable["type"] == "query"]
    assert [variable["name"] for variable in asked] == ["namespace", "job", "pod", "group"]
    for variable in asked:
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
        assert found is not None
        metric, label = found.groups()
        assert strangers(f"count by ({label}) ({metric})") == []
        assert variable["query"]["query"] == variable["definition"]
        assert variable["datasource"] == FROM_VARIABLE


def test_dashboard_keeps_its_address_and_takes_any_prometheus() -> None:
    whole = dashboard()
    assert (whole["uid"], whole["title"]) == ("asset-bridge", "asset-bridge")
    assert whole["schemaVersion"] >= 39
    assert "id" not in whole
    (source,) = [variable for variable in variables() if variable["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")

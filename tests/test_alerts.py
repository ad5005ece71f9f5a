"""Each alert names what there is, says what to do, and has its part of the runbook; promtool tests them besides."""

from __future__ import annotations

import re
from typing import Any

import pytest
from alert_rules import ROOT, alert, rules
from exported_metrics import exported, strangers
from promql import parsed

from asset_reporting.batch_size import LEAST_EVENTS
from asset_reporting.metrics import REGISTRY

PAGE = (ROOT / "docs" / "operate.md").read_text("utf-8")
SECTION = re.search(r"^## Alerts\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)

each_alert = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])


@each_alert
def test_an_alert_asks_for_nothing_that_is_not_exported(rule: dict[str, Any]) -> None:
    assert strangers(rule["expr"]) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("asset_bridge_ledger_fence_total > 0", ["no metric asset_bridge_ledger_fence_total"]),
        ("rate(asset_bridge_ledger_fences[5m]) > 0", ["no metric asset_bridge_ledger_fences"]),
        ("asset_bridge_transaction_events > 0", ["no metric asset_bridge_transaction_events"]),
        ('asset_bridge_recorder_info{mode="x"}', ["asset_bridge_recorder_info has no label mode"]),
        ('up{job="a", le="1"} == 0', ["up has no label le"]),
        ("sum by (topic) (asset_bridge_ledger_fences_total)", ["no label topic here"]),
        ("sum by (le) (rate(asset_bridge_transaction_events_sum[5m]))", ["no label le here"]),
        ("up unless on (job, guarantee) process_start_time_seconds", ["no label guarantee here"]),
        ("absent(vector) or node_load1 offset 5m", ["no metric vector", "no metric node_load1"]),
    ],
)
def test_a_metric_or_a_label_that_nobody_exports_is_found(expression: str, said: list[str]) -> None:
    assert strangers(expression) == said


def test_an_expression_without_a_metric_is_no_query() -> None:
    with pytest.raises(ValueError, match="names no metric"):
        parsed("vector(1) > 0")


def test_metrics_are_known_with_the_labels_that_they_have() -> None:
    known = exported()
    assert known["asset_bridge_recorder_info"] == {"recorder", "guarantee"}
    assert known["asset_bridge_transaction_events_bucket"] == {"le"}
    assert known["asset_bridge_transaction_events_count"] == set()
    assert known["process_start_time_seconds"] == set()


@each_alert
def test_an_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(text.endswith(".") for text in (rule["annotations"]["summary"], rule["annotations"]["description"]))
    assert rule["annotations"]["description"].startswith(("Look ", "At 100 "))
    assert rule["annotations"]["runbook_url"] == f"docs/operate.md#{rule['alert'].lower()}"


@each_alert
def test_an_alert_speaks_of_no_label_that_it_does_not_have(rule: dict[str, Any]) -> None:
    query = parsed(rule["expr"])
    known = exported()
    labels = {*query.grouping} | {label for name, _ in query.selectors for label in known.get(name, ())}
    if not re.search(r"\bby \(", rule["expr"]):
        labels |= {"namespace", "job", "instance"}
    spoken = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
    assert {*spoken} <= labels


def test_the_page_has_each_alert_in_the_order_of_the_file_with_its_severity() -> None:
    assert SECTION is not None
    headings = re.findall(r"^### (\w+)\n\n\*(\w+)\.\* ", SECTION.group(1), re.MULTILINE)
    assert headings == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]
    assert len(re.findall(r"^### ", SECTION.group(1), re.MULTILINE)) == len(headings)


def test_each_part_of_the_page_says_where_to_look_and_what_to_do() -> None:
    assert SECTION is not None
    for part in SECTION.group(1).split("\n### ")[1:]:
        look, do = part.find("\n* Look here first: "), part.find("\n* Do this: ")
        assert 0 < look < do, part


def test_thresholds_are_those_of_the_code() -> None:
    assert f"> 0 <= {LEAST_EVENTS}\n" in alert("AssetBridgeTransactionsSmall")["expr"]
    # A quantile is told exactly only at the end of a bucket.
    for name in ("AssetBridgeTransactionsLong", "AssetBridgeLockContended"):
        expression = alert(name)["expr"]
        (bucket,) = {metric for metric, _ in parsed(expression).selectors}
        threshold = float(expression.rsplit("> ", 1)[1])
        assert REGISTRY.get_sample_value(bucket, {"le": str(threshold)}) is not None


def test_the_group_is_named_in_one_way_only() -> None:
    """Who has another name replaces one text; the chart can do it likewise."""
    text = "\n".join(rule["expr"] for rule in rules())
    assert set(re.findall(r"kafka_consumergroup_lag\S*?\}", text)) == {
        'kafka_consumergroup_lag{consumergroup=~".*asset-bridge.*"}'
    }

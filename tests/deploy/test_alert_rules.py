"""promtool, which is Prometheus' own, reads the alerts and runs them over series that are made up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_rules import FILE, rules
from chart_value_sets import LEAST, SETS, merged
from charts import HELMS, render
from dashboard import dashboard
from deploy_tools import PROMTOOL, Tool, run

pytestmark = pytest.mark.deploy

CASES = Path(__file__).parent / "alerts_test.yaml"
PAGE = Path(__file__).parent.parent.parent / "docs" / "operate.md"


def written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content), "utf-8")  # JSON is YAML
    return path


Change = Callable[[dict[str, Any]], dict[str, Any]]


def doctored(name: str, change: Change) -> dict[str, Any]:
    """One of our rules, changed; none of them asks for another."""
    (rule,) = [rule for rule in rules() if rule["alert"] == name]
    return {"groups": [{"name": "doctored", "rules": [change(rule)]}]}


@cache
def cases() -> dict[str, Any]:
    every: dict[str, Any] = yaml.safe_load(CASES.read_text("utf-8"))
    return every


def noticed(folder: Path, name: str, change: Change, *, fires: bool) -> list[bool]:
    """Which of an alert's tests fail once it is changed: of those in which it fires, or of the others."""
    written(folder / "rules.yaml", doctored(name, change))
    fail: list[bool] = []
    for test in cases()["tests"]:
        asked = [query for query in test["promql_expr_test"] if f'"{name}"' in query["expr"]]
        if asked and fires == any(query["exp_samples"] for query in asked):
            alone = {**cases(), "rule_files": ["rules.yaml"], "tests": [{**test, "promql_expr_test": asked}]}
            answer = run(PROMTOOL, "test", "rules", written(folder / "case.yaml", alone))
            assert "FAILED" in answer.stderr or answer.returncode == 0, answer
            fail.append(answer.returncode != 0)
    return fail


def replaced(part: str, instead: str) -> Change:
    """A change of a rule's text, wherever that is."""

    def change(rule: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(rule)
        assert part in text
        changed: dict[str, Any] = json.loads(text.replace(part, instead))
        return changed

    return change


def test_promtool_is_one_of_prometheus_2_or_newer() -> None:
    answer = run(PROMTOOL, "--version")
    assert answer.stdout.startswith(("promtool, version 2.", "promtool, version 3.")), answer


def test_prometheus_reads_the_rules_and_refuses_others(tmp_path: Path) -> None:
    answer = run(PROMTOOL, "check", "rules", FILE)
    assert answer.returncode == 0, answer
    assert f"{len(rules())} rules found" in answer.stdout
    broken = doctored("AssetBridgeGone", lambda rule: {**rule, "expr": "sum by ("})
    assert run(PROMTOOL, "check", "rules", written(tmp_path / "rules.yaml", broken)).returncode != 0


def test_every_case_asks_for_an_alert_that_there_is() -> None:
    """Which is why each can be tried by itself: all of them over all of the cases takes promtool half a minute."""
    asked = {query["expr"] for test in cases()["tests"] for query in test["promql_expr_test"]}
    assert asked == {f'ALERTS{{alertname="{rule["alert"]}", alertstate="firing"}}' for rule in rules()}


@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_each_alert_fires_when_it_must_and_only_then(name: str, tmp_path: Path) -> None:
    for fires in (True, False):
        assert not any(noticed(tmp_path, name, lambda rule: rule, fires=fires))


@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_each_alert_is_tried_both_ways(name: str, tmp_path: Path) -> None:
    silent = noticed(tmp_path, name, lambda rule: {**rule, "expr": "vector(1) > 1"}, fires=True)
    assert silent
    assert all(silent)
    always = noticed(tmp_path, name, lambda rule: {**rule, "expr": "vector(1)", "for": "0s"}, fires=False)
    assert always
    assert all(always)


@pytest.mark.parametrize(
    ("name", "part", "instead"),
    [
        ("AssetBridgeGone", "unless group by (namespace, job)", "unless group by (namespace, job, instance)"),
        ("AssetBridgeGone", '"for": "5m"', '"for": "1m"'),
        ("AssetBridgeTargetDown", "on (namespace, job, instance)", "on ()"),
        ("AssetBridgeTargetDown", '"for": "10m"', '"for": "1m"'),
        ("AssetBridgeNotStarted", '"for": "10m"', '"for": "1m"'),
        ("AssetBridgeRestarting", "> 2", "> 1"),
        ("AssetBridgeRestarting", "[30m]", "[3h]"),
        ("AssetBridgeRestarting", "on (namespace, job, instance)", "on ()"),
        ("AssetBridgeNotExactlyOnce", '{guarantee!=\\"exactly-once\\"}', ""),
        ("AssetBridgeNotExactlyOnce", '"for": "5m"', '"for": "0s"'),
        ("AssetBridgeFenced", "> 3", "> 0"),
        ("AssetBridgeFenced", '"for": "30m"', '"for": "5m"'),
        ("AssetBridgeTransactionsSmall", "<= 100", "<= 1000"),
        ("AssetBridgeTransactionsSmall", "> 0 <= 100", "<= 100"),
        ("AssetBridgeTransactionsSmall", "2 * rate", "50 * rate"),
        ("AssetBridgeTransactionsSmall", "_limit < 100", "_limit <= 100"),
        ("AssetBridgeTransactionsSmall", "and increase(asset_bridge_transaction_events_count[15m]) == 0", ""),
        ("AssetBridgeTransactionsSmall", '"for": "15m"', '"for": "0s"'),
        ("AssetBridgeTransactionsLong", "> 0.5", "> 0.2"),
        ("AssetBridgeTransactionsLong", "0.99", "0.999"),
        ("AssetBridgeTransactionsLong", '"for": "15m"', '"for": "0s"'),
        ("AssetBridgeLockContended", "> 1", "> 0.5"),
        ("AssetBridgeLockContended", '"for": "15m"', '"for": "0s"'),
        ("AssetBridgeLagGrows", "[15m]) == 0", "[15m]) >= 0"),
        ("AssetBridgeLagGrows", "[15m]) > 0\\n)", "[15m]) >= 0\\n)"),
        ("AssetBridgeLagGrows", "[15m]) > 0\\n    and resets", "[15m]) >= 0\\n    and resets"),
        ("AssetBridgeLagGrows", '"for": "5m"', '"for": "0s"'),
        ("AssetBridgeLagGrows", ".*asset-bridge.*", ".*"),
        ("AssetBridgeTooSlow", "> 10000", "> 10"),
        ("AssetBridgeTooSlow", "> min_over_time", ">= min_over_time"),
        ("AssetBridgeTooSlow", "> min_over_time", "!= min_over_time"),
        ("AssetBridgeTooSlow", "min_over_time", "max_over_time"),
        ("AssetBridgeTooSlow", '"for": "30m"', '"for": "5m"'),
        ("AssetBridgeTooSlow", ".*asset-bridge.*", ".*"),
        ("AssetBridgeLagStays", "[30m]) > 0", "[30m]) >= 0"),
        ("AssetBridgeLagStays", "[30m]) == 0", "[30m]) >= 0"),
        ("AssetBridgeLagStays", '"for": "30m"', '"for": "5m"'),
        ("AssetBridgeLagStays", ".*asset-bridge.*", ".*"),
        ("AssetBridgeStalled", "> 120", "> 60"),
        ("AssetBridgeStalled", '"for": "1m"', '"for": "0s"'),
        ("AssetBridgeNotReady", '"for": "15m"', '"for": "5m"'),
        ("AssetBridgePartitionsHeld", "held|stopped", "held|stopped|outage"),
        ("AssetBridgePartitionsHeld", "held|stopped", "held|stopped|operator"),
        ("AssetBridgePartitionsHeld", '"for": "5m"', '"for": "1m"'),
        ("AssetBridgeRecordsOld", "> 900", "> 300"),
        ("AssetBridgeRecordsOld", '"for": "5m"', '"for": "1m"'),
        ("AssetBridgeNobodyConsumes", "sum by (namespace, job)", "min by (namespace, job)"),
        ("AssetBridgeNobodyConsumes", '"for": "10m"', '"for": "1m"'),
        ("AssetBridgeDeadLetters", "unless asset", "and asset"),
        ("AssetBridgeEventsFail", 'outcome=\\"failed\\"', 'outcome=~\\"failed|rejected\\"'),
        ("AssetBridgeEventsFail", "unless asset", "and asset"),
        ("AssetBridgeRefusesPosts", "> 0.05", "> 0.001"),
        ("AssetBridgeRefusesPosts", "5..", "[45].."),
        ("AssetBridgeRefusesPosts", 'method=\\"POST\\"', ""),
        ("AssetBridgeRefusesPosts", '"for": "5m"', '"for": "0s"'),
        ("AssetBridgeUnauthorized", "> 50", "> 5"),
        ("AssetBridgeUnauthorized", "401", "400"),
        ("AssetBridgeKeysStale", "> 0", ">= 0"),
        ("AssetBridgeKeysStale", '"for": "5m"', '"for": "1m"'),
        ("AssetBridgeKeyExpires", "< 1209600", "< 12096000"),
        ("AssetBridgeRebalances", "> 20", "> 10"),
        ("AssetBridgeRebalances", "revoked|lost", "revoked|lost|assigned"),
        ("AssetBridgeCommitsFail", "> 3", "> 0"),
        ("AssetBridgeCommitsFail", "unless sum", "and sum"),
        ("AssetBridgeCommitsFail", '"for": "15m"', '"for": "0s"'),
        ("AssetBridgePausedLong", "operator", "outage"),
        ("AssetBridgePausedLong", '"for": "12h"', '"for": "1h"'),
    ],
)
def test_an_alert_that_is_a_little_too_eager_is_noticed(name: str, part: str, instead: str, tmp_path: Path) -> None:
    assert any(noticed(tmp_path, name, replaced(part, instead), fires=False))


@pytest.mark.parametrize(
    ("name", "part", "instead"),
    [
        ("AssetBridgeGone", "[1d]", "[10m]"),
        ("AssetBridgeLagGrows", "[15m]", "[60m]"),
        ("AssetBridgeLagGrows", '"for": "5m"', '"for": "20m"'),
        ("AssetBridgeTooSlow", "[30m]", "[4h]"),
        ("AssetBridgeTooSlow", "offset 30m", "offset 4h"),
        ("AssetBridgeTooSlow", '"for": "30m"', '"for": "1h"'),
        ("AssetBridgeTooSlow", "> 10000", "> 1000000"),
        ("AssetBridgeDeadLetters", "or (", "and ("),
        ("AssetBridgeEventsFail", "or (", "and ("),
        ("AssetBridgePartitionsHeld", "sum by (namespace, job, reason)", "min by (namespace, job, instance)"),
        ("AssetBridgeRefusesPosts", "> 0.05", "> 0.5"),
        ("AssetBridgePausedLong", '"for": "12h"', '"for": "1d"'),
    ],
)
def test_an_alert_that_is_a_little_too_slow_is_noticed(name: str, part: str, instead: str, tmp_path: Path) -> None:
    assert any(noticed(tmp_path, name, replaced(part, instead), fires=True))


def test_the_page_has_a_rule_on_parked_letters_that_does_what_it_says(tmp_path: Path) -> None:
    (expression,) = re.findall(r"^ +expr: (increase.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    letters = 'kafka_topic_partition_current_offset{topic="%s", partition="0"}'
    series = [
        {"series": letters % "events.dlq.parking", "values": "0x20 1x40"},
        {"series": letters % "calm.dlq.parking", "values": "7x60"},
        {"series": letters % "events.dlq", "values": "0+5x60"},
    ]
    asked = [
        {"expr": f"count by (topic) ({expression})", "eval_time": at, "exp_samples": samples}
        for at, samples in (("20m", []), ("30m", [{"labels": '{topic="events.dlq.parking"}', "value": 1}]), ("50m", []))
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": asked}
    cases = {"rule_files": [], "evaluation_interval": "1m", "tests": [test]}
    answer = run(PROMTOOL, "test", "rules", written(tmp_path / "cases.yaml", cases))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_values_of_the_page_render() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    groups = render(merged(LEAST, yaml.safe_load(block))).one("PrometheusRule")["spec"]["groups"]
    assert groups[-1]["rules"][0]["alert"] == "AssetBridgeParkedLetters"
    (small,) = [rule for group in groups for rule in group["rules"] if rule["alert"] == "AssetBridgeTooSlow"]
    assert "> 100000\n" in small["expr"]
    assert small["annotations"]["runbook_url"].startswith("https://")


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
def test_helm_ships_the_alerts_of_its_group_and_the_dashboard(helm: Tool, tmp_path: Path) -> None:
    rendered = render(SETS["alerts and a dashboard"], helm)
    shipped = rendered.one("PrometheusRule")["spec"]
    tested = FILE.read_text("utf-8")
    # The group that consumes; whatever else the chart can replace is by default what the file says.
    assert shipped == yaml.safe_load(tested.replace('=~".*asset-bridge.*"', '="asset-bridge"'))
    assert run(PROMTOOL, "check", "rules", written(tmp_path / "rules.yaml", shipped)).returncode == 0
    (board,) = [of for of in rendered.of_kind("ConfigMap").values() if "asset-bridge.json" in of["data"]]
    assert json.loads(board["data"]["asset-bridge.json"]) == dashboard()

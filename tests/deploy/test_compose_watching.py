"""The profile `observability`: Prometheus and Grafana find the services, and the chart's alerts and dashboard."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from compose_file import EXAMPLES, PROJECT, every_service, mounts, settings_of
from deploy_tools import PROMTOOL, run

pytestmark = pytest.mark.deploy

CHART_FILES = "./charts/asset-bridge/files"


def test_prometheus_asks_both_services_where_they_answer() -> None:
    jobs = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    statics = [static for job in jobs for static in job["static_configs"]]
    asked = {target for static in statics for target in static["targets"]}
    serve, consume = settings_of("serve"), settings_of("consume")
    assert asked == {f"serve:{serve.http.port}", f"consume:{consume.management.port}"}
    for static in statics:
        (target,) = static["targets"]
        assert static["labels"] == {"namespace": "compose", "pod": target.partition(":")[0]}, "the dashboard's choices"


def test_prometheus_takes_its_file_with_the_charts_alerts(tmp_path: Path) -> None:
    text = (EXAMPLES / "prometheus.yml").read_text("utf-8")
    (rules,) = yaml.safe_load(text)["rule_files"]
    source = mounts("prometheus")[rules]
    assert source == f"{CHART_FILES}/alerts.yaml"
    (tmp_path / "prometheus.yml").write_text(text.replace(rules, str(PROJECT / source)), "utf-8")
    checked = run(PROMTOOL, "check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    assert "alerts.yaml" in checked.stdout


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    (source,) = yaml.safe_load((EXAMPLES / "grafana/datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert source["url"] == f"http://prometheus:{every_service()['prometheus']['ports'][0]['target']}"
    (provider,) = yaml.safe_load((EXAMPLES / "grafana/dashboards/asset-bridge.yml").read_text("utf-8"))["providers"]
    assert mounts("grafana")[f"{provider['options']['path']}/dashboard.json"] == f"{CHART_FILES}/dashboard.json"

"""Prometheus understands every query of the dashboard, and each has an answer once our processes are scraped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard import as_sent, queries
from deploy_tools import PROMTOOL, run
from exported_metrics import FOREIGN, TARGET, exported

pytestmark = pytest.mark.deploy


def scraped() -> Iterator[dict[str, str]]:
    """One process of ours in Kubernetes, and the exporter, for half an hour; whatever counts, counts up."""
    for name, labels in (exported() | FOREIGN).items():
        for bound in ("0.1", "+Inf") if "le" in labels else ("",):
            values = dict.fromkeys(labels | TARGET, "asset-bridge") | ({"le": bound} if bound else {})
            matchers = ", ".join(f'{label}="{value}"' for label, value in values.items())
            yield {"series": f"{name}{{{matchers}}}", "values": "1+1x30"}


def answers(folder: Path, asked: list[str]) -> str:
    """What promtool complains of, one by one: a query that has no answer, or that is none."""
    (folder / "rules.yaml").write_text("groups: []", "utf-8")
    expected: dict[str, Any] = {"eval_time": "30m", "exp_samples": [{"labels": "{}", "value": 1}]}
    tests = [
        {
            "interval": "1m",
            "input_series": [*scraped()],
            "promql_expr_test": [{"expr": f"count({query}) > bool 0", **expected} for query in asked],
        }
    ]
    cases = folder / "cases.yaml"
    cases.write_text(json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}), "utf-8")
    answer = run(PROMTOOL, "test", "rules", cases)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def test_every_panel_has_something_to_show(tmp_path: Path) -> None:
    everything = [as_sent(query) for _, query in queries()]
    assert not [query for query in everything if "$" in query]
    assert answers(tmp_path, everything) == ""


@pytest.mark.parametrize("query", ['asset_bridge_recorder_info{recorder="x"}', "sum by (le", "up unless up"])
def test_a_query_that_shows_nothing_is_found(query: str, tmp_path: Path) -> None:
    assert query.split("{", maxsplit=1)[0] in answers(tmp_path, [query])

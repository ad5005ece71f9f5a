"""The dashboard that the chart ships."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "charts" / "asset-bridge" / "files" / "dashboard.json"


def dashboard() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return whole


def panels() -> list[dict[str, Any]]:
    """Every panel, rows among them: none is collapsed, so that none lies inside another."""
    found: list[dict[str, Any]] = dashboard()["panels"]
    return found


def variables() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard()["templating"]["list"]
    return found


def queries() -> list[tuple[str, str]]:
    """The title of a panel, and what it asks."""
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel.get("targets", ())]


def as_sent(query: str) -> str:
    """The query as Grafana sends it while every variable but the group is left at "All"."""
    query = query.replace("$__rate_interval", "5m").replace("$group", "asset-bridge")
    return re.sub(r"\$(namespace|job|pod)\b", ".*", query)

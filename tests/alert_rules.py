"""The alerts that the chart ships, as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILE = ROOT / "charts" / "asset-bridge" / "files" / "alerts.yaml"


def rules() -> list[dict[str, Any]]:
    """Every rule, in the order of the file."""
    return [rule for group in yaml.safe_load(FILE.read_text("utf-8"))["groups"] for rule in group["rules"]]


def alert(name: str) -> dict[str, Any]:
    """One of them."""
    (found,) = [rule for rule in rules() if rule["alert"] == name]
    return found

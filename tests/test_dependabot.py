"""The configuration of Dependabot, which only its service could try: its form, and that it has something to read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent
CONFIGURATION = yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text("utf-8"))
UPDATES: dict[str, dict[str, Any]] = {one["package-ecosystem"]: one for one in CONFIGURATION["updates"]}


def readable() -> set[str]:
    """The ecosystems for which there is a file here with something in it that Dependabot can raise."""
    there = {
        "uv": (PROJECT / "uv.lock").exists(),
        "docker-compose": re.search(r"image: \S+/?\S+:\S+", (PROJECT / "docker-compose.yml").read_text("utf-8")),
        # It reads no ARG before FROM: dependabot/dependabot-core#2057.
        "docker": re.search(r"(?m)^FROM [^$\s]+[:@][^$\s]+", (PROJECT / "Dockerfile").read_text("utf-8")),
        "github-actions": any((PROJECT / ".github").glob("workflows/*.y*ml")),
        "helm": any("dependencies:" in chart.read_text("utf-8") for chart in PROJECT.glob("charts/*/Chart.yaml")),
        "npm": any((PROJECT / name).exists() for name in ("package.json", "package-lock.json")),
    }
    return {ecosystem for ecosystem, found in there.items() if found}


def test_whatever_dependabot_can_read_here_is_watched_and_nothing_else() -> None:
    assert CONFIGURATION["version"] == 2
    assert set(UPDATES) == readable()


def test_updates_come_weekly_and_in_groups() -> None:
    for update in UPDATES.values():
        assert set(update) <= {
            "package-ecosystem",
            "directory",
            "schedule",
            "cooldown",
            "open-pull-requests-limit",
            "groups",
        }
        assert update["directory"] == "/"
        assert update["schedule"]["interval"] == "weekly"
        assert update["cooldown"]["default-days"] >= 1
        assert update["groups"]


def test_every_locked_package_falls_into_one_group() -> None:
    groups = UPDATES["uv"]["groups"]
    assert set(groups) == {"dagster", "run-time", "development"}
    assert groups["run-time"]["exclude-patterns"] == groups["dagster"]["patterns"]
    assert {groups["run-time"]["dependency-type"], groups["development"]["dependency-type"]} == {
        "production",
        "development",
    }

"""What uv.lock holds, read without uv: every package, and those that somebody gets who installs all the extras."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
OURS = "dagster-asset-bridge"


@cache
def read_lock() -> dict[str, dict[str, Any]]:
    """Each package by its name; ours is among them."""
    packages = tomllib.loads((PROJECT / "uv.lock").read_text("utf-8"))["package"]
    by_name = {package["name"]: package for package in packages}
    assert len(by_name) == len(packages), "a package is locked in two versions: what reads this must tell them apart"
    return by_name


def shipped(lock: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Name and version of what our extras bring, on whichever platform; not what only tests and checks use."""
    ours = lock[OURS]
    open_ends = [(OURS, extra) for extra in ours["optional-dependencies"]] + [(OURS, None)]
    seen: set[tuple[str, str | None]] = set()
    while open_ends:
        end = open_ends.pop()
        if end in seen:
            continue
        seen.add(end)
        name, extra = end
        package = lock[name]
        needed = package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies", [])
        for dependency in needed:
            extras = dependency.get("extra", [])
            open_ends += [(dependency["name"], one) for one in (None, *extras)]
    return {name: lock[name]["version"] for name, _ in seen if name != OURS}

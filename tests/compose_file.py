"""docker-compose.yml as the official loader reads it: anchors merged, variables filled in, short forms written out."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from deploy_tools import COMPOSE_LOADER, run

from asset_consumer.settings import Settings
from asset_consumer.settings_sources import load_settings

PROJECT = Path(__file__).parent.parent
FILE = PROJECT / "docker-compose.yml"
EXAMPLES = PROJECT / "examples" / "compose"

Service = dict[str, Any]


@cache
def compose() -> dict[str, Any]:
    loaded = run(COMPOSE_LOADER, "-no-path-resolution", FILE)
    assert loaded.returncode == 0, loaded.stderr
    model: dict[str, Any] = yaml.safe_load(loaded.stdout)
    return model


def services(*profiles: str) -> dict[str, Service]:
    """The services that `docker compose` starts with these profiles."""
    every: dict[str, Service] = compose()["services"]
    return {
        name: service
        for name, service in every.items()
        if not service.get("profiles") or set(profiles) & set(service["profiles"])
    }


def every_service() -> dict[str, Service]:
    return services("load", "observability")


def environment(name: str) -> dict[str, str]:
    """A service's variables, as its process sees them: text."""
    return {variable: str(value) for variable, value in every_service()[name]["environment"].items()}


def settings_of(name: str) -> Settings:
    """What asset-bridge makes of a service's variables."""
    return load_settings(None, environment(name))


def built() -> dict[str, str]:
    """The images that are built here, each with its target in the Dockerfile."""
    return {one["image"]: one["build"]["target"] for one in every_service().values() if "build" in one}


def mounts(name: str) -> dict[str, str]:
    """Where a service finds what: the volume or the file of this project by the path in the container."""
    return {mount["target"]: mount["source"] for mount in every_service()[name].get("volumes", [])}


def waits_for(name: str) -> set[str]:
    """Everybody who is there before a service is started."""
    direct = set(every_service()[name].get("depends_on", {}))
    return direct.union(*map(waits_for, direct))


def seconds(duration: str) -> float:
    """What Go prints for a duration: `30s`, `1m30s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def options(command: list[str]) -> dict[str, str]:
    """The options of a command line, each with the word behind it."""
    return {word: after for word, after in pairwise(command) if word.startswith("--")}

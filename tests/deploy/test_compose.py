"""docker-compose.yml is what compose takes, agrees with itself and with the code, and gives nothing away."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path

import pytest
from compose_file import (
    FILE,
    PROJECT,
    Service,
    compose,
    environment,
    every_service,
    seconds,
    services,
    settings_of,
)
from deploy_tools import COMPOSE_LOADER, run

from asset_consumer.serve import load_api_keys
from asset_consumer.settings import Settings
from asset_consumer.settings_problems import SettingsError
from asset_consumer.settings_sources import load_settings
from asset_reporting.app import probe_routes
from asset_reporting.health import Health

pytestmark = pytest.mark.deploy

OURS = ["serve", "consume"]
PROFILES = ["load", "observability"]
GRACE_MARGIN_S = 5


def pairs() -> list[tuple[str, Service]]:
    return list(every_service().items())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    image: ", "    imag: "),
        ("condition: service_healthy", "condition: service_is_healthy"),
        ('ports: ["127.0.0.1:${HTTP_PORT:-3000}:3000"]', 'ports: ["127.0.0.1:many:3000"]'),
        ("<<: *bridge", "<<: *brigde"),
    ],
)
def test_the_loader_refuses_a_broken_copy(tmp_path: Path, right: str, wrong: str) -> None:
    text = FILE.read_text("utf-8")
    assert right in text
    (tmp_path / "broken.yml").write_text(text.replace(right, wrong, 1), "utf-8")
    assert run(COMPOSE_LOADER, tmp_path / "broken.yml").returncode == 1


def test_each_variable_is_in_the_example_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+):-(\w+)\}", FILE.read_text("utf-8")))
    example = (PROJECT / ".env.example").read_text("utf-8")
    assert used == dict(re.findall(r"^(\w+)=(\w+)$", example, re.MULTILINE))
    assert "${" not in re.sub(r"\$\{\w+:-\w+\}", "", FILE.read_text("utf-8"))


@pytest.mark.parametrize(
    "profiles", list(chain.from_iterable(combinations(PROFILES, count) for count in range(len(PROFILES) + 1)))
)
def test_whatever_is_waited_for_is_started_and_can_be_waited_for(profiles: tuple[str, ...]) -> None:
    started = services(*profiles)
    assert {profile for service in started.values() for profile in service.get("profiles", [])} == set(profiles)
    for name, service in started.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in started, f"{name} waits for {needed}, which is not started"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in started[needed], f"{name} waits for the health of {needed}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert started[needed].get("restart", "no") == "no", f"{needed} never completes"


def test_every_service_that_stays_has_a_health_check() -> None:
    awaited = {needed for _, service in pairs() for needed in service.get("depends_on", {})}
    without = {name for name, service in pairs() if "healthcheck" not in service}
    assert without == {"topics", "schema", "load"}
    assert {"topics", "schema"} <= awaited


def test_a_service_can_do_little_and_is_reached_from_this_machine_alone() -> None:
    for name, service in pairs():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert service.get("read_only", False) is (name not in {"kafka", "topics"}), name
        assert not {"container_name", "privileged", "cap_add", "network_mode", "pid"} & set(service), name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name
        assert "docker.sock" not in str(service), name


def test_what_is_mounted_is_there_and_stays_as_it_is() -> None:
    for name, service in pairs():
        for mount in service.get("volumes", []):
            if mount["type"] == "volume":
                assert mount["source"] in compose()["volumes"], name
                continue
            assert mount["read_only"] is True, name
            # Docker would make an empty folder of a file that is not there.
            assert mount["bind"]["create_host_path"] is False, name
            assert (PROJECT / mount["source"]).exists(), f"{name}: {mount['source']}"


def test_every_volume_is_somebodys() -> None:
    mounts = [mount for _, service in pairs() for mount in service.get("volumes", [])]
    assert set(compose()["volumes"]) == {mount["source"] for mount in mounts if mount["type"] == "volume"}


@pytest.mark.parametrize("name", OURS)
def test_our_settings_are_settings(name: str) -> None:
    settings = settings_of(name)
    assert settings != Settings()
    with pytest.raises(SettingsError):
        load_settings(None, environment(name) | {"ASSET_BRIDGE_HTTP__PROT": "1"})


def test_serve_takes_events_without_keys_where_only_this_machine_reaches_it() -> None:
    assert load_api_keys(settings_of("serve")) is None
    assert settings_of("serve").http.host == "0.0.0.0"


@pytest.mark.parametrize("name", OURS)
def test_our_services_may_take_their_time_to_stop(name: str) -> None:
    least = settings_of(name).kafka.shutdown_deadline_s + GRACE_MARGIN_S
    assert seconds(every_service()[name]["stop_grace_period"]) >= least


@pytest.mark.parametrize("name", OURS)
def test_a_health_check_asks_what_the_code_serves(name: str) -> None:
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", " ".join(every_service()[name]["healthcheck"]["test"]))
    assert asked is not None
    settings = settings_of(name)
    port = settings.management.port if name == "consume" else settings.http.port
    assert int(asked[1]) == port == every_service()[name]["ports"][0]["target"]
    assert asked[2] in {getattr(route, "path", None) for route in probe_routes(Health())}


def test_a_health_check_fails_where_nobody_answers() -> None:
    command = every_service()["serve"]["healthcheck"]["test"]
    assert command[:2] == ["CMD", "python"]
    silent = command[3].replace(":3000", ":1")
    assert subprocess.run([sys.executable, "-c", silent], capture_output=True, check=False).returncode == 1

"""docker-compose.yml fits the images that it starts: who builds them, where they keep data, what they can run."""

from __future__ import annotations

import re

import pytest
import yaml
from compose_file import EXAMPLES, PROJECT, built, environment, every_service, mounts, options, settings_of, waits_for
from dockerfile import read_stages, variables

pytestmark = pytest.mark.deploy

DAGSTERS = ["code", "webserver", "daemon"]
ON_DATABASE = [*DAGSTERS, "schema", "serve", "consume"]
BRIDGES = ["schema", "serve", "consume", "load"]

DATA = {
    "kafka": "/var/lib/kafka/data",
    "postgres": "/var/lib/postgresql/data",
    "prometheus": "/prometheus",
    "grafana": "/var/lib/grafana",
}
"""Where the images of others keep what shall outlive a container, and let their user write it."""

TOOLS = {
    "kafka": "/opt/kafka/bin/kafka-broker-api-versions.sh",
    "postgres": "pg_isready",
    "prometheus": "wget",
    "grafana": "wget",
    "daemon": "dagster-daemon",
}
"""What each image has to look after itself with; the others are Python's."""


def test_an_image_is_pinned_or_built_here() -> None:
    for name, service in every_service().items():
        assert service["image"] in built() or re.search(r":v?\d+[^:]*$", service["image"]), name
    assert sorted(built().values()) == ["bridge", "dagster"]
    assert set(built().values()) <= set(read_stages(PROJECT / "Dockerfile"))


def test_an_image_is_built_by_one_service_for_which_its_others_wait() -> None:
    """Built by several at once it would be written twice under one name; and no registry is asked for it."""
    for image, target in built().items():
        using = {name for name, service in every_service().items() if service["image"] == image}
        assert using == set(BRIDGES if target == "bridge" else DAGSTERS)
        (builder,) = {name for name in using if "build" in every_service()[name]}
        assert every_service()[builder]["build"]["context"] == "."
        for name in using:
            assert every_service()[name]["pull_policy"] == "never", name
            assert builder == name or builder in waits_for(name), name


@pytest.mark.parametrize("name", DATA)
def test_data_is_kept_where_the_image_keeps_it(name: str) -> None:
    assert mounts(name)[DATA[name]] == f"{name}-data"


def test_a_health_check_uses_what_the_image_has() -> None:
    for name, service in every_service().items():
        if "healthcheck" in service:
            assert service["healthcheck"]["test"][:2] == ["CMD", TOOLS.get(name, "python")], name


def test_a_health_check_asks_the_port_that_is_listened_on() -> None:
    for name in ("webserver", "prometheus", "grafana"):
        (port,) = every_service()[name]["ports"]
        assert f"//127.0.0.1:{port['target']}/" in " ".join(every_service()[name]["healthcheck"]["test"]), name
    code = every_service()["code"]
    assert f"('127.0.0.1', {options(code['command'])['--port']})" in " ".join(code["healthcheck"]["test"])


def test_what_others_ask_is_not_bound_to_the_container_itself() -> None:
    assert settings_of("serve").http.host == settings_of("consume").management.host == "0.0.0.0"
    for name in ("code", "webserver"):
        assert options(every_service()[name]["command"])["--host"] == "0.0.0.0", name
    (port,) = every_service()["webserver"]["ports"]
    assert options(every_service()["webserver"]["command"])["--port"] == str(port["target"])


def test_a_read_only_root_has_the_folders_that_are_written() -> None:
    for name, service in every_service().items():
        if service.get("read_only"):
            assert "/tmp" in service["tmpfs"], name  # noqa: S108 # the container's
    assert "/run/postgresql" in every_service()["postgres"]["tmpfs"]
    assert every_service()["postgres"]["user"] == "postgres"


def test_the_database_is_the_one_that_is_made() -> None:
    made = environment("postgres")
    for name in ON_DATABASE:
        used = environment(name)
        assert {part: used[f"DAGSTER_POSTGRES_{part}"] for part in ("DB", "USER", "PASSWORD")} == {
            part: made[f"POSTGRES_{part}"] for part in ("DB", "USER", "PASSWORD")
        }, name
        assert used["DAGSTER_POSTGRES_HOST"] == "postgres", name
    asked = dict(word.split("=") for word in every_service()["postgres"]["healthcheck"]["test"] if "=" in word)
    assert (asked["--username"], asked["--dbname"]) == (made["POSTGRES_USER"], made["POSTGRES_DB"])


def test_the_database_has_its_tables_before_anybody_looks() -> None:
    schema = every_service()["schema"]
    assert [*schema["entrypoint"], *schema["command"]] == ["dagster", "instance", "migrate"]
    assert waits_for("schema") == {"postgres"}
    for name in {*ON_DATABASE} - {"schema"}:
        assert "schema" in waits_for(name), name


def test_whoever_is_called_is_there_before() -> None:
    assert waits_for("topics") == {"kafka"}
    for name in ("consume", "load"):
        assert "topics" in waits_for(name), name
    for name in ("webserver", "daemon"):
        assert "code" in waits_for(name), name
    assert waits_for("grafana") == {"prometheus"}


def test_dagster_finds_its_instance_and_writes_into_the_volume() -> None:
    instance = yaml.safe_load((EXAMPLES / "dagster.yaml").read_text("utf-8"))
    home = variables(read_stages(PROJECT / "Dockerfile")["base"])["DAGSTER_HOME"]
    written = {part["config"]["base_dir"] for part in instance.values() if "base_dir" in part.get("config", {})}
    assert len(written) == 1
    for name in ON_DATABASE:
        assert mounts(name)[f"{home}/dagster.yaml"] == "./examples/compose/dagster.yaml", name
    for name in DAGSTERS:
        assert [target for target, source in mounts(name).items() if source == "dagster-storage"] == [*written], name


def test_prometheus_and_grafana_find_their_files() -> None:
    assert mounts("prometheus")["/etc/prometheus/prometheus.yml"] == "./examples/compose/prometheus.yml"
    for kind in ("datasources", "dashboards"):
        assert mounts("grafana")[f"/etc/grafana/provisioning/{kind}"] == f"./examples/compose/grafana/{kind}"
    example = dict(re.findall(r"^(\w+)=(\w+)$", (PROJECT / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert environment("grafana")["GF_SECURITY_ADMIN_PASSWORD"] == example["GRAFANA_PASSWORD"]

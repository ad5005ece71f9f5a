"""docs/compose.md: what it tells to type, to open and to mount is what the files have."""

from __future__ import annotations

import json
import re

import pytest
from compose_file import PROJECT, every_service, settings_of
from dockerfile import read_stages, variables

from asset_consumer.settings_sources import load_settings
from asset_events import parse_event

pytestmark = pytest.mark.deploy

PAGE = (PROJECT / "docs" / "compose.md").read_text("utf-8")
BASE = read_stages(PROJECT / "Dockerfile")["base"]


def published(name: str) -> str:
    (port,) = every_service()[name]["ports"]
    return str(port["published"])


def test_it_names_every_service_and_profile() -> None:
    named = [name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(every_service())
    profiles = {profile for service in every_service().values() for profile in service.get("profiles", [])}
    assert set(re.findall(r"profile `(\w+)`", PAGE)) == set(re.findall(r"--profile (\w+)", PAGE)) == profiles


def test_its_addresses_are_those_that_are_published() -> None:
    dashboard = json.loads((PROJECT / "charts/asset-bridge/files/dashboard.json").read_text("utf-8"))["uid"]
    assert set(re.findall(r"http://127\.0\.0\.1:(\d+)([\w/-]*)", PAGE)) == {
        (published("serve"), "/readyz"),
        (published("serve"), "/report_asset_materialization/warehouse/orders"),
        (published("consume"), "/readyz"),
        (published("webserver"), ""),
        (published("webserver"), "/runs"),
        (published("prometheus"), ""),
        (published("grafana"), f"/d/{dashboard}"),
    }
    assert re.findall(r"localhost:(\d+)", PAGE) == [published("kafka")]


def test_its_events_are_accepted_and_sent_where_they_are_looked_for() -> None:
    (event,) = re.findall(r"^echo '(.*)' \|", PAGE, re.MULTILINE)
    assert parse_event(event.encode()).asset_key == ("warehouse", "orders")
    (body,) = re.findall(r"-d '(.*)'", PAGE)
    assert set(json.loads(body)["metadata"]) == {"rows", "null_ids"}
    (topic,) = settings_of("consume").kafka.topics
    assert re.findall(r"--topic (\S+)", PAGE) == [topic.name, f"{topic.name}.dlq"]
    assert set(re.findall(r"--bootstrap-server (\S+)", PAGE)) == {"kafka:19092"}


def test_what_it_says_of_the_image_is_so() -> None:
    home = variables(BASE)["DAGSTER_HOME"]
    assert re.findall(r"user (\d+)", PAGE) == [user.partition(":")[0] for user in BASE.all("USER")]
    assert set(re.findall(r"/opt/dagster/\w+", PAGE)) == {home}
    (mount,) = re.findall(r"-v (\S+)", PAGE)
    assert mount == f"./dagster.yaml:{home}/dagster.yaml:ro"
    assert load_settings(None, dict(re.findall(r"-e (\w+)=(\S+)", PAGE))).kafka.bootstrap_servers == "broker:9092"


def test_its_files_are_there() -> None:
    files = re.findall(r"`((?:[\w-]+/)+[\w-]+\.\w+)`", PAGE)
    assert files
    assert [file for file in files if not (PROJECT / file).is_file()] == []

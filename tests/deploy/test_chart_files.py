"""The chart's own files are what the model of its values and the settings make of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import metadata, version
from typing import Any

import jsonschema
import pytest
import yaml
from chart_files import CHART, made, schema
from chart_value_sets import SETS
from chart_values import Values

from asset_consumer.settings_names import SettingPath, setting_paths

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("name", ["values.yaml", "values.schema.json", "README.md"])
def test_no_file_is_stale(name: str) -> None:
    written = (CHART / name).read_text("utf-8")
    assert written == made()[name], "run `.venv/bin/python tests/chart_files.py`"


def test_defaults_and_every_set_of_values_are_what_the_model_takes() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert Values.model_validate(defaults) == Values()
    for values in SETS.values():
        Values.model_validate(values)


def test_schema_is_a_schema_and_knows_every_setting_that_a_release_may_give() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    known = set(_paths(schema()["properties"]["config"]["properties"]))
    by_the_chart = {
        ("http", "host"), ("http", "port"), ("http", "management_port"), ("http", "api_keys_file"),
        ("http", "tls_cert_file"), ("http", "tls_key_file"), ("http", "tls_client_ca_file"),
        ("management", "host"), ("management", "port"), ("targets", "workspace"), ("kafka", "librdkafka_files"),
        ("kafka", "schema_registry", "password"),
        *(path for path in setting_paths() if path[0] == "console"),
    }  # fmt: skip
    assert known | by_the_chart == set(setting_paths())
    assert not known & by_the_chart


def test_the_chart_says_what_artifact_hub_reads() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == version("dagster-asset-bridge")
    assert chart["annotations"]["artifacthub.io/license"] == metadata("dagster-asset-bridge")["License-Expression"]
    changes = yaml.safe_load(chart["annotations"]["artifacthub.io/changes"])
    assert changes
    for change in changes:
        assert set(change) == {"kind", "description"}
        assert change["kind"] in {"added", "changed", "deprecated", "removed", "fixed", "security"}


def test_every_value_is_explained() -> None:
    table = (CHART / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) > 150
    assert [name for name, _, meaning in rows if not meaning.endswith(".")] == []
    assert json.dumps({"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}) in table


def _paths(properties: dict[str, Any], above: SettingPath = ()) -> Iterator[SettingPath]:
    for name, field in properties.items():
        if "$ref" in field:
            yield from _paths(schema()["$defs"][field["$ref"].rpartition("/")[2]]["properties"], (*above, name))
        else:
            yield (*above, name)


def test_the_password_of_the_schema_registry_is_no_value() -> None:
    check = jsonschema.Draft7Validator(schema())
    given = {"url": "https://registry", "username": "me", "password_file": "/run/secrets/registry"}
    for password, refused in (({}, False), ({"password": "s"}, True)):
        values = {"config": {"kafka": {"schema_registry": given | password}}}
        errors = [error for error in check.iter_errors(values) if "schema_registry" in error.absolute_path]
        assert bool(errors) is refused

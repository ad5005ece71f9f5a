"""docs/openlineage.md says what is so: its examples are taken, its tables are the mapping's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_events import DBT_TESTS, SPARK, dataset, facet, read, run_event

from asset_consumer.settings_sources import load_settings
from asset_events import LineageRules
from asset_events.limits import MAX_EVENT_BYTES, MAX_RUN_EVENT_ASSET_EVENTS
from asset_reporting.auth import LINEAGE_PATH

PAGE = (Path(__file__).parent.parent / "docs" / "openlineage.md").read_text("utf-8")
SOURCES = Path(__file__).parent.parent / "schemas" / "asset_events"
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| `(\[.*?\])` \|$", re.MULTILINE)


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def settings_of(tmp_path: Path, section: str) -> Any:
    """The settings of the page's example of this section."""
    (text,) = (text for kind, text in BLOCKS if kind == "yaml" and section in yaml.safe_load(text))
    file = tmp_path / "bridge.yaml"
    file.write_text(text, "utf-8")
    return load_settings(file, {})


def test_default_keys_are_those_of_the_code() -> None:
    default, _ = section("Asset keys").split("```yaml")
    rows = ROW.findall(default)
    assert len(rows) == 5
    assert [json.loads(key) for *_, key in rows] == [[*(LineageRules().asset_key(*row[:2]) or ())] for row in rows]


def test_example_of_rules_gives_the_keys_that_the_page_says(tmp_path: Path) -> None:
    rules = settings_of(tmp_path, "lineage").lineage.rules_of()
    rows = ROW.findall(section("Asset keys").split("```yaml")[1])
    assert len(rows) == 4
    assert [json.loads(key) for *_, key in rows] == [[*(rules.asset_key(*row[:2]) or ())] for row in rows]


def test_example_binds_a_topic(tmp_path: Path) -> None:
    topics = settings_of(tmp_path, "kafka").kafka.topics
    assert [(topic.name, topic.format) for topic in topics] == [
        ("dagster.asset-events", "event"),
        ("openlineage.events", "openlineage"),
    ]


def test_command_posts_a_run_event_to_the_right_path() -> None:
    (command,) = (text for kind, text in BLOCKS if kind == "bash" and "curl" in text)
    words = shlex.split(command.replace("\\\n", ""))

    (made,) = read(json.loads(words[words.index("-d") + 1]))

    assert made.asset_key == ("shop", "public", "orders")
    assert f"http://localhost:3000{LINEAGE_PATH}?dry_run=true" in words


@pytest.mark.parametrize("kind", ["failed", "all facets"])
def test_every_metadata_entry_is_named(kind: str) -> None:
    same = facet(assertions=[{"assertion": "a", "success": True, "description": "d"}] * 2)
    everything = dataset(
        inputFacets={"inputStatistics": facet(rowCount=1)},
        facets={
            "ownership": facet(owners=[{"name": "a"}]),
            "dataQualityAssertions": same,
            "version": facet(datasetVersion=1),
        },
    )
    events = {
        "failed": run_event(
            dataset(), eventType="FAIL", run={"runId": "1", "facets": {"errorMessage": facet(message="m")}}
        ),
        "all facets": {**SPARK, "inputs": [everything, *DBT_TESTS["inputs"]]},
    }

    names = {
        name for made in read(events[kind], LineageRules(inputs="observe", failures="check")) for name in made.metadata
    }

    assert len(names) > 4
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


def test_every_entry_that_is_named_is_one_of_the_code() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCES.glob("openlineage*.py"))
    named = set(re.findall(r"`(openlineage/\w+)`", PAGE))
    # Built from their last part.
    named -= {f"openlineage/{name}" for name in ("column", "description", "expected", "actual")}
    assert [name for name in sorted(named) if f'"{name}"' not in source] == []


def test_limits_are_those_of_the_code() -> None:
    assert f"at most {MAX_RUN_EVENT_ASSET_EVENTS} asset events" in PAGE
    assert "(1 MiB)" in PAGE
    assert MAX_EVENT_BYTES == 1024 * 1024

"""docs/contract has what `asset-bridge schema` prints now, and the command prints it on the lightest install."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from command_line import asset_bridge, python
from published import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"json-schema": "asset-event.schema.json", "openapi": "openapi.json", "asyncapi": "asyncapi.json"}


@pytest.mark.parametrize("document", FILES)
def test_committed_document_is_what_the_code_says(document: str) -> None:
    """Made anew by: asset-bridge schema DOCUMENT --output docs/contract/FILE."""
    printed = asset_bridge("schema", document)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert (FOLDER / FILES[document]).read_text("utf-8") == printed.stdout


def test_nothing_else_is_committed_beside_them() -> None:
    written_by_hand = {"asset_event.avsc", "asset_event.proto"}  # held to the models by test_schema_registry.py
    assert {path.name for path in FOLDER.iterdir()} == {*FILES.values(), *written_by_hand}


def test_json_schema_is_written_to_a_file_for_one_event(tmp_path: Path) -> None:
    file = tmp_path / "check.json"
    done = asset_bridge("schema", "--event-type", "asset_check", "--output", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(file.read_text("utf-8"))["$id"] == "urn:dagster-asset-bridge:asset-check:1"


def test_topics_are_those_of_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text(
        "kafka: {topics: [{name: checks, event_type: asset_check}, {name: runs, format: openlineage}],"
        " dead_letter_topic: dead}"
    )
    document = json.loads(asset_bridge("schema", "asyncapi", "--config", str(config)).stdout)
    assert {name: list(channel["messages"]) for name, channel in document["channels"].items()} == {
        "checks": ["CheckEvent", "CloudEvent"],
        "runs": ["RunEvent"],
        "dead": ["DeadLetter"],
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["openapi", "--event-type", "asset_check"], "--event-type is for json-schema only."),
        (["openapi", "--config", "x.yaml"], "--config is for asyncapi only."),
        (["--output", "/nowhere/x.json"], "Could not open file '/nowhere/x.json'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], said: str) -> None:
    done = asset_bridge("schema", *arguments)
    assert done.returncode == 78
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("document", "unwanted"),
    [
        ("json-schema", {"dagster", "starlette", "confluent_kafka", "pydantic_settings", "structlog"}),
        ("openapi", {"dagster", "confluent_kafka"}),
        ("asyncapi", {"dagster", "starlette", "confluent_kafka"}),
    ],
)
def test_a_document_loads_no_more_than_it_needs(document: str, unwanted: set[str]) -> None:
    code = f"""
import sys
from asset_consumer.cli import run
assert run(["schema", {document!r}]) == 0
sys.exit(", ".join({unwanted!r} & set(sys.modules)) or 0)
"""
    assert python("-c", code).stderr == ""


def test_python_example_of_the_page_runs_and_finds_the_mistake() -> None:
    page = (FOLDER.parent / "contract.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = python("-c", f"import os; os.chdir({str(FOLDER.parent.parent)!r})\n{example}")
    assert done.stderr == ""
    assert "'$.passed'" in done.stdout
    assert "is not of type 'boolean'" in done.stdout


def test_page_names_every_document_and_its_command() -> None:
    page = (FOLDER.parent / "contract.md").read_text("utf-8")
    assert [file for file in FILES.values() if f"(contract/{file})" not in page] == []
    assert [
        name for name in ("schema", "schema openapi", "schema asyncapi") if f"`asset-bridge {name}`" not in page
    ] == []

"""docs/events.md: its examples are accepted, its tables name every field, limit and metadata type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asset_events import (
    EVENT_TYPES,
    AssetEvent,
    CheckEvent,
    MaterializationEvent,
    ObservationEvent,
    limits,
    parse_event,
)
from asset_events.json_values import RESERVED_KEYS
from asset_events.typed_metadata import METADATA_TYPES

PAGE = (Path(__file__).parent.parent / "docs" / "events.md").read_text("utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
LETTERS: dict[str, type[AssetEvent]] = {"M": MaterializationEvent, "C": CheckEvent, "O": ObservationEvent}


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def parse(example: str) -> AssetEvent:
    return parse_event(example.encode(), cloud_event="structured" if "specversion" in example else None)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_accepted(example: str) -> None:
    assert parse(example).event_type in EVENT_TYPES


def test_there_is_an_example_of_each_event_type_and_of_a_cloud_event() -> None:
    assert {parse(example).event_type for example in EXAMPLES} == set(EVENT_TYPES)
    assert any("specversion" in example for example in EXAMPLES)


def test_fields_are_those_of_the_models() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([MCO ]+)(?:, needed)? \|", section("Fields"), re.MULTILINE)
    documented = {(name, LETTERS[letter]) for name, letters in rows for letter in letters.split()}
    assert documented == {(name, model) for model in LETTERS.values() for name in model.model_fields}


def test_limits_are_those_of_the_code() -> None:
    numbers = {int(number) for number in re.findall(r"\d+", section("Limits"))}
    named = {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}
    assert {name for name, value in named.items() if value not in numbers} == set()


def test_metadata_types_and_reserved_keys_are_all_named() -> None:
    text = section("Metadata")
    assert [name for name in [*METADATA_TYPES, *RESERVED_KEYS] if f"`{name}`" not in text] == []


def test_python_example_runs_and_its_event_is_accepted() -> None:
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(example.group(1), names)  # noqa: S102 - the page's own example
    assert parse_event(str(names["value"]).encode()) == names["event"]

"""Tags: what Dagster's own validation takes, less the keys that Dagster writes itself."""

from __future__ import annotations

import pytest
from dagster._check import CheckError
from dagster._core.definitions.events import validate_asset_event_tags
from dagster._core.errors import DagsterInvalidDefinitionError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from asset_events import MaterializationEvent
from asset_events.json_values import RESERVED_KEYS


def ours_takes(tags: dict[str, str]) -> bool:
    try:
        return MaterializationEvent(asset_key=("a",), tags=tags).tags == tags
    except ValidationError:
        return False


def dagster_takes(tags: dict[str, str]) -> bool:
    try:
        return validate_asset_event_tags(tags) == tags
    except (DagsterInvalidDefinitionError, CheckError):
        return False


_part = st.text(alphabet="aZ9_.-", max_size=3) | st.sampled_from(
    ["a" * 63, "a" * 64, "é", "a b", "dagster", "kind", ":"]
)
_keys = st.lists(_part, min_size=1, max_size=4).map("/".join)
_values = st.text(alphabet="aZ9_.-", max_size=3) | st.sampled_from(["a" * 63, "a" * 64, "a/b", "a:b", "é", " "])


@settings(max_examples=200)
@given(st.dictionaries(_keys, _values, max_size=3))
def test_tags_are_taken_exactly_when_dagster_takes_them(tags: dict[str, str]) -> None:
    assert ours_takes(tags) == dagster_takes(tags)


@pytest.mark.parametrize("tags", [{"a\n": "x"}, {"a": "x\n"}])
def test_trailing_newline_that_dagster_overlooks_is_refused(tags: dict[str, str]) -> None:
    assert dagster_takes(tags)
    assert not ours_takes(tags)


@pytest.mark.fault("tags that Dagster writes itself or trips over", "P8")
@pytest.mark.parametrize(
    "key",
    [
        "dagster/partition/date",
        "dagster/partition",
        "dagster/data_version",
        "dagster/logical_version",
        "dagster/data_version_is_user_provided",
        "dagster/reporting_user",
        "dagster/input_data_version/a",
        "dagster/input_logical_version/a",
        "dagster/input_event_pointer/a",
        *sorted(RESERVED_KEYS),
    ],
)
def test_tag_that_dagster_writes_or_trips_over_is_refused(key: str) -> None:
    assert dagster_takes({key: "x"})
    assert not ours_takes({key: "x"})


@pytest.mark.parametrize(("value", "taken"), [("git: a/b é", True), ("v" * 255, True), ("v" * 256, False), ("", False)])
def test_code_version_is_free_text(value: str, taken: bool) -> None:  # noqa: FBT001 - a parameter
    assert ours_takes({"dagster/code_version": value}) == taken
    assert not ours_takes({"dagster/code_version": value + "\0"})
    assert not ours_takes({"dagster/code_version": value + "\ud800"})


def test_fifty_tags_are_the_most() -> None:
    assert ours_takes({f"t{n}": "" for n in range(50)})
    assert not ours_takes({f"t{n}": "" for n in range(51)})

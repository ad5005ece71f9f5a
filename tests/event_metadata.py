"""Ways to read metadata as sent, and to turn it into Dagster's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from dagster._core.definitions.metadata.external_metadata import metadata_value_from_external
from pydantic import JsonValue

from asset_events import InvalidEventError, TypedMetadata, parse_event

if TYPE_CHECKING:
    from collections.abc import Mapping

Metadata = dict[str, JsonValue | TypedMetadata]


def as_dagster(metadata: Mapping[str, JsonValue | TypedMetadata]) -> dict[str, Any]:
    return {
        name: metadata_value_from_external(value.raw_value, cast("Any", value.type))
        if isinstance(value, TypedMetadata)
        else value
        for name, value in metadata.items()
    }


def read(metadata: object) -> Metadata:
    body = json.dumps({"asset_key": "a", "metadata": metadata}).encode()
    return parse_event(body, event_type="asset_materialization").metadata


def paths(metadata: object) -> list[str]:
    with pytest.raises(InvalidEventError) as caught:
        read(metadata)
    assert {error.code for error in caught.value.errors} == {"schema.invalid"}
    return [error.path for error in caught.value.errors]

"""Events that are told apart by a number, and the numbers that Dagster has, in its order."""

from __future__ import annotations

import json

from dagster import DagsterInstance
from dagster_reading import runless_events


def event(number: int, key: str = "a") -> bytes:
    """A materialization of an asset, as a record's value."""
    return json.dumps({"event_type": "asset_materialization", "asset_key": key, "metadata": {"n": number}}).encode()


def numbers(instance: DagsterInstance) -> list[int]:
    """The numbers of the stored events, in the order in which Dagster has them."""
    return [int(stored.metadata["n"].value) for stored in runless_events(instance)]  # type: ignore[arg-type] # an int

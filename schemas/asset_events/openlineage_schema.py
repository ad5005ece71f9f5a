"""An OpenLineage event as JSON Schema: what is asked of it here, which is less than the standard asks."""

from __future__ import annotations

from asset_events.metadata_schema import JsonSchema
from asset_events.openlineage_run import EVENT_TYPES


def run_event_schema() -> JsonSchema:
    """One run event; facets, and every member that is not named here, are the standard's."""
    text = {"type": "string", "minLength": 1}
    facets = {"type": ["object", "null"], "description": "Any of the standard's, and others."}
    named = {"namespace": text, "name": text}
    dataset = {
        "type": "object",
        "properties": {**named, "facets": facets, "inputFacets": facets, "outputFacets": facets},
        "required": [*named],
    }
    return {
        "title": "RunEvent",
        "description": "A run event of OpenLineage (https://openlineage.io/spec/2-0-2/OpenLineage.json). Events of jobs"
        " and datasets, which tell of no run, are taken as well and say nothing to Dagster.",
        "type": "object",
        "properties": {
            "eventType": {"enum": [*EVENT_TYPES, None], "description": "`COMPLETE` materializes the outputs."},
            "eventTime": {**text, "description": "RFC 3339 with an offset.", "examples": ["2024-01-15T10:30:00Z"]},
            "producer": {"description": "Who tells it."},
            "run": {"type": "object", "properties": {"runId": text, "facets": facets}, "required": ["runId"]},
            "job": {"type": "object", "properties": named, "required": [*named]},
            "inputs": {"type": ["array", "null"], "items": dataset},
            "outputs": {"type": ["array", "null"], "items": dataset},
        },
        "required": ["eventTime", "run", "job"],
        "examples": [
            {
                "eventType": "COMPLETE",
                "eventTime": "2024-01-15T10:30:00Z",
                "producer": "https://example.com/etl",
                "run": {"runId": "0197b1c5-3c4c-7d52-9d6a-6f3f0d5a1f2e"},
                "job": {"namespace": "shop", "name": "load_orders"},
                "outputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders"}],
            }
        ],
    }

"""The report endpoints in OpenAPI: what of an event may stand in path, query, body and header, and what is answered."""

from __future__ import annotations

from typing import Any, Final

from asset_events import ERROR_CODES, EVENT_TYPES, EventType
from asset_events.cloud_event_headers import BATCHED, STRUCTURED
from asset_events.cloud_event_schema import cloud_event_schema
from asset_events.cloud_events import ATTRIBUTES
from asset_events.events import EVENT_CLASSES
from asset_events.json_schema import definitions, tagged_union
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS
from asset_events.openlineage_schema import run_event_schema
from asset_reporting.event_batch import MAX_BATCH_EVENTS
from asset_reporting.openapi_answers import error_responses, ref
from asset_reporting.request_parts import DRY_RUN

_ONLY_KAFKA: Final = {"tombstone"}
_ONLY_BATCH: Final = {"event_type.missing"}
_ONLY_CHECKS: Final = {"check.unknown", "partition.unsupported"}
_ONLY_OTHER_PATHS: Final = {"route.unknown", "method.unsupported"}

_NOT_LINEAGE: Final = {"event_type.missing", "event_type.unknown", "event_type.mismatch"} | {
    *_ONLY_KAFKA, *_ONLY_OTHER_PATHS
}  # fmt: skip

_SAYS: Final[dict[EventType, str]] = {
    "asset_materialization": "Report that an asset was created or updated",
    "asset_check": "Report the result of a check of an asset",
    "asset_observation": "Report that something was seen about an asset",
}

_EXAMPLES: Final[dict[EventType, dict[str, Any]]] = {
    "asset_materialization": {"partition": "2024-01-15", "metadata": {"rows": 1000}, "data_version": "v1.2.3"},
    "asset_check": {"check_name": "price_validation", "passed": False, "severity": "WARN"},
    "asset_observation": {"data_version": "2024-01-15", "metadata": {"lag_minutes": 15}},
}

_PATH_KEY: Final = {
    "name": "asset_key",
    "in": "path",
    "required": True,
    "description": "The asset key's components, separated by `/`, escaped or not; wins over body and query.",
    "schema": {"type": "string", "minLength": 1},
    "example": "customers",
}

_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same as the field `idempotency_key`: the event is recorded once, however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_CHARS},
    "example": "daily-etl/2024-01-15",
}

# What the query writes otherwise than the body does; metadata and tags are JSON text there.
_QUERY_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "asset_key": {"type": "string", "pattern": r"^([A-Za-z0-9_./]+|\[.*\])$"},
    "passed": {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
}
_QUERY_HELP: Final = {
    "asset_key": "A JSON list, or dotted (`warehouse.customers`) where it has only letters, digits and `_`.",
}


_DRY_RUN: Final = {
    "name": DRY_RUN,
    "in": "query",
    "description": "Answer as ever, and record nothing.",
    "schema": {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
}


_CLOUD_EVENT_HEADERS: Final = [
    {
        "name": f"ce-{name}",
        "in": "header",
        "description": "A CloudEvent in binary mode: this attribute of it; the body is its data.",
        "schema": {"type": "string"},
    }
    for name in ATTRIBUTES
    if name != "datacontenttype"  # which is the Content-Type
]


def event_schemas() -> dict[str, Any]:
    """The schemas of everything that is sent, by name."""
    events = definitions(ref)
    reports = {_report_name(event_type): _report(event_type, events) for event_type in EVENT_TYPES}
    return {
        **events,
        "AssetEvent": tagged_union(ref),
        **reports,
        "CloudEvent": cloud_event_schema(),
        "RunEvent": run_event_schema(),
    }


def report_paths(*, secured: bool) -> dict[str, Any]:
    """The three report endpoints, with the asset key in the path and without."""
    paths: dict[str, Any] = {}
    for event_type in EVENT_TYPES:
        for suffix, parameters in (("", []), ("/{asset_key}", [_PATH_KEY])):
            operation = _operation(event_type, suffix, parameters)
            paths[f"/report_{event_type}{suffix}"] = {"post": guarded(operation, secured=secured)}
    return paths


def batch_operation(*, secured: bool) -> dict[str, Any]:
    """The endpoint for many events."""
    lines = {"schema": {"type": "string", "description": "One JSON object (an AssetEvent) per line."}}
    array = {"type": "array", "items": ref("AssetEvent"), "maxItems": MAX_BATCH_EVENTS}
    sample = {"event_type": "asset_materialization", "asset_key": ["warehouse", "orders"], "metadata": {"rows": 1250}}
    operation = {
        "operationId": "report_asset_events",
        "summary": "Report many events of any kind",
        "description": "One result per event, in order; an event that is refused does not touch its neighbours. One"
        " CloudEvent (not an array of them) is answered as by the endpoints for one event.",
        "tags": ["report"],
        "parameters": [_DRY_RUN, *_CLOUD_EVENT_HEADERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": array, "example": [sample]},
                "application/x-ndjson": lines,
                "application/jsonl": lines,
                BATCHED: {"schema": {"type": "array", "items": ref("CloudEvent"), "maxItems": MAX_BATCH_EVENTS}},
                STRUCTURED: {"schema": ref("CloudEvent")},
            },
        },
        "responses": {
            "200": {
                "description": "The request was understood; each event has its result, in the form the events came in.",
                "content": {
                    "application/json": {"schema": {"oneOf": [ref("BatchAnswer"), ref("Success")]}},
                    "application/x-ndjson": {"schema": {"type": "string", "description": "One result per line."}},
                },
            },
            **error_responses(code for code in ERROR_CODES if code not in _ONLY_KAFKA | _ONLY_OTHER_PATHS),
        },
    }
    return guarded(operation, secured=secured)


def lineage_operation(*, secured: bool) -> dict[str, Any]:
    """The endpoint for OpenLineage."""
    says_nothing = "It says nothing to Dagster, as a run that has only begun."
    operation = {
        "operationId": "lineage",
        "summary": "Report what an OpenLineage event says of assets",
        "description": "Recorded whole or not at all.",
        "tags": ["report"],
        "parameters": [_DRY_RUN],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("RunEvent")}}},
        "responses": {
            status: {"description": says, "content": {"application/json": {"schema": ref("LineageAnswer")}}}
            for status, says in (("200", says_nothing), ("201", "Recorded, now or before."))
        }
        | error_responses(code for code in ERROR_CODES if code not in _NOT_LINEAGE),
    }
    return guarded(operation, secured=secured)


def guarded(operation: dict[str, Any], *, secured: bool) -> dict[str, Any]:
    """Add the API key, where keys are configured."""
    if secured:
        return {**operation, "security": [{"ApiKey": []}, {"Bearer": []}]}
    without = {status: answer for status, answer in operation["responses"].items() if status not in {"401", "429"}}
    return {**operation, "responses": without}


def _operation(event_type: EventType, suffix: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    unlikely = (
        _ONLY_KAFKA | _ONLY_BATCH | _ONLY_OTHER_PATHS | (set[str]() if event_type == "asset_check" else _ONLY_CHECKS)
    ) - ({"route.unknown"} if suffix else set[str]())  # where a line break stands in the asset key
    replayed = {"description": "There when the event was recorded before.", "schema": {"const": "true"}}
    body = {"schema": ref(_report_name(event_type)), "example": _EXAMPLES[event_type]}
    return {
        "operationId": f"report_{event_type}{'_by_path' if suffix else ''}",
        "summary": _SAYS[event_type],
        "description": "Any field can stand in the body or in the query; the body's wins, null included.",
        "tags": ["report"],
        "parameters": [*parameters, *_query_parameters(event_type), _DRY_RUN, _IDEMPOTENCY_KEY, *_CLOUD_EVENT_HEADERS],
        "requestBody": {
            "required": False,
            "content": {"application/json": body, STRUCTURED: {"schema": ref("CloudEvent")}},
        },
        "responses": {
            "200": {
                "description": "Recorded, now or before.",
                "headers": {"Idempotent-Replayed": replayed},
                "content": {"application/json": {"schema": ref("Success")}},
            },
            **error_responses(code for code in ERROR_CODES if code not in unlikely),
        },
    }


def _query_parameters(event_type: EventType) -> list[dict[str, Any]]:
    fields = definitions(ref)[EVENT_CLASSES[event_type].__name__]["properties"]
    return [_query_parameter(name, field) for name, field in fields.items()]


def _query_parameter(name: str, field: dict[str, Any]) -> dict[str, Any]:
    parameter = {"name": name, "in": "query", "description": _QUERY_HELP.get(name, field["description"])}
    if name in ("metadata", "tags"):
        return {**parameter, "description": f"{field['description']} As JSON text.", **_json_text(field)}
    return {**parameter, "schema": _QUERY_SCHEMAS.get(name) or _without_null(field)}


def _json_text(field: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": field}}}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A query cannot say null."""
    schema = {key: value for key, value in field.items() if key not in ("default", "description", "title")}
    if "anyOf" in schema:
        schema["anyOf"] = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "type" in schema:
        schema["type"] = "string"
    return schema


def _report_name(event_type: EventType) -> str:
    return EVENT_CLASSES[event_type].__name__.replace("Event", "Report")


def _report(event_type: EventType, events: dict[str, Any]) -> dict[str, Any]:
    """The body of a report: nothing is needed there, as path and query may have it."""
    event = events[EVENT_CLASSES[event_type].__name__]
    return {key: value for key, value in event.items() if key != "required"} | {"title": _report_name(event_type)}

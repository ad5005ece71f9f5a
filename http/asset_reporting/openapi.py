"""The HTTP API as an OpenAPI 3.1 document: every route that is served, made from the contract and its error codes."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from asset_events.json_schema import CONTRACT_VERSION
from asset_reporting.openapi_answers import answer_examples, answer_schemas, closed, ref
from asset_reporting.openapi_reports import batch_operation, event_schemas, lineage_operation, report_paths

PAGE_FILES: Final = ("start.js", "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
"""What the page `/docs` is made of."""

MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
"""As what its files are sent."""

_DESCRIPTION: Final = """Tell Dagster what happened to an asset outside it. Events posted here and records on the Kafka
topics (see the AsyncAPI document) follow one contract, and are refused with the same codes.

A path that is not here is answered 404 (`route.unknown`), another HTTP method 405 (`method.unsupported`)."""

_ANY_JSON: Final = {"application/json": {"schema": {"type": "object"}}}


@cache
def openapi(*, secured: bool = True, probes: bool = True, asyncapi: bool = True) -> dict[str, Any]:
    """Build the document of an application; do not change it, it is kept.

    Args:
        secured: Whether API keys are asked for.
        probes: Whether the application answers probes and metrics.
        asyncapi: Whether it serves the AsyncAPI document.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "asset-bridge",
            "version": CONTRACT_VERSION,
            "summary": "Report asset events to Dagster over HTTP.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./", "description": "Where this document is served, whatever the prefix."}],
        "tags": [
            {"name": "report", "description": "Say what happened to assets."},
            *([{"name": "probe", "description": "Is it alive, is it ready, what does it count?"}] if probes else []),
            {"name": "document", "description": "The contract, for programs and for people; open without a key."},
        ],
        "paths": {
            **report_paths(secured=secured),
            "/report_asset_events": {"post": batch_operation(secured=secured)},
            "/api/v1/lineage": {"post": lineage_operation(secured=secured)},
            **(_probe_paths() if probes else {}),
            **_document_paths(asyncapi=asyncapi),
        },
        "components": {
            "examples": answer_examples(),
            "schemas": {**event_schemas(), **answer_schemas(), **(_probe_schemas() if probes else {})},
            **({"securitySchemes": {"ApiKey": _API_KEY, "Bearer": _BEARER}} if secured else {}),
        },
    }


_API_KEY: Final = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The same API key, as OpenLineage's clients do it.",
}


def _probe_paths() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    metrics = {
        "description": "Prometheus metrics.",
        "content": {"text/plain": text, "application/openmetrics-text": text},
    }
    return {
        "/livez": _get("livez", "Alive?", "probe", {"200": _alive("It works."), "503": _alive("It stands still.")}),
        "/readyz": _get(
            "readyz", "Ready?", "probe", {"200": _ready("Reports can be recorded."), "503": _ready("They cannot now.")}
        ),
        "/startupz": _get(
            "startupz",
            "Has it once been ready?",
            "probe",
            {"200": _ready("It has, whatever came after.", "Startup"), "503": _ready("Not yet.", "Startup")},
        ),
        "/metrics": _get("metrics", "Metrics", "probe", {"200": metrics}),
    }


def _with_conditions(*states: str) -> dict[str, Any]:
    condition = closed({"ok": {"type": "boolean"}, "reason": {"type": "string"}})
    return {
        "description": "Every condition with its reason, and facts such as the recorder in use.",
        "type": "object",
        "properties": {
            "status": {"enum": [*states]},
            "conditions": {"type": "object", "additionalProperties": condition},
        },
        "required": ["status", "conditions"],
    }


def _probe_schemas() -> dict[str, Any]:
    return {
        "Liveness": {
            "type": "object",
            "properties": {
                "status": {"enum": ["alive", "stalled"]},
                "heartbeat_age_s": {"type": "number"},
                "heartbeat_max_age_s": {"type": "number"},
            },
            "required": ["status"],
        },
        "Readiness": _with_conditions("ready", "not ready"),
        "Startup": _with_conditions("started", "not started"),
    }


def _document_paths(*, asyncapi: bool) -> dict[str, Any]:
    file = {"name": "file", "in": "path", "required": True, "schema": {"enum": list(PAGE_FILES)}}
    anything: dict[str, dict[str, Any]] = {media_type: {} for media_type in MEDIA_TYPES.values()}
    kafka = _get("asyncapi", "The Kafka side, AsyncAPI", "document", {"200": _answer("AsyncAPI 3.0.", _ANY_JSON)})
    page = _answer("A page to read and try this document.", {"text/html": {"schema": {"type": "string"}}})
    missing = _answer("There is no such file.", {"application/json": {"schema": ref("Error")}})
    return {
        "/openapi.json": _get("openapi", "This document", "document", {"200": _answer("OpenAPI 3.1.", _ANY_JSON)}),
        **({"/asyncapi.json": kafka} if asyncapi else {}),
        "/docs": _get("docs", "An interactive page", "document", {"200": page}),
        "/docs/{file}": {
            **_get(
                "docs_file",
                "What the page is made of",
                "document",
                {"200": _answer("A file.", anything), "404": missing},
            ),
            "parameters": [file],
        },
    }


def _get(name: str, summary: str, tag: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}}


def _answer(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


def _alive(description: str) -> dict[str, Any]:
    return _answer(description, {"application/json": {"schema": ref("Liveness")}})


def _ready(description: str, schema: str = "Readiness") -> dict[str, Any]:
    return _answer(description, {"application/json": {"schema": ref(schema)}})

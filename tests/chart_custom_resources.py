"""Foreign resources, judged by the schemas of their definitions as an API server judges them: strictly."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parent / "crds"


def definitions() -> dict[str, dict[str, Any]]:
    """What is known of each kind."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with one, and where."""
    definition = definitions().get(document["kind"])
    group, _, version = document["apiVersion"].partition("/")
    if definition is None or group != definition["group"] or version not in definition["versions"]:
        return [f"no such resource: {document['apiVersion']} {document['kind']}"]
    validator = jsonschema.Draft7Validator(_strict(document["kind"], version))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@cache
def _strict(kind: str, version: str) -> dict[str, Any]:
    """As a JSON Schema in which an unknown field is an error; metadata is not the definition's."""
    schema: dict[str, Any] = _translated(definitions()[kind]["versions"][version])
    schema["properties"]["metadata"] = {}
    return schema


def _translated(node: Any) -> Any:
    if isinstance(node, list):
        return [_translated(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _translated(value) for key, value in node.items()}
    if made.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if made.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    open_ended = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if made.get("type") == "object" and isinstance(made.get("properties"), dict) and not open_ended:
        made["additionalProperties"] = False
    return made

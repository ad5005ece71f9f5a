"""The chart's files that are made from `chart_values.py`: values.yaml, values.schema.json, the table of its README.

python tests/chart_files.py      write them; `tests/deploy/test_chart_files.py` tells when they are stale
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import yaml
from chart_values import Values
from pydantic import BaseModel

from asset_consumer import librdkafka
from asset_consumer.librdkafka import OURS
from asset_consumer.settings import Settings

CHART = Path(__file__).parent.parent / "charts" / "asset-bridge"

SET_BY_THE_CHART = {
    "http": {"host", "port", "management_port", "api_keys_file", "tls_cert_file", "tls_key_file", "tls_client_ca_file"},
    "targets": {"workspace"},
    "kafka": {"librdkafka_files"},
    "": {"management", "console"},
}
"""Settings, by their section, that follow from the pod, or that no pod needs: they are refused under `config`."""

_BEGIN, _END = "<!-- values: made by tests/chart_files.py -->", "<!-- end of values -->"


def schema() -> dict[str, Any]:
    """The JSON Schema of the values; draft 7, the one that Helm 3 and Helm 4 both read."""
    whole = Values.model_json_schema(by_alias=True)
    for part in _parts(Values()):
        whole["$defs"].get(type(part).__name__, whole)["required"] = needed(part)
    # What stands in one folder with the certificates must not have their names.
    whole["$defs"]["Kafka"]["properties"]["secretProperties"]["propertyNames"] = {
        "allOf": [{"pattern": r"^(sasl|ssl)\.[.a-z]+$"}, {"pattern": librdkafka._SECRET.pattern}]
    }
    settings = _settings_schema()
    whole["$defs"] |= settings.pop("$defs")
    whole["properties"]["config"] = settings | {"description": whole["properties"]["config"]["description"]}
    # Helm hands the values of a parent chart's `global` to every chart below it, and what a parent's condition reads.
    whole["properties"] |= {"global": {"type": "object"}, "enabled": {"type": "boolean"}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_without_titles(whole)}


def _parts(part: BaseModel) -> Iterator[BaseModel]:
    yield part
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _parts(value)


def needed(part: BaseModel) -> list[str]:
    """Who gives null takes a value out: only one that says nothing by default can be missed, and no group."""
    fields = type(part).model_fields
    return [
        str(field.alias)
        for name, field in fields.items()
        if name == "config"
        or (getattr(part, name) not in ("", {}, [], None) and NoneType not in get_args(field.annotation))
    ]


def _settings_schema() -> dict[str, Any]:
    settings = Settings.model_json_schema(ref_template="#/$defs/{model}")
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    for section, names in SET_BY_THE_CHART.items():
        model = sections.get(section)
        whole = settings["$defs"][model.__name__] if isinstance(model, type) else settings
        for name in names:
            del whole["properties"][name]
    del settings["$defs"]["ManagementSettings"], settings["$defs"]["ConsoleSettings"]
    kafka = settings["$defs"]["KafkaSettings"]["properties"]
    text = {"type": "string", "minLength": 1}
    topics = {"type": "array", "minItems": 1, "items": {"anyOf": [text, {"$ref": "#/$defs/TopicSettings"}]}}
    kafka["topics"] = kafka["topics"] | {"anyOf": [text, topics], "default": "dagster.asset-events"}
    del kafka["topics"]["items"], kafka["topics"]["type"]
    del settings["$defs"]["SchemaRegistrySettings"]["properties"]["password"]  # values are no secrets
    del kafka["schema_registry"]["default"]
    kafka["librdkafka"] = {
        "description": kafka["librdkafka"]["description"],
        "type": "object",
        "propertyNames": {"not": {"enum": sorted(OURS)}},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    }
    return settings


def _without_titles(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_titles(value) for key, value in node.items() if not _is_title(key, value)}
    return [_without_titles(item) for item in node] if isinstance(node, list) else node


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)


def values_yaml() -> str:
    """The default values, each with its meaning."""
    head = "# Made by tests/chart_files.py from tests/chart_values.py. Every value is explained in README.md as well.\n"
    return head + "\n".join(_yaml(Values(), 0)) + "\n"


def _yaml(part: BaseModel, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if depth == 0:
            yield ""
        inner = value if isinstance(value, BaseModel) else None
        meaning = field.description or (inner and type(inner).__doc__)
        if meaning and (field.description or depth == 0 or "\n" not in meaning):
            yield from textwrap.wrap(meaning, 118, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if inner is not None:
            yield f"{indent}{field.alias}:"
            yield from _yaml(inner, depth + 1)
        else:
            dumped = yaml.safe_dump({field.alias: value}, sort_keys=False, width=1000).rstrip()
            yield from (f"{indent}{line}" for line in dumped.split("\n"))


def table() -> str:
    """The README's table of all values."""
    rows = [f"| `{name}` | {_shown(value)} | {meaning} |" for name, value, meaning in _rows(Values(), "")]
    return "\n".join([_BEGIN, "| value | default | meaning |", "|---|---|---|", *rows, _END])


def _rows(part: BaseModel, above: str) -> Iterator[tuple[str, Any, str]]:
    for name, field in type(part).model_fields.items():
        value, path = getattr(part, name), f"{above}{field.alias}"
        meaning = " ".join((field.description or "").split())
        if isinstance(value, BaseModel):
            yield path, None, meaning or " ".join((type(value).__doc__ or "").split())
            yield from _rows(value, f"{path}.")
        else:
            yield path, value, meaning


def _shown(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`"


def readme() -> str:
    """The README with its table renewed."""
    before, _, rest = (CHART / "README.md").read_text("utf-8").partition(_BEGIN)
    return before + table() + rest.partition(_END)[2]


def made() -> dict[str, str]:
    """Every file that is made, by its name, with the content that it should have."""
    return {
        "values.yaml": values_yaml(),
        "values.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "README.md": readme(),
    }


if __name__ == "__main__":
    for name, content in made().items():
        (CHART / name).write_text(content, "utf-8")
        sys.stdout.write(f"{name}\n")

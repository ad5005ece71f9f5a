"""`asset-bridge schema`: print the contract as JSON Schema, OpenAPI or AsyncAPI."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from asset_consumer.commands.options import config_option
from asset_events import EVENT_TYPES, EventType

Document: TypeAlias = Literal["json-schema", "openapi", "asyncapi"]


@click.command()
@click.argument("document", type=click.Choice(["json-schema", "openapi", "asyncapi"]), default="json-schema")
@click.option("--event-type", type=click.Choice(EVENT_TYPES), help="JSON Schema of this one event, not of all three.")
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to stdout."
)
@config_option
def schema(document: Document, event_type: EventType | None, output: Path | None, config: Path | None) -> None:
    """Print the contract as a DOCUMENT.

    \b
    json-schema  JSON Schema 2020-12 of an event, as it stands in a record or a post
    openapi      OpenAPI 3.1 of the HTTP endpoints
    asyncapi     AsyncAPI 3.0 of the topics in the settings, or of the default ones
    """  # noqa: D301 # \b is click's mark for a block that keeps its lines
    if event_type is not None and document != "json-schema":
        raise click.UsageError("--event-type is for json-schema only.")
    if config is not None and document != "asyncapi":
        raise click.UsageError("--config is for asyncapi only.")
    text = as_text(_build(document, event_type, config))
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def as_text(document: dict[str, Any]) -> str:
    """The form in which documents are printed and committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


# Each is imported late: JSON Schema needs pydantic alone, OpenAPI Starlette, AsyncAPI the settings.
def _build(document: Document, event_type: EventType | None, config: Path | None) -> dict[str, Any]:
    match document:
        case "json-schema":
            from asset_events.json_schema import event_schema, union_schema  # noqa: PLC0415 # see above

            return union_schema() if event_type is None else event_schema(event_type)
        case "openapi":
            from asset_reporting.openapi import openapi  # noqa: PLC0415 # see above

            return openapi()
        case "asyncapi":
            from asset_consumer.asyncapi import asyncapi  # noqa: PLC0415 # see above
            from asset_consumer.settings_sources import load_settings  # noqa: PLC0415 # see above

            return asyncapi(load_settings(config, os.environ).kafka)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from None

"""`asset-bridge pauses`: what operators have paused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asset_consumer.commands.options import config_option, json_option
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings

if TYPE_CHECKING:
    from asset_reporting.pauses import Pauses


@click.command()
@config_option
@json_option
def pauses(config: Path | None, *, as_json: bool) -> None:
    """Print what the consumer group is told to leave alone, since when, by whom and why."""
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    from asset_consumer.dagster_instance import open_pauses  # noqa: PLC0415 # late: Dagster takes seconds

    with open_pauses() as store:
        found = store.read(settings.kafka.group_id)
    if found or as_json:
        print_pauses(settings.kafka.group_id, found, as_json=as_json)
    else:
        click.echo(f"Nothing is paused for the group {settings.kafka.group_id}.")


def print_pauses(group: str, found: Pauses, *, as_json: bool) -> None:
    """Print pauses as a table, or as one JSON document."""
    if as_json:
        listed = [{"topic": topic, **pause.as_dict()} for topic, pause in sorted(found.items())]
        click.echo(json.dumps({"group": group, "paused": listed}))
        return
    from rich.table import Table  # noqa: PLC0415 # late: `--help` needs no tables
    from rich.text import Text  # noqa: PLC0415 # see above

    from asset_consumer.commands.table_console import table_console  # noqa: PLC0415 # see above

    table = Table("paused topic", "since", "by", "reason", box=None, pad_edge=False)
    for topic, pause in sorted(found.items()):
        texts = pause.as_dict()
        table.add_row(topic, texts["since"], Text(texts["by"]), Text(texts["reason"], overflow="fold"))
    table_console().print(table)

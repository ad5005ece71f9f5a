"""`asset-bridge resume`: let the consumer group go on with topics that were paused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from asset_consumer.commands.options import config_option, json_option
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings


@click.command()
@config_option
@json_option
@click.argument("topics", metavar="[TOPIC]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Everything that the group has paused.")
def resume(config: Path | None, topics: tuple[str, ...], *, every: bool, as_json: bool) -> None:
    """Let the group go on where it was; its consumers see it within five seconds."""
    if every == bool(topics):
        raise click.UsageError("name the topics, or say --all")
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    from asset_consumer.dagster_instance import open_pauses  # noqa: PLC0415 # late: Dagster takes seconds

    group = settings.kafka.group_id
    with open_pauses() as store:
        paused = store.read(group)
        unknown = set(topics) - paused.keys() - {topic.name for topic in settings.kafka.topics}
        if unknown:
            raise click.UsageError(f"{', '.join(sorted(unknown))}: neither paused nor an input topic of these settings")
        ended = store.resume(group, paused if every else topics)
    if as_json:
        listed = [{"topic": topic, **pause.as_dict()} for topic, pause in sorted(ended.items())]
        click.echo(json.dumps({"group": group, "resumed": listed}))
        return
    for topic, pause in sorted(ended.items()):
        click.echo(f"{topic} goes on; it was paused by {pause.by} since {pause.as_dict()['since']}: {pause.reason}")
    if every and not ended:
        click.echo(f"Nothing was paused for the group {group}.")
    for topic in sorted(set(topics) - ended.keys()):
        click.echo(f"{topic} was not paused")

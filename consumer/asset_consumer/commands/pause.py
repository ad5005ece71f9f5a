"""`asset-bridge pause`: let the consumer group leave topics alone."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

from asset_consumer.commands.options import config_option, json_option
from asset_consumer.commands.pauses import print_pauses
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings


@click.command()
@config_option
@json_option
@click.argument("topics", metavar="[TOPIC]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All input topics.")
@click.option("--reason", required=True, help="Why; shown in /readyz and in logs. At most 200 characters.")
@click.option("--by", help="Who; the user of this process if not given.")
def pause(  # noqa: PLR0913 # one for each option
    config: Path | None, topics: tuple[str, ...], reason: str, by: str | None, *, every: bool, as_json: bool
) -> None:
    """Let every consumer of the group leave topics alone until they are resumed; restarts do not end it.

    Consumers finish the batch under way, stay in the group, and see it within five seconds. Nothing is lost: what
    arrives meanwhile waits in Kafka, for as long as the topic keeps it. Kafka need not answer for this.
    """
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    chosen = _chosen(topics, [topic.name for topic in settings.kafka.topics], every=every)
    from asset_consumer.dagster_instance import open_pauses  # noqa: PLC0415 # late: Dagster takes seconds
    from asset_reporting.pauses import PauseTextError  # noqa: PLC0415 # see above

    group = settings.kafka.group_id
    with open_pauses() as store:
        try:
            before = store.pause(group, chosen, reason=reason, by=by or _user())
        except PauseTextError as error:
            raise click.UsageError(f"--{error}") from None
        now = store.read(group)
    print_pauses(group, {topic: now[topic] for topic in chosen if topic in now}, as_json=as_json)
    if not as_json:
        for topic, earlier in before.items():
            click.echo(f"{topic} was paused already, by {earlier.by}: {earlier.reason}")


def _chosen(topics: tuple[str, ...], known: list[str], *, every: bool) -> list[str]:
    if every == bool(topics):
        raise click.UsageError("name the topics, or say --all")
    unknown = sorted(set(topics) - set(known))
    if unknown:
        raise click.UsageError(f"{', '.join(unknown)}: not among these settings' input topics ({', '.join(known)})")
    return known if every else sorted(set(topics))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"

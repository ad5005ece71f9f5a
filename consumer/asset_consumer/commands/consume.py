"""`asset-bridge consume`: take events from Kafka."""

from __future__ import annotations

import os
from pathlib import Path

import click

from asset_consumer.commands.options import config_option
from asset_consumer.commands.serve import say_ready
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings
from asset_consumer.supervisor import supervise


@click.command()
@config_option
def consume(config: Path | None) -> None:
    """Take events from Kafka and record them in the Dagster instance of DAGSTER_HOME.

    What cannot be recorded goes to the dead-letter topic with its reason. Needs
    ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS; start more processes of one group to share the partitions.

    \b
    GET  /livez, /readyz on port 8081                 alive; ready, with reasons
    GET  /metrics on port 8081                        for Prometheus
    """  # noqa: D301 # \b is click's mark for a block that keeps its lines
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, settings.log_level)
    from asset_consumer.consume import consume as run_service  # noqa: PLC0415 # late: Dagster takes seconds

    supervise(lambda stop: run_service(settings, stop, say_ready), settings.kafka.shutdown_deadline_s)

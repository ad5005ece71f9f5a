"""`asset-bridge serve`: take events by HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import click

from asset_consumer.commands.options import config_option
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings
from asset_consumer.supervisor import supervise


@click.command()
@config_option
def serve(config: Path | None) -> None:
    """Take events by HTTP and record them in the Dagster instance of DAGSTER_HOME.

    \b
    POST /report_asset_materialization/{asset_key}    also /report_asset_check/…, /report_asset_observation/…
    GET  /livez, /readyz                              alive; ready, with reasons
    GET  /metrics                                     for Prometheus
    GET  /docs, /openapi.json, /asyncapi.json         all of this, to read, to try and for programs

    Listens on 127.0.0.1:3000. Beyond loopback it needs API keys (ASSET_BRIDGE_HTTP__API_KEYS_FILE).
    """  # noqa: D301 # \b is click's mark for a block that keeps its lines
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, settings.log_level)
    from asset_consumer.serve import STOP_S  # noqa: PLC0415 # late: Dagster takes seconds, `--help` must not
    from asset_consumer.serve import serve as run_service  # noqa: PLC0415 # see above

    supervise(lambda stop: run_service(settings, stop, say_ready), STOP_S + 5)


def say_ready(what: str) -> None:
    """Print the line that scripts wait for."""
    click.echo(f"asset-bridge ready: {what}")

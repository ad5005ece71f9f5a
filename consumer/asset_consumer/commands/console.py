"""`asset-bridge console`: the flow and the dead letters in a browser."""

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
def console(config: Path | None) -> None:
    """Serve a web page: the flow now, the last events, the dead letters and what can be done about them.

    Listens on 127.0.0.1:3080, and only shows. With a key of ASSET_BRIDGE_CONSOLE__OPERATOR_KEYS_FILE letters can be
    replayed and parked; each action is a line of the log asset_bridge.audit. Takes part in no consumer group.
    """
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, settings.log_level)
    from asset_consumer.console.run import STOP_S, run_console  # noqa: PLC0415 # late: Dagster takes seconds

    supervise(lambda stop: run_console(settings, stop, say_ready), 2 * STOP_S + 3)

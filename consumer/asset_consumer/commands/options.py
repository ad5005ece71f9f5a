"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML file with settings; the environment wins over it.",
)
"""`--config FILE`, which the command hands to `load_settings`."""

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
"""`--json`, for scripts; the parameter is `as_json`."""

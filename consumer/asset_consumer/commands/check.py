"""`asset-bridge check`: would serve and consume work with these settings?"""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asset_consumer.__main__ import EXIT_CONFIG
from asset_consumer.checks import Verdict, check_all
from asset_consumer.commands.options import config_option
from asset_consumer.logs import configure_logging
from asset_consumer.one_line import one_line
from asset_consumer.settings_sources import load_settings

_STYLES: dict[Verdict, str] = {"ok": "green", "remark": "yellow", "refused": "red", "failed": "red"}


@click.command()
@config_option
@click.pass_context
def check(ctx: click.Context, config: Path | None) -> None:
    """Look at settings, API keys, Dagster's storage, brokers, topics and dead-letter topics, and print a table.

    Changes nothing: no record is read or written, no topic made. (Opening an empty Dagster database makes Dagster
    create its own tables, as any Dagster process does.)

    \b
    ok       works
    remark   works; worth knowing
    refused  serve or consume would not start: exit code 78
    failed   does not answer now: exit code 1
    """  # noqa: D301 # \b is click's mark for a block that keeps its lines
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    table = Table("what", "verdict", "detail", box=None, pad_edge=False)
    verdicts: set[Verdict] = set()
    for finding in check_all(settings):
        verdicts.add(finding.verdict)
        verdict = Text(finding.verdict, _STYLES[finding.verdict])
        table.add_row(finding.what, verdict, Text(one_line(finding.detail), overflow="fold"))
    Console().print(table)
    ctx.exit(EXIT_CONFIG if "refused" in verdicts else 1 if "failed" in verdicts else 0)

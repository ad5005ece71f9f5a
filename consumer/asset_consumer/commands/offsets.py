"""`asset-bridge offsets`: where the group stands, and an operator's reset."""

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
    from asset_consumer.offsets import PartitionOffsets, Target
    from asset_consumer.settings import Settings


DRIFT = 3
"""Exit code of `verify`: ledger, Kafka and the log do not fit, and a person must look."""


@click.group()
def offsets() -> None:
    """Show where a consumer group stands, in the ledger and in Kafka, verify that the two fit, and reset it."""


@offsets.command()
@config_option
def show(config: Path | None) -> None:
    """Print ledger, committed offset, log and lag of every partition of the input topics."""
    settings = _settings(config)
    from asset_consumer.dagster_instance import open_ledger  # noqa: PLC0415 # late: Dagster takes seconds
    from asset_consumer.offsets import show_offsets  # noqa: PLC0415 # see above

    with open_ledger() as ledger:
        _print(show_offsets(settings, ledger))


@offsets.command()
@config_option
@json_option
@click.pass_context
def verify(ctx: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Hold the ledger against Kafka's committed offsets and the logs, and say what the next start would do.

    Changes nothing; consumers may be running. Exit codes: 0 in step, 3 drift (a person must look), 1 cannot tell.
    """
    settings = _settings(config)
    from asset_consumer.commands.offsets_verified import as_document, print_verified  # noqa: PLC0415 # late: Dagster
    from asset_consumer.dagster_instance import open_ledger  # noqa: PLC0415 # takes seconds
    from asset_consumer.offset_drift import verify_offsets  # noqa: PLC0415 # see above

    with open_ledger() as ledger:
        verified = verify_offsets(settings, ledger)
    if as_json:
        click.echo(json.dumps(as_document(settings.kafka.group_id, verified)))
    else:
        print_verified(verified)
    ctx.exit(DRIFT if verified.drift else 0)


@offsets.command()
@config_option
@click.option("--topic", required=True, help="The input topic.")
@click.option("--partition", type=click.IntRange(0), help="One Kafka partition; all of the topic if not given.")
@click.option("--to", "to", required=True, help="earliest, latest, or an offset.")
@click.option("--apply", is_flag=True, help="Do it; without this nothing is changed.")
def reset(config: Path | None, topic: str, partition: int | None, to: str, apply: bool) -> None:  # noqa: FBT001 # click passes flags so
    """Move the group to another offset; the consumers follow it at their next start, and so does the ledger.

    Stop the consumers first: Kafka refuses this while the group has members. Records that are read again are
    recorded again, but for those with an idempotency key.
    """
    target = _target(to)
    settings = _settings(config)
    if topic not in {known.name for known in settings.kafka.topics}:
        raise click.UsageError(f"{topic} is not an input topic of these settings")
    from asset_consumer.dagster_instance import open_ledger  # noqa: PLC0415 # late: Dagster takes seconds
    from asset_consumer.offsets import reset_offsets, show_offsets  # noqa: PLC0415 # see above

    with open_ledger() as ledger:
        if apply:
            reset_offsets(settings, ledger, topic, partition, target)
        _print(show_offsets(settings, ledger))
    if not apply:
        click.echo(f"Nothing was changed; --apply would move {topic} to {to}.")


def _settings(config: Path | None) -> Settings:
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    return settings


def _target(text: str) -> Target:
    if text.isdecimal():
        return int(text)
    if text not in {"earliest", "latest"}:
        raise click.BadParameter("must be earliest, latest or an offset", param_hint="--to")
    return "earliest" if text == "earliest" else "latest"


def _print(found: list[PartitionOffsets]) -> None:
    from rich.table import Table  # noqa: PLC0415 # late: `--help` needs no tables

    from asset_consumer.commands.table_console import table_console  # noqa: PLC0415 # see above

    table = Table("topic", "partition", "ledger", "committed", "set by", "log", "lag", box=None, pad_edge=False)
    for one in found:
        ledger, committed = ("-" if offset is None else str(offset) for offset in (one.ledger, one.committed))
        log = f"{one.log_begins}..{one.log_ends}"
        table.add_row(one.topic, str(one.partition), ledger, committed, one.set_by, log, str(one.lag))
    table_console().print(table)

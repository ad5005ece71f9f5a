"""`asset-bridge dev`: try everything on this machine."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from asset_consumer.event_lines import EventLines
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings
from asset_consumer.supervisor import supervise

if TYPE_CHECKING:
    from asset_consumer.dev import Addresses

STOP_S = 15.0


@click.command()
@click.option("--home", type=click.Path(path_type=Path), default=Path(".asset-bridge"), show_default=True,
              help="Folder for Dagster's data, kept between runs.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), help="HTTP port; 3000 if not given, 0 for any free one.")
@click.option("--ui", is_flag=True, help="Also start the real Dagster UI on the same data.")
@click.option("--ui-port", type=click.IntRange(1, 65535), default=3001, show_default=True, help="Port of the UI.")
def dev(home: Path, port: int | None, ui: bool, ui_port: int) -> None:  # noqa: FBT001 # click passes flags so
    """Try it: a Kafka broker, Dagster on SQLite, the HTTP endpoints and the consumer in one process.

    Sends a few sample events, good and bad, and prints each event as it is recorded or rejected. Needs nothing but
    this package; the broker is in memory and forgets its records at the end. Ctrl-C ends it.
    """
    from asset_consumer.dev import prepare_home, run_dev  # noqa: PLC0415 # late: Dagster takes seconds

    prepare_home(home)
    settings = load_settings(None, os.environ)
    if port is not None:
        settings = settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})
    terminal: object = sys.stdout
    if isinstance(terminal, TextIOWrapper):
        terminal.reconfigure(errors="replace")  # a terminal without Unicode shows "?", and nothing fails for it
    console = Console(highlight=False)
    configure_logging("text", "INFO")
    log = logging.root.handlers[0]
    log.setLevel(logging.WARNING)  # the event lines tell the rest
    log.addFilter(lambda record: record.__dict__.get("happening") != "dead_lettered")
    lines = EventLines(console)
    lines.attach()
    console.print("Starting a broker, Dagster, HTTP and the consumer; Ctrl-C ends all.")
    supervise(
        lambda stop: run_dev(settings, stop, lines, lambda at: _show(console, at), ui_port if ui else None), STOP_S
    )
    console.print("Stopped. Dagster's data is kept in", str(home))


def _show(console: Console, at: Addresses) -> None:
    """Print addresses and commands that can be pasted as they are."""
    event = json.dumps({"event_type": "asset_materialization", "asset_key": ["my", "asset"], "metadata": {"rows": 3}})
    curl = f"curl -X POST {at.url}/report_asset_materialization/my/asset -H 'Content-Type: application/json'"
    client = f'{{"bootstrap.servers": "{at.bootstrap_servers}"'
    # JSON is valid Python here, so that one pair of single quotes is all the quoting the shell needs.
    produce = (
        f"import json; from confluent_kafka import Producer; p = Producer({client}}}); "
        f'p.produce("{at.topic}", json.dumps({event})); p.flush()'
    )
    read = (
        f'from confluent_kafka import Consumer; c = Consumer({client}, "group.id": "look", '
        f'"auto.offset.reset": "earliest", "enable.auto.commit": "false"}}); c.subscribe(["{at.dead_letter_topic}"]); '
        r'[print(m.value(), *m.headers(), sep="\n  ") for m in c.consume(100, 6)]'
    )
    python = f"{shlex.quote(sys.executable)} -c"
    for title, text in (
        (f"HTTP on {at.url}. Report an event:", f"{curl} -d '{json.dumps({'metadata': {'rows': 3}})}'"),
        (f"Kafka on {at.bootstrap_servers}. Report an event:", f"{python} '{produce}'"),
        ("The same, where kcat is installed:", f"echo '{event}' | kcat -P -b {at.bootstrap_servers} -t {at.topic}"),
        (f"Read the dead letters of {at.dead_letter_topic}:", f"{python} '{read}'"),
        ("Is it ready?", f"curl {at.url}/readyz"),
        ("Read and try the HTTP endpoints in a browser:", f"{at.url}/docs"),
    ):
        console.print(f"\n{title}", style="bold", markup=False)
        console.print(f"  {text}", markup=False, soft_wrap=True)
    if at.ui:
        console.print(f"\nDagster's UI: {at.ui}/assets", style="bold", markup=False)
    console.print("\nWaiting for events.", markup=False)

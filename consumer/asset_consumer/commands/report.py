"""`asset-bridge report`: tell the bridge of one event, or of those in a file, by HTTP or Kafka. Light: no Dagster."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import click

from asset_client import Delivered, EventRefusedError, NotReportedError, Reported, ReportError
from asset_consumer.commands.options import config_option
from asset_consumer.commands.report_events import KINDS, Said, events_of_file, one_event
from asset_consumer.commands.report_target import open_reporter
from asset_consumer.one_line import one_line

Result: TypeAlias = Reported | Delivered | EventRefusedError | NotReportedError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_HELP = """Report an event about ASSET_KEY (components separated by `/`, or a JSON list), or the events of a file.

    \b
    asset-bridge report materialization warehouse/customers --url http://localhost:3000 --metadata rows=1000
    asset-bridge report check warehouse/customers --check no_nulls --passed --kafka broker:9092
    asset-bridge report --file events.ndjson

    Without --url and --kafka it goes to the brokers that the settings name. A key is taken from the variable
    ASSET_BRIDGE_API_KEY or from --api-key-file. Outages are waited out until the deadline.

    Prints the event's id, or topic/partition/offset. Exit code 0: all reported; 1: refused, or given up; 78: arguments.
    """


@click.command(help=_HELP)
@click.argument("kind", type=click.Choice(list(KINDS)), required=False)
@click.argument("asset_key", required=False)
@click.option("--url", help="Address of `asset-bridge serve`.")
@click.option("--kafka", metavar="HOST:PORT", help="Brokers to ask first, instead of the settings'.")
@click.option("--topic", help="Kafka topic, instead of the settings'.")
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True),
              help="Whole events, as `validate` takes them; `-` for stdin.")  # fmt: skip
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="JSON, else text; may be repeated.")
@click.option("--tag", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--partition", help="The asset's partition.")
@click.option("--description", help="Free text.")
@click.option("--data-version", help="What identifies the asset's content.")
@click.option("--check", "check_name", metavar="NAME", help="The check's name.")
@click.option("--passed/--failed", default=None, help="What the check found.")
@click.option("--severity", type=click.Choice(["ERROR", "WARN", "INFO"], case_sensitive=False))
@click.option("--event-time", help="When it happened: RFC 3339 with an offset; left out: now.")
@click.option("--idempotency-key", help="Your own name for the event: the same is recorded once.")
@click.option("--api-key-file", type=_FILE)
@click.option("--ca-file", type=_FILE, help="Authorities that vouch for the server of an https URL.")
@click.option(
    "--cert-file", type=_FILE, help="Our certificate, where the server wants one; its key in the same file, or:"
)
@click.option("--key-file", type=_FILE, help="Its private key, without a passphrase; else in the same file.")
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(min=3),
    default=60,
    show_default=True,
    help="Seconds until it is given up.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event, on stdout.")
@config_option
def report(  # noqa: PLR0913 # one for each option
    kind: str | None,
    asset_key: str | None,
    *,
    url: str | None,
    kafka: str | None,
    topic: str | None,
    file: str | None,
    api_key_file: Path | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    deadline_s: float,
    as_json: bool,
    config: Path | None,
    **fields: object,
) -> int:
    """Report what the arguments or the file say, print what became of each event, and return the exit code."""
    if file is not None:
        if kind or asset_key or any(value not in (None, ()) for value in fields.values()):
            raise click.UsageError("A file has whole events: give either --file, or one event by arguments.")
        events = events_of_file(file)
    else:
        if kind is None or asset_key is None:
            raise click.UsageError("Say what happened to which asset, or give --file.")
        events = [one_event(kind, asset_key, fields)]
    with open_reporter(url, kafka, topic, api_key_file, (ca_file, cert_file, key_file), deadline_s, config) as reporter:
        sound = [said.event for said in events if not isinstance(said.event, ReportError)]
        told = iter(reporter.report_many(sound))
    results: list[Result] = [said.event if isinstance(said.event, ReportError) else next(told) for said in events]
    for said, result in zip(events, results, strict=True):
        _print(said, result, as_json=as_json)
    return 1 if any(isinstance(result, ReportError) for result in results) else 0


def _print(said: Said, result: Result, *, as_json: bool) -> None:
    if as_json:
        where = {"file": said.file, "line": said.line} if said.file else {}
        click.echo(json.dumps({**where, **_as_dict(result)}))
        return
    failed = isinstance(result, ReportError)
    place = f"{said.file}:{said.line}: " if said.file else ""
    click.echo(one_line(f"{'asset-bridge: ' if failed else ''}{place}{_as_text(result)}"), err=failed)


def _as_text(result: Result) -> str:
    match result:
        case Reported(event_id, replayed):
            return f"event {event_id or '(id unknown)'}{' (recorded before)' if replayed else ''}"
        case Delivered(topic, partition, offset):
            return f"{topic}/{partition}/{offset}"
        case _:
            return str(result)


def _as_dict(result: Result) -> dict[str, Any]:
    match result:
        case Reported():
            return {"status": "reported", **asdict(result)}
        case Delivered():
            return {"status": "delivered", **asdict(result)}
        case EventRefusedError():
            return {"status": "refused", "errors": [error.as_dict() for error in result.errors]}
        case NotReportedError():
            return {"status": "not_reported", "reason": result.reason, "may_be_recorded": result.may_be_recorded}

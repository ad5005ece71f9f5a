"""`asset-bridge validate`: check events in files, on stdin or on a topic against the contract; record nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from asset_consumer.commands.event_files import split_events
from asset_consumer.commands.options import config_option
from asset_consumer.commands.verdicts import Verdict, Wording, json_of, text_of
from asset_events import (
    EVENT_TYPES,
    MAX_EVENT_BYTES,
    ErrorDetail,
    EventType,
    InvalidEventError,
    LineageRules,
    UnknownFields,
    parse_event,
    read_run_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

OutputFormat: TypeAlias = Literal["text", "json"]

_HELP = """Check events in FILES (or stdin, `-`), or the records of a topic, against the contract; nothing is recorded.

    A file that is one JSON document holds one event, or an array of events; any other holds one event per line.
    A file named *.json is always taken as one document.

    With --topic, every record is judged as `consume` would judge it with these settings, up to where the topic ends
    now. No group is joined, no offset committed, nothing dead-lettered.

    Prints `file:line: code /path message` (`topic/partition/offset: …`) per error, then the counts.
    Exit code 0: all are valid; 1: some are not.
    """


@click.command(help=_HELP)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--event-type", type=click.Choice(EVENT_TYPES), help="Type of events that do not say it themselves.")
@click.option("--cloudevents", is_flag=True, help="The events are CloudEvents in JSON, in structured mode.")
@click.option("--openlineage", is_flag=True, help="The events are OpenLineage's, mapped by the default rules.")
@click.option(
    "--topic", metavar="NAME", help="Read this Kafka topic instead of files; brokers are those of the settings."
)
@click.option("--last", type=click.IntRange(min=1), help="With --topic: only so many records of each Kafka partition.")
@config_option
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--unknown-fields",
    type=click.Choice(["reject", "ignore"]),
    default="reject",
    show_default=True,
    envvar="ASSET_BRIDGE_UNKNOWN_FIELDS",
    help="What to do with fields that the contract does not know.",
)
@click.option(
    "--max-event-bytes",
    type=click.IntRange(min=1),
    default=MAX_EVENT_BYTES,
    show_default=True,
    envvar="ASSET_BRIDGE_MAX_EVENT_BYTES",
    help="Largest event.",
)
def validate(  # noqa: PLR0913, PLR0917 - click gives one argument per option
    files: Sequence[str],
    event_type: EventType | None,
    cloudevents: bool,  # noqa: FBT001 # click passes flags so
    openlineage: bool,  # noqa: FBT001 # see above
    topic: str | None,
    last: int | None,
    config: Path | None,
    output: OutputFormat,
    unknown_fields: UnknownFields,
    max_event_bytes: int,
) -> int:
    """Check every event, print what is wrong, and return the exit code."""
    if topic is None:
        if last is not None or config is not None:
            raise click.UsageError("--last and --config go with --topic only")
        if openlineage and (event_type or cloudevents):
            raise click.UsageError("--openlineage goes with neither --event-type nor --cloudevents")
        parse: Callable[[bytes], object] = partial(
            parse_event,
            event_type=event_type,
            cloud_event="structured" if cloudevents else None,
            unknown_fields=unknown_fields,
            max_bytes=max_event_bytes,
        )
        if openlineage:
            parse = partial(read_run_event, rules=LineageRules(), max_bytes=max_event_bytes)
        return _say(_in_files(files, parse), Wording("event", "valid", "invalid"), output)
    if files or event_type or cloudevents or openlineage:
        raise click.UsageError("--topic takes no files, and its records say what they are; so do the settings")
    return _say(
        _on_topic(topic, last, config), Wording("record", "would be recorded", "would be dead-lettered"), output
    )


def _say(verdicts: Iterator[Verdict], wording: Wording, output: OutputFormat) -> int:
    invalid = False
    if output == "json":
        text, invalid = json_of(verdicts)
        click.echo(text)
    else:
        for text, invalid in text_of(verdicts, wording):  # noqa: B007 # the last one counts
            click.echo(text)
    return 1 if invalid else 0


def _in_files(files: Sequence[str], parse: Callable[[bytes], object]) -> Iterator[Verdict]:
    for file in files or ["-"]:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        for event in split_events(content, one_document=file.endswith(".json")):
            place: dict[str, str | int] = {"file": "<stdin>" if file == "-" else file, "line": event.line}
            try:
                parse(event.value)
                yield Verdict(place, ())
            except InvalidEventError as error:
                yield Verdict(place, error.errors)


def _on_topic(topic: str, last: int | None, config: Path | None) -> Iterator[Verdict]:
    """Judge records with the consumer's own eyes."""
    from asset_consumer.logs import configure_logging  # noqa: PLC0415 # late: files need no settings, Kafka or Dagster
    from asset_consumer.settings_sources import load_settings  # noqa: PLC0415 # see above

    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    from asset_consumer.classify import classify  # noqa: PLC0415 # refused settings are told at once
    from asset_consumer.consume import consumer_options  # noqa: PLC0415 # see above
    from asset_consumer.framed import RegistryUnavailableError  # noqa: PLC0415 # see above
    from asset_consumer.registry_client import open_schema_registry  # noqa: PLC0415 # see above
    from asset_consumer.topic_reader import TopicReaderError, read_topic  # noqa: PLC0415 # see above

    options = consumer_options(settings)
    with open_schema_registry(settings) as frames:
        for record in read_topic(settings, topic, last):
            try:
                item = classify(options, record, frames)
            except RegistryUnavailableError as error:
                raise TopicReaderError(f"{record.identity} cannot be judged: {error}") from None
            failed = (ErrorDetail("", "internal", f"reading it failed: {item.failure}"),) if item.failure else ()
            yield Verdict({"record": record.identity}, item.reason.errors if item.reason else failed)

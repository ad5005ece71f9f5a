"""The options by which `asset-bridge dlq` is told which letters are meant, and what all its commands begin with."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import click

from asset_consumer.commands.options import config_option
from asset_consumer.letter_filter import OPEN, LetterFilter
from asset_consumer.letters import LetterState
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings
from asset_events import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Generator

    from asset_consumer.letter_desk import LetterDesk
    from asset_consumer.letter_reader import LetterReader
    from asset_consumer.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

EXIT_SOME_FAILED: Final = 3
EXIT_NOTHING: Final = 4

STAGES: Final = sorted({code.stage for code in ERROR_CODES.values() if code.stage})

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 # click's signature
        """Take RFC 3339, or how long ago; a time without a zone is one of UTC."""
        if isinstance(value, datetime):
            return value
        span = _SPAN.fullmatch(value)
        try:
            if span:
                return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                "must be a time such as 2026-01-31T08:00:00Z, or how long ago, such as 90m, 12h or 7d", param, ctx
            )


_OPTIONS: Final = (
    click.option(
        "--code", "codes", multiple=True, metavar="CODE", help="Error code, such as field.missing or asset.*."
    ),
    click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), help="How far the record came."),
    click.option("--topic", "topics", multiple=True, metavar="NAME", help="Input topic in which it failed."),
    click.option("--asset", "assets", multiple=True, metavar="KEY", help="Asset, such as warehouse/orders or raw/*."),
    click.option("--key", "keys", multiple=True, metavar="KEY", help="Key of the record."),
    click.option("--id", "ids", multiple=True, metavar="ID", help="asset-bridge.dlq.id, or the letter's own place."),
    click.option("--since", type=_Moment(), metavar="TIME", help="Failed at this time or later; 12h is 12 hours ago."),
    click.option("--until", type=_Moment(), metavar="TIME", help="Failed before this time."),
)

_READING: Final = (
    click.option("--dlq", "dead_letters", multiple=True, metavar="NAME", help="Read this dead-letter topic instead."),
    click.option("--parking", is_flag=True, help="Read the parking topics instead."),
    config_option,
)

state_option = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([*get_args(LetterState), "all"]),
    help="What became of it; open and unsure if not given.",
)


def letter_options(command: F) -> F:
    """Give a command the options of a filter, those of what to read, and `--config`."""
    for option in reversed(_OPTIONS + _READING):
        command = option(command)
    return command


def a_number(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse what no range refuses: nothing is less than it, and nothing more."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("is no number", ctx, param)
    return value


def filter_of(chosen: dict[str, Any]) -> LetterFilter:
    """The filter that the options describe."""
    states: tuple[Any, ...] = chosen.get("states", ())
    fields = ("codes", "stages", "topics", "assets", "keys", "ids", "since", "until")
    wanted = frozenset[LetterState]() if "all" in states else frozenset[LetterState](states) or OPEN
    return LetterFilter(**{field: chosen[field] for field in fields}, states=wanted)


def settings_of(config: Path | None) -> Settings:
    """The settings, with the log on stderr for what an operator must know."""
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, "WARNING")
    return settings


@contextmanager
def desk_of(settings: Settings, chosen: dict[str, Any], *, needs_fates: bool = False) -> Generator[LetterDesk]:
    """Open what the options tell to read; says on stderr when nobody knows what became of the letters."""
    from asset_consumer.letter_desk import open_letter_desk  # noqa: PLC0415 # late: Dagster takes seconds
    from asset_consumer.letter_topics import dead_letter_topics  # noqa: PLC0415 # see above

    if chosen["dead_letters"] and chosen["parking"]:
        raise click.UsageError("--dlq and --parking do not go together")
    topics = chosen["dead_letters"] or dead_letter_topics(settings, parking=chosen["parking"])
    with open_letter_desk(settings, tuple(dict.fromkeys(topics)), needs_fates=needs_fates) as desk:
        if desk.fates is None:
            if needs_fates:
                raise click.UsageError(
                    "Dagster's storage is neither PostgreSQL nor SQLite: it cannot keep what was done"
                )
            click.echo("asset-bridge: every letter is shown as open: no DAGSTER_HOME says what was done", err=True)
        yield desk


def note_others(reader: LetterReader) -> None:
    """Say on stderr what is not among the letters shown: records that are none, and letters that somebody is at."""
    if reader.foreign:
        records = "1 record is" if reader.foreign == 1 else f"{reader.foreign} records are"
        click.echo(f"asset-bridge: {records} no dead letter of ours, and left alone", err=True)
    if reader.sending:
        letters = "1 letter is" if reader.sending == 1 else f"{reader.sending} letters are"
        text = f"{letters} being sent by somebody now; open again after five minutes, should that process have died"
        click.echo(f"asset-bridge: {text}", err=True)

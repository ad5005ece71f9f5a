"""`asset-bridge dlq`: look at dead letters, and send them again."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asset_consumer.commands.dlq_options import (
    EXIT_NOTHING,
    desk_of,
    filter_of,
    letter_options,
    note_others,
    settings_of,
    state_option,
)
from asset_consumer.commands.dlq_outcomes import progress_bar
from asset_consumer.commands.dlq_replay import park, replay
from asset_consumer.commands.options import config_option
from asset_consumer.letter_filter import LetterFilter
from asset_consumer.letter_stats import TRAITS, Trait
from asset_consumer.letter_topics import parking_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asset_consumer.letters import Letter

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line, for scripts.")

_HELP = """Look at dead letters, send them again, or park them.

    \b
    asset-bridge dlq stats                           how many, of which kind
    asset-bridge dlq list --code asset.unknown       which ones
    asset-bridge dlq show events/0/17                one of them: why it failed, and its record
    asset-bridge dlq replay --code asset.unknown     what sending these again would do; --apply does it

    Options given several times take any of their values; different options must all hold. `*` and `?` are understood
    in codes, assets, keys and ids. Nothing is deleted, and no consumer group is touched. What was done with a letter is
    kept in Dagster's database: the next one who looks sees the open ones only.

    Exit codes: 0 done, 3 some letters were left or failed, 4 no letter matches,
    78 settings or arguments refused, 1 anything else.
    """


@click.group(help=_HELP)
def dlq() -> None:
    """Everything is in the commands."""


dlq.add_command(replay)
dlq.add_command(park)


@dlq.command("list")
@letter_options
@state_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most lines; the newest are kept.")
@_JSON
def list_letters(config: Path | None, limit: int, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001, ANN401 # click passes them so
    """List the letters that wait for somebody, the newest first; with --json all of them, as they lie."""
    from asset_consumer.commands.dlq_tables import list_text  # noqa: PLC0415 # late: `--help` needs no tables
    from asset_consumer.letter_json import summary  # noqa: PLC0415 # see above
    from asset_consumer.letter_reader import newest  # noqa: PLC0415 # see above

    with desk_of(settings_of(config), chosen) as desk:
        reader = desk.reader()
        found = reader.letters(filter_of(chosen))
        if as_json:
            total = 0
            for total, letter in enumerate(found, 1):  # noqa: B007 # the last one counts
                click.echo(json.dumps(summary(letter)))
        else:
            with progress_bar(desk, reader):
                letters, total = newest(found, limit)
            click.echo(list_text(letters, total), nl=False)
        note_others(reader)
    return 0 if total else EXIT_NOTHING


@dlq.command()
@click.argument("id_or_place")
@click.option("--dlq", "dead_letters", multiple=True, metavar="NAME", help="Read this dead-letter topic instead.")
@click.option("--parking", is_flag=True, help="Read the parking topics instead.")
@config_option
@_JSON
def show(id_or_place: str, config: Path | None, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001, ANN401 # click passes them so
    """Print letters whole: those with this asset-bridge.dlq.id, or the one at this place of a dead-letter topic."""
    from asset_consumer.letter_json import whole  # noqa: PLC0415 # late: `--help` needs none of it
    from asset_consumer.letter_text import letter_lines  # noqa: PLC0415 # see above

    count = 0
    with desk_of(settings_of(config), chosen) as desk:
        for count, letter in enumerate(_named(desk.reader(), desk.topics, id_or_place), 1):
            if as_json:
                click.echo(json.dumps(whole(letter)))
            else:
                click.echo("\n".join([*([""] if count > 1 else []), *letter_lines(letter)]))
    if not count:
        click.echo("No letter matches.", err=True)
    return 0 if count else EXIT_NOTHING


@dlq.command()
@letter_options
@state_option
@click.option(
    "--by",
    "by",
    multiple=True,
    type=click.Choice(TRAITS),
    default=("topic", "code", "stage"),
    help="What to count by; topic, code and stage if not given.",
)
@_JSON
def stats(config: Path | None, by: tuple[Trait, ...], as_json: bool, **chosen: Any) -> int:  # noqa: FBT001, ANN401 # click passes them so
    """Count the letters that wait for somebody."""
    from asset_consumer.commands.dlq_tables import counts_text  # noqa: PLC0415 # late: `--help` needs no tables
    from asset_consumer.letter_json import iso  # noqa: PLC0415 # see above
    from asset_consumer.letter_stats import count_letters  # noqa: PLC0415 # see above

    with desk_of(settings_of(config), chosen) as desk:
        reader = desk.reader()
        with progress_bar(desk, reader):
            counts = count_letters(reader.letters(filter_of(chosen)), by)
        if as_json:
            for count in counts:
                told = dict(zip(by, count.traits, strict=True))
                numbers = {"letters": count.letters, "records": count.records}
                click.echo(json.dumps({**told, **numbers, "first": iso(count.first), "last": iso(count.last)}))
        else:
            click.echo(counts_text(counts, by), nl=False)
        note_others(reader)
    return 0 if counts else EXIT_NOTHING


def _named(reader: Any, topics: Iterable[str], name: str) -> Iterable[Letter]:  # noqa: ANN401 # a LetterReader, imported late
    """The letter at a place is looked up; an id must be searched for."""
    parts = name.rsplit("/", 2)
    known = {*topics, *map(parking_topic, topics)}
    if parts[0] in known and len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():  # noqa: PLR2004 # topic, partition, offset
        letter = reader.letter_at(parts[0], int(parts[1]), int(parts[2]))
        return [] if letter is None else [letter]
    return deque(reader.letters(LetterFilter(ids=(name,), states=frozenset())))

"""`asset-bridge keys`: make API keys, and look at those of a file."""

from __future__ import annotations

import json
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asset_consumer.commands.options import config_option, json_option

if TYPE_CHECKING:
    from asset_reporting.api_key_file import ApiKey

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,5})([mhdw])")

_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for others when they are read aloud."""


class _Moment(click.ParamType[datetime]):
    """A time from now, or one with its offset from UTC."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if found := _SPAN.fullmatch(value):
            return (datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})).replace(microsecond=0)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail("is neither like 90d (w, d, h, m) nor like 2027-01-31T00:00:00Z", param, ctx)
        return moment


@click.group()
def keys() -> None:
    """Make API keys for those who post events and for the console, and look at the keys of a file."""


@keys.command()
@json_option
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="What it may do, as often as needed: KIND:PREFIX such as check:warehouse/orders, materialization:* or *:*;"
    " operator or viewer for the console.",
)
@click.option("--expires", type=_Moment(), help="When it ends: 90d, or 2027-01-31T00:00:00Z. Not given: never.")
@click.option("--not-before", type=_Moment(), help="When it begins to count.")
@click.option("--id", "key_id", help="Its public id; NAME and four random characters if not given.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append the entry to this file of keys; it is printed if not given.",
)
def create(  # noqa: PLR0913, PLR0917 # one for each option
    name: str,
    scopes: tuple[str, ...],
    expires: datetime | None,
    not_before: datetime | None,
    key_id: str | None,
    file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make a key for NAME, print it once, and the line to store; the file never holds the key itself.

    NAME is stored with every event that the key reports, as dagster/reporting_user. To exchange a key, make a second
    one of the same name, move its senders, and take the first one's line out: running processes notice by themselves.
    """
    from asset_reporting.api_key_file import InvalidApiKeysError, new_key  # noqa: PLC0415 # late, for `--help`

    try:
        key, entry = new_key(key_id or _id_for(name), name=name, scopes=scopes, expires=expires, not_before=not_before)
        if file is not None:
            _append(file, entry)
    except InvalidApiKeysError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps({"key": key, "entry": json.loads(entry.line())}))
        return
    click.echo(key)
    if file is None:
        click.echo(entry.line())
        click.echo("Give the first line to its user: it is not shown again. The second belongs in the file.", err=True)
    else:
        click.echo(f"It is not shown again; its entry {entry.id} is in {file}.", err=True)


@keys.command("list")
@config_option
@json_option
@click.option("--file", type=click.Path(path_type=Path), help="The file of keys; that of `serve` if not given.")
def list_keys(config: Path | None, file: Path | None, *, as_json: bool) -> None:
    """Print the keys of a file: id, name, what they may do, and whether they count now."""
    from asset_reporting.api_key_file import InvalidApiKeysError, read_keys  # noqa: PLC0415 # late, for `--help`

    try:
        found = read_keys(file or _file_of_settings(config))
    except InvalidApiKeysError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        shown = [{**json.loads(key.model_dump_json(exclude={"sha256"})), "state": _state(key)} for key in found]
        click.echo(json.dumps(shown))
        return
    from rich.table import Table  # noqa: PLC0415 # late: `--help` needs no tables
    from rich.text import Text  # noqa: PLC0415 # see above

    from asset_consumer.commands.table_console import table_console  # noqa: PLC0415 # see above

    table = Table("id", "name", "state", "expires", "scopes", box=None, pad_edge=False)
    for key in found:
        expires = key.expires.isoformat() if key.expires else "never"
        scopes = Text(", ".join(key.scopes) or "none: it may do nothing", overflow="fold")
        table.add_row(key.id, Text(key.name or key.id), _state(key), expires, scopes)
    table_console().print(table)


def _id_for(name: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "key"
    return f"{stem}-{''.join(secrets.choice(_ID_LETTERS) for _ in range(4))}"


def _append(file: Path, entry: ApiKey) -> None:
    """Add a line; to a file that can be used, so that a mistake in it is found now and not by those who serve."""
    from asset_reporting.api_key_file import InvalidApiKeysError, by_id, read_keys  # noqa: PLC0415 # late, for `--help`

    try:
        if file.exists():
            by_id([*read_keys(file), entry])
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "rb+") as stream:
            text = stream.read()
            stream.write(b"\n" * bool(text and not text.endswith(b"\n")) + f"{entry.line()}\n".encode())
    except OSError as error:
        raise InvalidApiKeysError(f"{file}: {error.strerror}") from None


def _file_of_settings(config: Path | None) -> Path:
    from asset_consumer.settings_sources import load_settings  # noqa: PLC0415 # late, for `--help`

    file = load_settings(config, os.environ).http.api_keys_file
    if file is None:
        raise click.UsageError("name a file by --file: ASSET_BRIDGE_HTTP__API_KEYS_FILE is not set")
    return file


def _state(key: ApiKey) -> str:
    now = datetime.now(UTC)
    if key.not_before is not None and now < key.not_before:
        return "not yet valid"
    return "expired" if key.expires is not None and now >= key.expires else "valid"

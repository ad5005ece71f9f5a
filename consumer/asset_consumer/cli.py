"""The command line: what `--help` teaches, which command lives where, and how each end becomes an exit code."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import click

from asset_consumer.__main__ import EXIT_CONFIG
from asset_consumer.one_line import one_line
from asset_consumer.settings_error import SettingsError

_OURS = ("asset_events", "asset_client", "asset_reporting", "asset_consumer")


@dataclass(frozen=True, slots=True)
class _Command:
    help: str
    extra: str


# Here and not in the modules, so that `--help` imports none of them: Dagster alone takes seconds.
_COMMANDS = {
    "dev": _Command("Try it: broker, Dagster, HTTP and consumer in one process, with sample events.", "all"),
    "serve": _Command("Take events by HTTP.", "http"),
    "ui": _Command("Serve the Dagster UI, and take events by HTTP there.", "ui"),
    "consume": _Command("Take events from Kafka.", "kafka"),
    "check": _Command("Look at settings, broker, topics and storage; change nothing.", "kafka"),
    "console": _Command("Show the flow, events and dead letters in a browser, and work the letters.", "console"),
    "offsets": _Command("Show where the consumer group stands, verify it, and reset it.", "kafka"),
    "pause": _Command("Let the consumer group leave topics alone, for a reason.", "kafka"),
    "pauses": _Command("Show what is paused, since when, by whom and why.", "kafka"),
    "resume": _Command("Let the consumer group go on with topics that were paused.", "kafka"),
    "dlq": _Command("Look at dead letters, send them again, or park them.", "kafka"),
    "keys": _Command("Make API keys, and look at those of a file.", "cli"),
    "validate": _Command("Check events in files, stdin or a topic against the contract; record nothing.", "cli"),
    "report": _Command("Report an event, or those of a file, by HTTP or Kafka.", "cli,client"),
    "schema": _Command("Print the contract: JSON Schema, OpenAPI, AsyncAPI.", "cli"),
}

_HELP = """Tell Dagster what happened to assets outside it.

    Events (materialized, checked, observed) come from Kafka topics or by HTTP, are validated, and are recorded in
    Dagster's event log. What cannot be recorded goes to a dead-letter topic, or is answered with an error.

    \b
    First steps:
      asset-bridge dev                     everything on this machine, nothing to set up
      asset-bridge validate events.json    are these events right?
      asset-bridge check                   would serve and consume work with these settings?

    \b
    Settings come from the environment, then from a YAML file (--config FILE):
      ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS=broker:9092   or   kafka: {bootstrap_servers: "broker:9092"}
      DAGSTER_HOME names the Dagster instance, as everywhere in Dagster.

    Exit codes: 0 done, 78 settings or arguments refused (one line per problem on stderr), 1 anything else.
    """


class _LazyGroup(click.Group):
    """Imports a command's module when the command is run, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(f"asset_consumer.commands.{cmd_name}")
        except ModuleNotFoundError as error:
            if str(error.name).startswith(_OURS):
                raise
            needed = f"pip install 'dagster-asset-bridge[{_COMMANDS[cmd_name].extra}]'"
            raise click.UsageError(f"asset-bridge {cmd_name} needs an extra: {needed}.") from error
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{cmd_name} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=list(_COMMANDS), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(cls=_LazyGroup, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dagster-asset-bridge", prog_name="asset-bridge")
def cli() -> None:
    """Everything is in the commands."""


_EVERYTHING = "pip install 'dagster-asset-bridge[all]'"

_MADE_FOR_OPERATORS = {
    "HttpServerError",
    "DeadLetterFatalError",
    "LetterFatesError",
    "OffsetsError",
    "PauseError",
    "StorageAwayError",
    "TopicReaderError",
}
"""Exceptions whose words are ours and hold no value; by name, since their modules take seconds to import."""


def run(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one for each kind of end
    """Run one command line and return its exit code; a command may return its own.

    Whatever goes wrong becomes one line per problem on stderr. What an unforeseen exception says may quote an event, so
    it is shown at log level DEBUG only.
    """
    threading.excepthook = _thread_died
    try:
        result: object = cli.main(args=arguments, prog_name="asset-bridge", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_CONFIG
    except click.ClickException as error:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "asset-bridge"
        return _refuse([f"{error.format_message()} Try '{path} --help'."])
    except SettingsError as error:
        return _refuse(error.problems)
    except click.Abort:
        return _fail("interrupted")
    except ModuleNotFoundError as error:
        if str(error.name).startswith("asset_"):
            return _unforeseen(error)
        return _refuse([f"this command needs an extra that is not installed ({error.name}): {_EVERYTHING}"])
    except Exception as error:  # noqa: BLE001 - the last one who can say it in one line
        return _fail(str(error)) if type(error).__name__ in _MADE_FOR_OPERATORS else _unforeseen(error)
    return result if isinstance(result, int) else 0


def _refuse(problems: Sequence[str]) -> int:
    for problem in problems:
        click.echo(f"asset-bridge: {one_line(problem)}", err=True)
    return EXIT_CONFIG


def _fail(reason: str) -> int:
    click.echo(f"asset-bridge: {one_line(reason)}", err=True)
    return 1


def _unforeseen(error: BaseException) -> int:
    debug = os.environ.get("ASSET_BRIDGE_LOG_LEVEL", "").upper() == "DEBUG"
    if debug or logging.getLogger("asset_bridge").isEnabledFor(logging.DEBUG):
        traceback.print_exception(error)
        return 1
    frames = traceback.extract_tb(error.__traceback__)[::-1]
    ours = [frame for frame in frames if set(_OURS) & set(PurePath(frame.filename).parts)] or frames
    place = f" at {PurePath(ours[0].filename).name}:{ours[0].lineno}" if ours else ""
    hint = "ASSET_BRIDGE_LOG_LEVEL=DEBUG shows the traceback"
    return _fail(f"unexpected {type(error).__name__}{place} ({hint})")


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """Log it like everything else: Python's own hook prints the exception's message."""
    name = died.thread.name if died.thread else "?"
    if died.exc_value is None or isinstance(died.exc_value, SystemExit):
        return
    if logging.root.handlers:
        error = (died.exc_type, died.exc_value, died.exc_traceback)
        logging.getLogger("asset_bridge").critical("a thread died", exc_info=error, extra={"thread_name": name})
    else:
        _unforeseen(died.exc_value)

"""`asset-bridge dlq replay` and `dlq park`: what would be done, and with --apply doing it."""

from __future__ import annotations

import getpass
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asset_consumer.commands.dlq_options import (
    EXIT_NOTHING,
    EXIT_SOME_FAILED,
    a_number,
    desk_of,
    filter_of,
    letter_options,
    note_others,
    settings_of,
)
from asset_consumer.commands.dlq_outcomes import Tally, progress_bar
from asset_consumer.letter_topics import dead_letter_topics

if TYPE_CHECKING:
    from asset_consumer.letter_desk import LetterDesk
    from asset_consumer.letter_patch import Patch
    from asset_consumer.letter_sender import LetterSender
    from asset_consumer.letters import Letter
    from asset_consumer.replay_plan import ReplayPlan, Step
    from asset_consumer.settings import Settings

_DOING = (
    click.option("--apply", is_flag=True, help="Do it; without this nothing is changed."),
    click.option(
        "--all", "everything", is_flag=True, help="With --apply: yes, every open letter; no filter is needed."
    ),
    click.option("--max", "most", type=click.IntRange(1), help="Send so many at most."),
    click.option(
        "--rate",
        type=click.FloatRange(0, 1_000_000, min_open=True),
        callback=a_number,
        help="Send so many a second at most.",
    ),
    click.option(
        "--by", "by", metavar="NAME", help="Who does it, for those who look later; the user's name if not given."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object per line, for scripts."),
)


def _doing(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_DOING):
        command = option(command)
    return letter_options(command)


@click.command()
@_doing
@click.option(
    "--patch", type=click.Path(path_type=Path), metavar="FILE", help="Correct each value by this RFC 6902 patch."
)
@click.option("--unchecked", is_flag=True, help="Send also what consume would refuse again with these settings.")
@click.option(
    "--repartition", is_flag=True, help="Choose the partition by key, when there are more or fewer than before."
)
@click.option("--to-topic", metavar="NAME", help="Send to this topic, not to where it failed.")
@click.option("--time", "time_of", type=click.Choice(["original", "now"]), help="Timestamp of what is sent.")
@click.option(
    "--max-replays", type=click.IntRange(1), default=3, show_default=True, help="Sent again so often: park it."
)
@click.option(
    "--on-failure",
    type=click.Choice(["leave", "park", "stop"]),
    default="leave",
    show_default=True,
    help="What to do with a letter that cannot be sent.",
)
def replay(config: Path | None, apply: bool, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001, ANN401 # click passes them so
    """Send the records of letters again to where they failed, byte for byte, and remember that it was done.

    Without --apply it only says what it would do. What `consume` would refuse again is left, and so is everything that
    came after it began; what was sent again three times is parked.
    """
    settings, patch = settings_of(config), _patch_of(chosen["patch"])
    from asset_consumer.consume import consumer_options  # noqa: PLC0415 # late: `--help` needs no Kafka
    from asset_consumer.letter_judge import refusal  # noqa: PLC0415 # see above
    from asset_consumer.registry_client import open_schema_registry  # noqa: PLC0415 # see above
    from asset_consumer.replay_plan import ReplayOptions, ReplayPlan  # noqa: PLC0415 # see above

    options = ReplayOptions(
        by=_operator(chosen["by"]),
        inputs=_inputs(settings),
        to_topic=_no_dead_letters(settings, chosen["to_topic"]),
        repartition=chosen["repartition"],
        patch=patch,
        max_replays=chosen["max_replays"],
        original_time=(chosen["time_of"] or ("original" if settings.event_time == "record" else "now")) == "original",
        park_failing=chosen["on_failure"] == "park",
    )
    with open_schema_registry(settings) as frames, _sender(settings) as sender:
        check = None if chosen["unchecked"] else partial(refusal, consumer_options(settings), frames=frames)
        plan = ReplayPlan(options, sender.partitions, check)
        return _do(settings, plan, plan.replay, sender, chosen, apply=apply, as_json=as_json)


@click.command()
@_doing
def park(config: Path | None, apply: bool, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001, ANN401 # click passes them so
    """Copy letters as they are to `<their topic>.parking`, and set them aside: they are open no more."""
    settings = settings_of(config)
    from asset_consumer.replay_plan import ReplayOptions, ReplayPlan  # noqa: PLC0415 # late: `--help` needs no Kafka

    with _sender(settings) as sender:
        plan = ReplayPlan(ReplayOptions(_operator(chosen["by"]), _inputs(settings)), sender.partitions, None)
        return _do(settings, plan, plan.park, sender, chosen, apply=apply, as_json=as_json)


def _do(  # noqa: PLR0913 # what the two commands share
    settings: Settings,
    plan: ReplayPlan,
    decide: Callable[[Letter], Step],
    sender: LetterSender,
    chosen: dict[str, Any],
    *,
    apply: bool,
    as_json: bool,
) -> int:
    from asset_consumer.replay import Replay  # noqa: PLC0415 # late: Dagster takes seconds

    wanted = filter_of(chosen)
    if apply and not chosen["everything"] and wanted == type(wanted)():
        raise click.UsageError("say which letters by a filter, or --all")
    tally = Tally(apply=apply, as_json=as_json)
    try:
        with _stoppable() as stop, desk_of(settings, chosen, needs_fates=apply) as desk:
            reader = desk.reader()
            reader.stop = stop
            with progress_bar(desk, reader):
                steps = _at_most(chosen["most"], map(decide, reader.letters(wanted)))
                if not apply:
                    tally.plan(steps)
                elif desk.fates is not None:
                    _forget(settings, desk)
                    on_failure = chosen.get("on_failure", "leave")
                    run = Replay(plan, sender, desk.fates, _operator(chosen["by"]), stop, on_failure, chosen["rate"])
                    tally.take(run.run(steps))
                    tally.stopped = run.stopped
            note_others(reader)
            tally.stopped = tally.stopped or ("told to stop" if stop.is_set() else None)
    except Exception:
        if apply and tally.count:  # whatever ended it: what was sent must be known
            tally.stopped = "by what is told below"
            tally.say()
        raise
    tally.say()
    if tally.stopped or tally.bad:
        return EXIT_SOME_FAILED
    return 0 if tally.count else EXIT_NOTHING


def _forget(settings: Settings, desk: LetterDesk) -> None:
    """Let the table of fates lose what retention has taken from the topics."""
    from asset_consumer.topic_reader import first_offsets  # noqa: PLC0415 # late: `--help` needs no Kafka

    if desk.fates is not None:
        for topic in desk.topics:
            desk.fates.forget(topic, first_offsets(settings, topic))


def _at_most(most: int | None, steps: Iterable[Step]) -> Iterator[Step]:
    """Steps until so many letters are to be sent; those that are left do not count."""
    sent = 0
    for step in steps:
        yield step
        sent += step.outgoing is not None
        if sent == most:
            return


@contextmanager
def _sender(settings: Settings) -> Generator[LetterSender]:
    from asset_consumer.consume import kafka_config, letter_config  # noqa: PLC0415 # late: `--help` needs no Kafka
    from asset_consumer.letter_sender import LetterSender  # noqa: PLC0415 # see above

    kafka_config(settings)  # refuses settings without brokers
    sender = LetterSender(letter_config(settings), settings.kafka.admin_timeout_s)
    try:
        yield sender
    finally:
        sender.close()


@contextmanager
def _stoppable() -> Generator[threading.Event]:
    """Let a signal end the run between two batches: an exception out of a Kafka client loses what it held."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def heard(_number: int, _frame: object) -> None:
        stop.set()

    before = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _inputs(settings: Settings) -> frozenset[str]:
    return frozenset(topic.name for topic in settings.kafka.topics)


def _no_dead_letters(settings: Settings, topic: str | None) -> str | None:
    """Refuse to send records to where letters lie: they would be none there. And an empty name."""
    if topic == "":
        raise click.BadParameter("is empty", param_hint="--to-topic")
    if topic in {name for parking in (False, True) for name in dead_letter_topics(settings, parking=parking)}:
        raise click.BadParameter("is a topic of dead letters", param_hint="--to-topic")
    return topic


def _patch_of(file: Path | None) -> Patch | None:
    if file is None:
        return None
    from asset_consumer.letter_patch import PatchError, load_patch  # noqa: PLC0415 # late: only with --patch

    try:
        return load_patch(file)
    except PatchError as error:
        raise click.BadParameter(str(error), param_hint="--patch") from None


def _operator(name: str | None) -> str:
    try:
        return name or getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return "unknown"

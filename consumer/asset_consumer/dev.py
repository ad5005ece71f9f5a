"""Everything in one process on this machine: embedded broker, Dagster on SQLite, HTTP, consumer, sample events."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_consumer.consume import run_consumer
from asset_consumer.dagster_instance import open_reporting
from asset_consumer.embedded_broker import EmbeddedBroker
from asset_consumer.samples import send_samples
from asset_consumer.serve import STOP_S, start_http
from asset_consumer.settings_kafka import KafkaSettings
from asset_consumer.settings_problems import SettingsError
from asset_consumer.span_export import open_tracing
from asset_reporting.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from asset_consumer.event_lines import EventLines
    from asset_consumer.settings import Settings

SAMPLES_S = 15.0
"""How long to wait for the samples before the hints are printed all the same."""

_DAGSTER_YAML = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens, for the hints."""

    bootstrap_servers: str
    topic: str
    dead_letter_topic: str
    url: str
    ui: str | None


def prepare_home(folder: Path) -> None:
    """Make the folder that keeps Dagster's data between runs, and point DAGSTER_HOME at it."""
    home = folder.absolute() / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)


def run_dev(
    settings: Settings,
    stop: threading.Event,
    lines: EventLines,
    show: Callable[[Addresses], None],
    ui_port: int | None,
) -> None:
    """Run until `stop` is set; `show` is called once the samples have been settled.

    Raises:
        SettingsError: The UI is asked for and not installed.
        HttpServerError: The port is taken.
    """
    with (
        open_tracing(settings),
        EmbeddedBroker() as broker,
        open_reporting(settings, stop) as (reporting, workspace),
    ):
        # The developer's own brokers, policies and open ports are not for trying things out.
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topics=settings.kafka.topics)
        http = settings.http.model_copy(update={"host": "127.0.0.1", "management_port": None})
        settings = settings.model_copy(update={"kafka": kafka, "http": http})
        topic = kafka.topics[0].name
        for name in (topic, kafka.dead_letter_topic_of(topic)):
            broker.create_topic(name)
        server = start_http(settings, reporting, workspace, None)
        url = f"http://{settings.http.host}:{server.port}"
        with _ui(ui_port) as ui:
            addresses = Addresses(broker.bootstrap_servers, topic, kafka.dead_letter_topic_of(topic), url, ui)
            tour = threading.Thread(target=_tour, args=(addresses, stop, lines, show), daemon=True)
            tour.start()
            run_consumer(settings, (reporting, workspace), Health(), stop, lambda _: None)
        server.stop(STOP_S)


def _tour(addresses: Addresses, stop: threading.Event, lines: EventLines, show: Callable[[Addresses], None]) -> None:
    """Send the samples, wait until each has got its line, then show what to try."""
    before = lines.settled
    sent = send_samples(addresses.bootstrap_servers, addresses.topic, addresses.url)
    give_up_at = time.monotonic() + SAMPLES_S
    while lines.settled - before < sent and time.monotonic() < give_up_at:
        if stop.wait(0.1):
            return
    show(addresses)


@contextlib.contextmanager
def _ui(port: int | None) -> Generator[str | None]:
    """Run the real Dagster UI on the same instance, in a process of its own."""
    if port is None:
        yield None
        return
    if importlib.util.find_spec("dagster_webserver") is None:
        raise SettingsError(["--ui needs an extra: pip install 'dagster-asset-bridge[ui]'"])
    command = [sys.executable, "-m", "dagster_webserver", "--empty-workspace", "-h", "127.0.0.1", "-p", str(port)]
    # A process group of its own: Ctrl-C ends us, and we end it, so that it is still there while we finish.
    process = subprocess.Popen(  # noqa: S603 # our own interpreter, nothing from outside
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)

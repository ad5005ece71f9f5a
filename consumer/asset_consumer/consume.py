"""The Kafka service: check the topics, then consume until told to stop."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException

from asset_consumer.budget import DeadLetterBudget
from asset_consumer.client import consumer_config, producer_config
from asset_consumer.dagster_instance import open_reporting
from asset_consumer.dead_letter_producer import DeadLetterProducer
from asset_consumer.in_band import is_unsupported
from asset_consumer.loop import ConsumerLoop
from asset_consumer.options import ConsumerOptions
from asset_consumer.registry_client import open_schema_registry
from asset_consumer.renewal import UntilRenewed
from asset_consumer.settings_problems import SettingsError
from asset_consumer.settle import Road
from asset_consumer.span_export import open_tracing
from asset_consumer.stopping import Stopped
from asset_consumer.topic_check import wait_for_topics
from asset_reporting.app import create_management_app
from asset_reporting.health import Health
from asset_reporting.pause_store import PauseStore
from asset_reporting.recorders import recorder_facts
from asset_reporting.scopes import parse_scopes
from asset_reporting.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster._core.workspace.context import WorkspaceProcessContext

    from asset_consumer.settings import Settings
    from asset_reporting.handlers import ReportingContext

APP = f"dagster-asset-bridge/{version('dagster-asset-bridge')}"

BEAT_MARGIN_S = 30.0
"""Added to `max.poll.interval.ms` (ops: stale after that and half a minute): one slow batch is not a dead loop."""

READY_LOOK_S = 0.1

_NO_SUCH_PROTOCOL = (
    "ASSET_BRIDGE_KAFKA__GROUP_PROTOCOL (kafka.group_protocol): the brokers do not serve the group protocol consumer,"
    " which Apache Kafka has from 4.0 on where it is not switched off. Set it to classic."
)


def consume(settings: Settings, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Consume until `stop` is set; `ready` is called once, when records flow.

    Raises:
        SettingsError: The brokers are not named, or do not serve the group protocol; or the topics cannot be used.
    """
    config = kafka_config(settings)
    health = Health(max_beat_age_s=float(config["max.poll.interval.ms"]) / 1000 + BEAT_MARGIN_S)
    health.set("started", ok=False, reason="starting")
    health.set("assignment", ok=False, reason="the group has not assigned partitions yet")
    management = HttpServer(create_management_app(health), settings.management.host, settings.management.port)
    management.start()
    try:
        with open_tracing(settings), open_reporting(settings, stop) as opened:
            wait_for_topics(settings, health, stop)
            run_consumer(settings, opened, health, stop, ready)
    except Stopped:
        pass
    finally:
        management.stop(1.0)


def run_consumer(
    settings: Settings,
    opened: tuple[ReportingContext, WorkspaceProcessContext],
    health: Health,
    stop: threading.Event,
    ready: Callable[[str], None],
) -> None:
    """Run the loop with an instance that is open and topics that can be used."""
    reporting, workspace = opened
    health.note("recorder", recorder_facts(reporting.recorder))
    with open_schema_registry(settings) as frames:
        options, budget, pauses = consumer_options(settings), DeadLetterBudget(), PauseStore(workspace.instance)
        until = UntilRenewed(stop, settings)
        health.set("started", ok=True)
        threading.Thread(target=_say_ready, args=(settings, health, stop, ready), daemon=True).start()
        while not stop.is_set():
            road = Road(options, reporting, dead_letter_producer(until.take_up()), budget, frames, pauses.read)
            try:
                ConsumerLoop(kafka_config(until.settings), road, health).run(until)
            except KafkaException as error:
                if settings.kafka.group_protocol == "consumer" and is_unsupported(error.args[0]):
                    raise SettingsError([_NO_SUCH_PROTOCOL]) from error
                raise
            finally:
                road.dead_letters.close(1.0)


def consumer_options(settings: Settings) -> ConsumerOptions:
    """The loop's options, from the settings."""
    kafka = settings.kafka
    return ConsumerOptions(
        topics={topic.name: topic.event_type for topic in kafka.topics},
        group_id=kafka.group_id,
        dead_letter_topics={topic.name: kafka.dead_letter_topic_of(topic.name) for topic in kafka.topics},
        batch_max_records=kafka.batch_max_records,
        start=kafka.start,
        out_of_range=kafka.out_of_range,
        unknown_fields=settings.unknown_fields,
        max_event_bytes=settings.max_event_bytes,
        provenance=kafka.provenance,
        event_time_from_record=settings.event_time == "record",
        schema_registry=kafka.schema_registry.url is not None,
        run_event_topics=frozenset(topic.name for topic in kafka.topics if topic.format == "openlineage"),
        scopes={topic.name: parse_scopes(topic.scopes) for topic in kafka.topics if topic.scopes is not None},
        lineage=settings.lineage.rules_of(),
    )


def kafka_config(settings: Settings) -> dict[str, Any]:
    """The consumer's librdkafka configuration, from the settings.

    Raises:
        SettingsError: The brokers are not named.
    """
    kafka = settings.kafka
    if kafka.bootstrap_servers is None:
        raise SettingsError(["ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS (kafka.bootstrap_servers): is needed by consume"])
    return consumer_config(
        bootstrap_servers=kafka.bootstrap_servers,
        group_id=kafka.group_id,
        group_protocol=kafka.group_protocol,
        client_id=kafka.client_id,
        passthrough=kafka.librdkafka_plain(),
    )


def letter_config(settings: Settings) -> dict[str, Any]:
    """The librdkafka configuration of whoever writes dead letters or sends them again, from the settings."""
    kafka = settings.kafka
    return producer_config(
        bootstrap_servers=kafka.bootstrap_servers or "",
        client_id=kafka.client_id,
        passthrough=kafka.librdkafka_plain(),
    )


def dead_letter_producer(settings: Settings) -> DeadLetterProducer:
    """The producer of dead letters, from the settings."""
    kafka = settings.kafka
    config = letter_config(settings)
    return DeadLetterProducer(config, group=kafka.group_id, app=APP, connect=kafka.connect_error_headers)


def _say_ready(settings: Settings, health: Health, stop: threading.Event, ready: Callable[[str], None]) -> None:
    while not health.ready:
        if stop.wait(READY_LOOK_S):
            return
    topics = ", ".join(topic.name for topic in settings.kafka.topics)
    ready(f"group {settings.kafka.group_id} consumes {topics}")

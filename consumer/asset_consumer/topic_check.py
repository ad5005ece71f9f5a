"""The start-up check of the topics: refuse what would lose dead letters, wait for brokers that are not there yet."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from asset_consumer.backoff import held
from asset_consumer.client import admin_config, consumer_config, producer_config
from asset_consumer.kafka_clients import AdminClient, Consumer, Producer
from asset_consumer.kafka_trouble import why_refused
from asset_consumer.msk_iam import TokenError
from asset_consumer.rights import right_problems
from asset_consumer.settings_problems import SettingsError
from asset_consumer.stopping import Stopped
from asset_consumer.topics import BrokersUnavailableError, Problem, describe, problems

if TYPE_CHECKING:
    import threading

    from asset_consumer.settings import Settings
    from asset_reporting.health import Health

_log = logging.getLogger("asset_bridge.consumer")


def topic_problems(settings: Settings) -> list[Problem]:
    """Ask the brokers about every input topic and its dead-letter topic.

    Raises:
        BrokersUnavailableError: Nothing is known now; asking again may help.
    """
    kafka = settings.kafka
    _ask_for_a_token(settings)
    check_clients(settings)
    config = admin_config(
        bootstrap_servers=kafka.bootstrap_servers or "",
        client_id=kafka.client_id,
        passthrough=kafka.librdkafka_plain(),
    )
    heard: list[KafkaError] = []
    config["error_cb"] = heard.append
    admin = AdminClient(config)
    pairs = [(topic.name, kafka.dead_letter_topic_of(topic.name)) for topic in kafka.topics]
    try:
        facts = describe(admin, [name for pair in pairs for name in pair], kafka.admin_timeout_s)
    except BrokersUnavailableError:
        if (why := why_refused(heard, config)) is not None:
            raise BrokersUnavailableError(why) from None
        raise
    found = problems([(facts[source], facts[dead]) for source, dead in pairs])
    there = {name for name, fact in facts.items() if fact.error is None}
    inputs, letters = ({name for name in names if name in there} for names in zip(*pairs, strict=True))
    return [*right_problems(admin, inputs, letters, kafka.group_id, kafka.admin_timeout_s), *found]


def _ask_for_a_token(settings: Settings) -> None:
    """Know of missing credentials by their own words: a client that is made without a token says how long it waited."""
    tokens = settings.kafka.librdkafka_plain().get("oauth_cb")
    if tokens is not None:
        try:
            tokens("")
        except TokenError as error:
            raise BrokersUnavailableError(str(error)) from None


def check_clients(settings: Settings) -> None:
    """Build each Kafka client once, without connecting: librdkafka refuses unknown properties and bad values so.

    Raises:
        SettingsError: A property is refused; librdkafka's words name it, and repeat no value.
    """
    kafka = settings.kafka
    brokers, passthrough = kafka.bootstrap_servers or "", kafka.librdkafka_plain()
    try:
        AdminClient(admin_config(bootstrap_servers=brokers, passthrough=passthrough))
        Producer(producer_config(bootstrap_servers=brokers, passthrough=passthrough)).close()
        Consumer(
            consumer_config(
                bootstrap_servers=brokers,
                group_id=kafka.group_id,
                group_protocol=kafka.group_protocol,
                passthrough=passthrough,
            )
        ).close()
    except KafkaException as error:
        raise SettingsError([f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA (kafka.librdkafka): {error.args[0].str()}"]) from None


def wait_for_topics(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Return once the topics have been seen and can be used; what is only worth knowing is logged.

    Raises:
        SettingsError: The topics cannot be used as they are; one sentence per problem.
        Stopped: `stop` was set while the brokers did not answer.
    """
    found = _ask_until_answered(settings, health, stop)
    refusals = [f"{problem.code}: {problem.message}" for problem in found if problem.refuses]
    if refusals:
        raise SettingsError(refusals)
    for problem in found:
        _log.warning(problem.message, extra={"happening": "topic_remark", "code": problem.code})


def _ask_until_answered(settings: Settings, health: Health, stop: threading.Event) -> list[Problem]:
    waiting = held("")
    while True:
        try:
            return topic_problems(settings)
        except BrokersUnavailableError as error:
            if not waiting.reason:
                _log.warning("Waiting for Kafka: %s.", error, extra={"happening": "waiting_for_brokers"})
            waiting.again(str(error))
            health.set("broker", ok=False, reason=str(error))
        while not waiting.due:
            if stop.wait(0.1):
                raise Stopped

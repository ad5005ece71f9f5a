"""The librdkafka producer behind the reporters: its properties, and how it begins and ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

_DEFAULTS: Final[Mapping[str, Any]] = {
    "client.id": "asset-bridge-client",
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java's producers do; librdkafka's default would send keys elsewhere
    "message.max.bytes": 100_000_000,  # the topic's own limit decides
    # Errors are raised; librdkafka would log one line for each of its many attempts to connect.
    "log_level": 2,
    "logger": logging.getLogger("asset_client.librdkafka"),
}

_OURS: Final = {
    "bootstrap.servers", "metadata.broker.list", "acks", "request.required.acks", "enable.idempotence",
    "enable.gapless.guarantee", "transactional.id", "message.timeout.ms", "delivery.timeout.ms",
    "delivery.report.only.error", "allow.auto.create.topics", "error_cb",
}  # fmt: skip
"""Properties that acknowledgement within the deadline rests on."""


def producer_config(librdkafka: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults under what the caller passes through, under what the promises rest on.

    Raises:
        ValueError: The caller gives one of those.
    """
    if refused := sorted(_OURS & librdkafka.keys()):
        raise ValueError(f"These librdkafka properties are the reporter's own: {', '.join(refused)}.")
    promised = {"acks": "all", "enable.idempotence": True, "allow.auto.create.topics": False}
    return {**_DEFAULTS, **librdkafka, **promised, **ours}


def open_producer(config: Mapping[str, Any]) -> Producer:
    """Make a producer; what librdkafka says of a property it refuses quotes the value, and is not repeated."""
    try:
        return Producer(dict(config))
    except (KafkaException, TypeError) as error:
        name = re.search(r'property:? "?([a-z0-9._]+)', str(error))
        problem = f"librdkafka refuses the property {name.group(1)}." if name else "librdkafka refuses the properties."
    raise ValueError(problem)


def let_go(producer: Producer) -> None:
    """Drop what is under way, tell it as failed, and close."""
    for step in (producer.purge, partial(producer.flush, 1.0), producer.close):
        with suppress(KafkaException):  # a fatal producer says so again at every step, and closes all the same
            step()

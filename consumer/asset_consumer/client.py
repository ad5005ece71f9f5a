"""The librdkafka configurations of the three Kafka clients: consumer, dead-letter producer, admin. Pure functions."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from asset_consumer.librdkafka import GroupProtocol

Config: TypeAlias = dict[str, Any]

LOGGER: Final = logging.getLogger("asset_bridge.librdkafka")
"""Where librdkafka's own log lines go, once a client is polled."""

REPEAT_S: Final = 60.0
"""Seconds in which librdkafka says one kind of thing once: it repeats itself at every attempt to connect."""


class _OncePerMinute(logging.Filter):
    """Lets one line of each kind and client through a minute, as a warning: librdkafka tries again by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide on one line; a fatal error is always told."""
        if record.levelno >= logging.CRITICAL:
            return True
        kind, now = " ".join(record.getMessage().split(" ", 2)[:2]), time.monotonic()  # `FAIL [client#consumer-1]`
        if now - self._said.get(kind, -REPEAT_S) < REPEAT_S:
            return False
        self._said[kind] = now
        record.levelno, record.levelname = min(record.levelno, logging.WARNING), "WARNING"
        return True


LOGGER.addFilter(_OncePerMinute())

ALIASES: Final = {
    "metadata.broker.list": "bootstrap.servers",
    "auto.commit.enable": "enable.auto.commit",
    "max.partition.fetch.bytes": "fetch.message.max.bytes",
    "request.required.acks": "acks",
    "delivery.timeout.ms": "message.timeout.ms",
    "queue.buffering.max.ms": "linger.ms",
    "message.send.max.retries": "retries",
    "compression.codec": "compression.type",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
}
"""Second names of properties (librdkafka 2.16, CONFIGURATION.md). Of two names the later one would win."""

CONSUMER_ONLY: Final = frozenset({
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "consume.callback.max.messages",
    "coordinator.query.interval.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.poll.interval.ms",
    "max.poll.records",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
    "share.acknowledgement.mode",
})  # fmt: skip
"""Properties that a producer would warn about (the column C/P of CONFIGURATION.md says C)."""

PRODUCER_ONLY: Final = frozenset({
    "acks",
    "batch.num.messages",
    "batch.size",
    "compression.level",
    "compression.type",
    "delivery.report.only.error",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "linger.ms",
    "message.timeout.ms",
    "partitioner",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queuing.strategy",
    "request.timeout.ms",
    "retries",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
    "transactional.id",
})  # fmt: skip
"""Properties that a consumer would warn about."""

_CONSUMER_DEFAULTS: Final[Config] = {
    "max.poll.interval.ms": 300_000,
    # A pause throws the prefetched records away: the default of 64 MB would be fetched again at every hold.
    "queued.max.messages.kbytes": 16_384,
    "topic.metadata.refresh.interval.ms": 60_000,
    # What brokers are connected, how far, how well: exported as metrics.
    "statistics.interval.ms": 5_000,
}
_CONSUMER_OURS: Final[Config] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # where to begin is decided by our own policy, never by the client's
    "isolation.level": "read_committed",
    # Behind a log's last record there may be markers of transactions: the lag counts what is left, and must know.
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
}
_GROUP_DEFAULTS: Final[Mapping[GroupProtocol, Config]] = {"classic": {"session.timeout.ms": 45_000}, "consumer": {}}
_GROUP_OURS: Final[Mapping[GroupProtocol, Config]] = {
    # Written out, since librdkafka has announced another default.
    "classic": {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},  # the brokers divide the partitions, and always cooperatively
}
_PRODUCER_DEFAULTS: Final[Config] = {
    "message.timeout.ms": 30_000,
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java's producers do; librdkafka's default would send keys elsewhere
    # The topic's own limit decides: librdkafka's default lies below a broker's, and would refuse what that takes.
    "message.max.bytes": 100_000_000,
}
_PRODUCER_OURS: Final[Config] = {
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,  # a producer's default is to create what it cannot find
}


def consumer_config(
    *,
    bootstrap_servers: str,
    group_id: str,
    group_protocol: GroupProtocol = "classic",
    client_id: str = "asset-bridge",
    passthrough: Mapping[str, Any] | None = None,
) -> Config:
    """Configure the consumer: it commits nothing by itself, and decides nothing about offsets."""
    group = {"group.id": group_id, **_GROUP_OURS[group_protocol]}
    ours = {**_common(bootstrap_servers, client_id), **group, **_CONSUMER_OURS}
    defaults = {**_CONSUMER_DEFAULTS, **_GROUP_DEFAULTS[group_protocol]}
    return _layers(defaults, passthrough, ours, foreign=PRODUCER_ONLY)


def producer_config(
    *, bootstrap_servers: str, client_id: str = "asset-bridge", passthrough: Mapping[str, Any] | None = None
) -> Config:
    """Configure the dead-letter producer: every letter is acknowledged by all in-sync replicas, and written once."""
    ours = {**_common(bootstrap_servers, client_id), **_PRODUCER_OURS}
    return _layers(_PRODUCER_DEFAULTS, passthrough, ours, foreign=CONSUMER_ONLY)


def admin_config(
    *, bootstrap_servers: str, client_id: str = "asset-bridge", passthrough: Mapping[str, Any] | None = None
) -> Config:
    """Configure the client that asks about topics; it creates none by asking."""
    ours = {**_common(bootstrap_servers, client_id), "allow.auto.create.topics": False}
    return _layers({}, passthrough, ours, foreign=CONSUMER_ONLY | PRODUCER_ONLY)


def _common(bootstrap_servers: str, client_id: str) -> Config:
    return {"bootstrap.servers": bootstrap_servers, "client.id": client_id, "logger": LOGGER}


def _layers(
    defaults: Config, passthrough: Mapping[str, Any] | None, ours: Config, *, foreign: frozenset[str]
) -> Config:
    """Defaults under what the operator passes through, under what the promises rest on."""
    given = {ALIASES.get(name, name): value for name, value in (passthrough or {}).items()}
    return {**defaults, **{name: value for name, value in given.items() if name not in foreign}, **ours}

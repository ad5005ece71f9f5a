"""Which librdkafka properties a setting may pass through, which are ours alone and why, and which hold secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

PropertyValue: TypeAlias = str | SecretStr
"""A property's value; a secret's stays masked in every repr, str and dump."""


class FromFile(str):
    """A secret that knows its file, so that a client can follow it there; as a string it shows itself as any does."""

    path: Path

    __slots__ = ("path",)

    def __new__(cls, path: Path) -> Self:
        """Read it, without the line end an editor leaves; raises as `Path.read_text` does."""
        text = super().__new__(cls, path.read_text("utf-8").strip())
        text.path = path
        return text

    def again(self) -> FromFile:
        """What the file says now."""
        return FromFile(self.path)


GroupProtocol: TypeAlias = Literal["classic", "consumer"]
"""Who divides the partitions of a group: one of its members, or the brokers (KIP-848)."""

MIN_MAX_POLL_INTERVAL_MS = 60_000
"""Least `max.poll.interval.ms`: a shorter one throws a slow but healthy consumer out of its group."""

_SECRET = re.compile(r"password|secret|key|token|jaas|oauthbearer\.config|\.pem$")
_UNDERSCORED = {"log.level": "log_level"}

_OFFSETS = "offsets move only after their events are recorded or dead-lettered"
_SETTING = "it has a setting of its own: {}"
_REBALANCE = "partitions must move cooperatively, or a rebalance would stop every consumer of the group"
_ACKNOWLEDGED = "a dead letter must be acknowledged by all in-sync replicas, and written once, before its offset moves"
_STATIC = "two consumers with one instance id fence each other off, and a stopped one keeps its partitions idle"
_CODE = "it takes a function, which a setting cannot hold"

OURS: Mapping[str, str] = {
    "bootstrap.servers": _SETTING.format("kafka.bootstrap_servers"),
    "metadata.broker.list": _SETTING.format("kafka.bootstrap_servers"),
    "client.id": _SETTING.format("kafka.client_id"),
    "group.id": _SETTING.format("kafka.group_id"),
    "auto.offset.reset": _SETTING.format("kafka.start, and kafka.out_of_range"),
    "enable.auto.commit": _OFFSETS,
    "auto.commit.enable": _OFFSETS,
    "auto.commit.interval.ms": _OFFSETS,
    "enable.auto.offset.store": _OFFSETS,
    "offset.store.method": _OFFSETS,
    "offset.store.path": _OFFSETS,
    "isolation.level": "events of aborted transactions would be recorded",
    "enable.partition.eof": "the lag would count the markers of transactions, and an idle topic seem to wait",
    "partition.assignment.strategy": _REBALANCE,
    "group.protocol": _SETTING.format("kafka.group_protocol"),
    "group.protocol.type": "there is one type only",
    "group.remote.assignor": "the brokers' own choice is taken (group.consumer.assignors)",
    "group.instance.id": _STATIC,
    "allow.auto.create.topics": "a mistyped topic would be created instead of refused",
    "acks": _ACKNOWLEDGED,
    "request.required.acks": _ACKNOWLEDGED,
    "enable.idempotence": _ACKNOWLEDGED,
    "enable.gapless.guarantee": _ACKNOWLEDGED,
    "transactional.id": "dead letters are not written in Kafka transactions",
    "delivery.report.only.error": "a delivered dead letter would never be reported as delivered",
    "default.topic.config": "name the topic properties themselves",
    "error_cb": _CODE,
    "logger": _CODE,
    "opaque": _CODE,
    "enabled_events": "it is librdkafka's own switch for other languages",
}
"""Properties that no setting may pass through, and why; listed in `docs/settings.md`."""

THE_BROKERS: Mapping[str, str] = {
    "session.timeout.ms": "group.consumer.session.timeout.ms",
    "heartbeat.interval.ms": "group.consumer.heartbeat.interval.ms",
}
"""What the brokers decide with the group protocol `consumer`, by a setting of theirs; librdkafka refuses its own."""


def property_name(variable_part: str) -> str:
    """The property that the last part of an environment variable's name stands for: `fetch_min_bytes` as written.

    Lossless, because `log_level` is the only settable property whose real name has an underscore.
    """
    dotted = variable_part.lower().replace("_", ".")
    return _UNDERSCORED.get(dotted, dotted)


def as_text(value: object) -> object:
    """Let YAML say `1024` or `false` where librdkafka takes text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str | SecretStr):
        raise PydanticCustomError("text", "must be text, a number, true or false")
    return value


def check_property(name: str) -> str:
    """Refuse a property that the promises rest on, with the reason."""
    dotted = name.replace("_", ".")
    reason = OURS.get(name) or OURS.get(dotted) or (_CODE if dotted.endswith(".cb") else None)
    if reason is not None:
        raise PydanticCustomError("refused", "is not taken: {reason}", {"reason": reason})
    return name


def mask_secret(name: str, value: PropertyValue) -> PropertyValue:
    """Wrap the value of a property whose name tells that it is a secret."""
    return SecretStr(value) if isinstance(value, str) and _SECRET.search(name) else value


def plain(properties: Mapping[str, PropertyValue]) -> dict[str, str]:
    """The properties as a Kafka client takes them, secrets unmasked: never log or dump what this returns."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in properties.items()
    }


def check_secret(name: str) -> str:
    """Refuse to read a property from a file that is no secret, so that only one place says what it is."""
    if not _SECRET.search(name):
        raise PydanticCustomError("refused", "is no secret: set it in kafka.librdkafka")
    return name


def check_together(
    properties: Mapping[str, PropertyValue], files: Mapping[str, object], *, group_protocol: GroupProtocol
) -> None:
    """Refuse combinations that librdkafka accepts in silence and that then do something else than they say.

    `files` holds the properties whose value comes from a file. How the brokers are reached is `kafka_security`'s.
    """
    given = plain(properties)
    protocol = given.get("security.protocol", "plaintext").lower()
    for name in sorted({*given, *files}):
        at = ("librdkafka_files" if name in files else "librdkafka", name)
        if name in given and name in files:
            raise PydanticCustomError("refused", "is given twice: in librdkafka and in librdkafka_files", {"at": at})
        if name.startswith("sasl.") and not protocol.startswith("sasl_"):
            raise _ignored(at, "authentication", "sasl_ssl")
        if name.startswith("ssl.") and not protocol.endswith("ssl"):
            raise _ignored(at, "encryption", "ssl or sasl_ssl")
        if name in THE_BROKERS and group_protocol == "consumer":
            text = "is not taken with the group protocol consumer: the brokers decide it ({theirs})"
            raise PydanticCustomError("refused", text, {"at": at, "theirs": THE_BROKERS[name]})
    interval = given.get("max.poll.interval.ms", str(MIN_MAX_POLL_INTERVAL_MS))
    if not interval.isdecimal() or int(interval) < MIN_MAX_POLL_INTERVAL_MS:
        text = "must be a number of at least {least}: less throws a slow but healthy consumer out of its group"
        at = ("librdkafka", "max.poll.interval.ms")
        raise PydanticCustomError("refused", text, {"at": at, "least": MIN_MAX_POLL_INTERVAL_MS})


def _ignored(at: tuple[str, str], what: str, protocol: str) -> PydanticCustomError:
    text = "would be ignored, and the connection made without {what}: also set security.protocol to {protocol}"
    return PydanticCustomError("refused", text, {"at": at, "what": what, "protocol": protocol})

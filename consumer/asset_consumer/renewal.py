"""Certificates and secrets that a Kafka client reads once, when it is made: a change on disk asks for a new client."""

from __future__ import annotations

import logging
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import SecretStr

from asset_consumer.librdkafka import FromFile, PropertyValue
from asset_consumer.settings_problems import SettingsError
from asset_consumer.topic_check import check_clients

if TYPE_CHECKING:
    from asset_consumer.settings import KafkaSettings, Settings

_log = logging.getLogger("asset_bridge.consumer")

LOOK_EVERY_S: Final = 5.0

_FOLLOWED: Final = "sasl.password"
"""The one that a client that is there takes up (`kafka_clients`)."""

_Seen: TypeAlias = dict[str, bytes]


class UntilRenewed(threading.Event):
    """`stop`; set as well while the files say something else than `settings` do, which `take_up` ends.

    Looked at by one thread, at each turn of its loop.
    """

    def __init__(self, stop: threading.Event, settings: Settings) -> None:
        """Take the settings with which the clients are made."""
        super().__init__()
        self.settings = settings
        self._stop = stop
        self._used = self._seen = _look(settings.kafka)
        self._renewed: Settings | None = None
        self._looked_at = time.monotonic()

    def is_set(self) -> bool:
        """Whether to stop, or to begin anew."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._look()
        return self._stop.is_set() or self._renewed is not None

    def take_up(self) -> Settings:
        """The settings as the files have them now."""
        if self._renewed is not None:
            self.settings, self._renewed, self._used = self._renewed, None, self._seen
            _log.info(
                "Renewed certificates or secrets of Kafka are in use.", extra={"happening": "kafka_files_renewed"}
            )
        return self.settings

    def _look(self) -> None:
        """Twice the same, so that certificate and key, which are written one after the other, are both there."""
        seen, before = _look(self.settings.kafka), self._seen
        self._seen = seen
        if seen == before and seen != self._used:
            try:
                renewed = self.settings.model_copy(update={"kafka": _renewed(self.settings.kafka)})
            except (OSError, UnicodeDecodeError):
                return  # away for a moment: looked at again
            self._used = seen  # whether or not it can be used: it is tried, and told, once
            try:
                check_clients(renewed)
            except SettingsError as error:
                happening = {"happening": "kafka_files_refused"}
                _log.warning("%s The files in use stay.", error.problems[0], extra=happening)
            else:
                self._renewed = renewed


def _look(kafka: KafkaSettings) -> _Seen:
    """Digests of what the files say; one that is away for a moment is as it was."""
    seen: _Seen = {}
    for name, value in kafka.librdkafka.items():
        path = _file(name, value)
        if path is not None:
            try:
                seen[name] = sha256(path.read_bytes()).digest()
            except OSError:
                seen[name] = b""
    return seen


def _file(name: str, value: PropertyValue) -> Path | None:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(plain, FromFile):
        return None if name == _FOLLOWED else plain.path
    return Path(plain) if name.startswith("ssl.") and name.endswith(".location") else None


def _renewed(kafka: KafkaSettings) -> KafkaSettings:
    """The same, with secrets as their files say them now; the files of certificates are read by the client."""
    fresh: dict[str, PropertyValue] = {}
    for name, value in kafka.librdkafka.items():
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        fresh[name] = SecretStr(plain.again()) if isinstance(plain, FromFile) else value
    return kafka.model_copy(update={"librdkafka": fresh})

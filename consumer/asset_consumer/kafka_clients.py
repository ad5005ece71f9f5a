"""Kafka's three clients, whose password may change: what its file says now is taken up without a restart.

Existing connections stay as they are; the password counts at the next one. Nobody else in this package makes a client.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Final, Protocol

import confluent_kafka
import confluent_kafka.admin

from asset_consumer.librdkafka import FromFile

_log = logging.getLogger("asset_bridge.consumer")

LOOK_EVERY_S: Final = 5.0
"""How often the files of passwords are read."""


class _Client(Protocol):
    def set_sasl_credentials(self, username: str, password: str) -> None: ...


class _Login:
    """Whose password is followed; one whose password came from no file is never renewed."""

    def __init__(self, client: _Client, config: Mapping[str, Any]) -> None:
        password = config.get("sasl.password")
        self._client = weakref.ref(client)
        self._username = str(config.get("sasl.username", ""))
        self._password = password if isinstance(password, FromFile) else None
        self._lock = threading.Lock()
        if self._password is not None:
            _WATCH.add(self)

    def end(self) -> None:
        """Leave the client alone from now on: one that is closing must not be called from another thread."""
        with self._lock:
            self._password = None

    def renew(self) -> str | None:
        """Give the client its password as the file says it now; the file's name when it is a new one."""
        with self._lock:
            client, password = self._client(), self._password
            if client is None or password is None:
                return None
            try:
                current = password.again()
            except (OSError, UnicodeDecodeError):
                return None  # as between two steps of a replacement; the old one is still held
            if not current or current == password:
                return None
            client.set_sasl_credentials(self._username, str(current))
            self._password = current
            return str(password.path)


class _Watch:
    """One thread for all clients of the process; there is none where no password comes from a file."""

    def __init__(self) -> None:
        self._logins = weakref.WeakSet[_Login]()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, login: _Login) -> None:
        with self._lock:
            self._logins.add(login)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kafka-password", daemon=True)
                self._thread.start()

    def look(self) -> None:
        with self._lock:
            logins = list(self._logins)
        for file in {login.renew() for login in logins} - {None}:
            _log.info("The renewed Kafka password of %s is in use.", file, extra={"happening": "password_renewed"})

    def _run(self) -> None:
        stopped = threading.Event()
        while not stopped.wait(LOOK_EVERY_S):
            self.look()


_WATCH: Final = _Watch()


class Consumer(confluent_kafka.Consumer):
    """Kafka's consumer."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take librdkafka's properties and callbacks."""
        super().__init__(dict(config))
        self._login = _Login(self, config)

    def close(self) -> None:
        """Leave the group."""
        self._login.end()
        super().close()


class Producer(confluent_kafka.Producer):
    """Kafka's producer."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take librdkafka's properties and callbacks."""
        super().__init__(dict(config))
        self._login = _Login(self, config)

    def close(self) -> bool:
        """Let go of the connections."""
        self._login.end()
        return super().close()


class AdminClient(confluent_kafka.admin.AdminClient):
    """Kafka's client for questions."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take librdkafka's properties and callbacks."""
        super().__init__(dict(config))
        self._login = _Login(self, config)

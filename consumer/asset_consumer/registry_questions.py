"""Ask the schema registry, and tell an answer from an outage: no other part of the consumer hears of its HTTP."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka.schema_registry import SchemaRegistryError

from asset_consumer.framed import RegistryUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from confluent_kafka.schema_registry import RegisteredSchema, Schema, SchemaRegistryClient

T = TypeVar("T")

QUIET_S = 1.0
"""How long after a failure nothing new is asked: each of many partitions would wait out the timeout by itself."""

_CREDENTIALS = {401, 403}


class UnknownSchemaError(Exception):
    """Raised when the registry answers that it has no such schema."""


class RegistryQuestions:
    """What confluent-kafka's deserialisers ask of a `SchemaRegistryClient`, with two kinds of failure."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        """Take a client that does not retry by itself; it keeps what it has learnt."""
        self._client = client
        self._answered: set[Hashable] = set()
        self._quiet_until = 0.0
        self._reason = ""

    def get_schema(self, schema_id: int, subject: str | None = None, fmt: str | None = None) -> Schema:
        """The schema of this id."""
        return self._ask(("id", schema_id, subject, fmt), lambda: self._client.get_schema(schema_id, subject, fmt))

    def get_schema_by_guid(self, guid: str, fmt: str | None = None) -> Schema:
        """The schema of this GUID."""
        return self._ask(("guid", guid, fmt), lambda: self._client.get_schema_by_guid(guid, fmt))

    def get_version(self, subject: str, version: int, *form: Any) -> RegisteredSchema:  # noqa: ANN401 # passed on
        """A schema that another one refers to."""
        key = ("version", subject, version, *form)
        return self._ask(key, lambda: self._client.get_version(subject, version, *form))

    def config(self) -> dict[str, Any]:
        """What the rules of a schema would be told; none is installed here."""
        return {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, key: Hashable, question: Callable[[], T]) -> T:
        """Ask, or take what the client remembers.

        Raises:
            UnknownSchemaError: It has no such schema.
            RegistryUnavailableError: It gives no usable answer.
        """
        if key not in self._answered and time.monotonic() < self._quiet_until:
            raise RegistryUnavailableError(self._reason)
        try:
            answer = question()
        except Exception as error:  # noqa: BLE001 # whatever it is, it is not the record's fault
            if _is_unknown(error):
                raise UnknownSchemaError from None
            self._reason, self._quiet_until = f"registry: {_told(error)}", time.monotonic() + QUIET_S
            raise RegistryUnavailableError(self._reason) from None
        self._answered.add(key)
        return answer


def _is_unknown(error: Exception) -> bool:
    """Whether the registry itself says so (40401 and the like): any web server answers 404 to a wrong address."""
    return isinstance(error, SchemaRegistryError) and bool(re.fullmatch(r"404\d\d", str(error.error_code)))


def _told(error: Exception) -> str:
    """Name the failure without its text, which may hold an address or what a proxy sent."""
    if not isinstance(error, SchemaRegistryError):
        return type(error).__name__
    advice = ", which is about our credentials" if error.http_status_code in _CREDENTIALS else ""
    return f"HTTP {error.http_status_code}{advice}"

"""Ask the schema registry, and tell an answer from an outage: no other part of the consumer hears of its HTTP."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar, cast

from confluent_kafka.schema_registry import SchemaRegistryError

from asset_consumer.avro_schema import has_weightless_types
from asset_consumer.framed import RegistryUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from confluent_kafka.schema_registry import RegisteredSchema, Schema, SchemaRegistryClient

T = TypeVar("T")

QUIET_S = 1.0
"""How long after a failure nothing new is asked: each of many partitions would wait out the timeout by itself."""

_CREDENTIALS = {401, 403}


NO_SUCH_ID = 2**31 - 1
"""The largest id a registry can give, which none has come to."""

_ABOUT_THE_QUESTION = {400, 404, 405, 422}


class UnknownSchemaError(Exception):
    """Raised when the registry answers that it has no such schema."""


class NoSchemaError(Exception):
    """Raised when what came back is JSON, and no schema: a gateway answers so in the registry's place."""


class WeightlessSchemaError(Exception):
    """Raised of an Avro schema by which a few bytes stand for any amount of JSON."""


class RegistryQuestions:
    """What confluent-kafka's deserialisers ask of a `SchemaRegistryClient`, with two kinds of failure."""

    def __init__(self, client: SchemaRegistryClient, deadline_s: float) -> None:
        """Take a client that does not retry by itself; it keeps what it has learnt.

        Its own timeout is that of each part of an answer: one that comes in drops would pass it for ever, hence
        `deadline_s` for the whole.
        """
        self._client, self._deadline_s = client, deadline_s
        self._under_way: Future[Any] | None = None
        self._known: dict[Hashable, Any] = {}
        self._quiet_until = 0.0
        self._reason = ""

    def get_schema(self, schema_id: int, subject: str | None = None, fmt: str | None = None) -> Schema:
        """The schema of this id."""
        key = ("id", schema_id, subject, fmt)
        return self._ask(key, lambda: _schema(self._client.get_schema(schema_id, subject, fmt)), (subject, fmt))

    def get_schema_by_guid(self, guid: str, fmt: str | None = None) -> Schema:
        """The schema of this GUID."""
        key = ("guid", guid, fmt)
        return self._ask(key, lambda: _schema(self._client.get_schema_by_guid(guid, fmt)), (None, fmt))

    def get_version(self, subject: str, version: int, *form: Any) -> RegisteredSchema:  # noqa: ANN401 # passed on
        """A schema that another one refers to."""
        key = ("version", subject, version, *form)

        def question() -> RegisteredSchema:
            registered = self._client.get_version(subject, version, *form)
            _schema(registered.schema)
            return registered

        return self._ask(key, question)

    def config(self) -> dict[str, Any]:
        """What the rules of a schema would be told; none is installed here."""
        return {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, key: Hashable, question: Callable[[], T], form: tuple[str | None, str | None] = (None, None)) -> T:
        """Ask, or remember. The client remembers, too, but whatever was answered, and in whatever form.

        Raises:
            UnknownSchemaError: It has no such schema.
            WeightlessSchemaError: It has one by which nothing bounds a value.
            RegistryUnavailableError: It gives no usable answer.
        """
        if key in self._known:
            return cast("T", self._known[key])
        if time.monotonic() < self._quiet_until:
            raise RegistryUnavailableError(self._reason)
        try:
            self._client.clear_caches()  # type: ignore[no-untyped-call]
            answer = self._in_time(question)
        except WeightlessSchemaError:
            raise
        except Exception as error:  # noqa: BLE001 # whatever it is, it is not the record's fault
            if _is_unknown(error) or self._is_well_all_the_same(error, form):
                raise UnknownSchemaError from None
            self._reason, self._quiet_until = f"registry: {_told(error)}", time.monotonic() + QUIET_S
            raise RegistryUnavailableError(self._reason) from None
        self._known[key] = answer
        return answer

    def _in_time(self, question: Callable[[], T]) -> T:
        """Wait for the answer, and leave behind one that does not come: in a daemon thread, one at a time."""
        if self._under_way is not None and not self._under_way.done():
            raise TimeoutError
        answer: Future[T] = Future()
        self._under_way = answer
        threading.Thread(target=_answer, args=(question, answer), name="asset-bridge-registry", daemon=True).start()
        return answer.result(self._deadline_s)

    def _is_well_all_the_same(self, error: Exception, form: tuple[str | None, str | None]) -> bool:
        """Whether only this question is refused, as an id beyond all ids may be: no waiting would help its record."""
        if not isinstance(error, SchemaRegistryError) or error.http_status_code not in _ABOUT_THE_QUESTION:
            return False
        try:
            self._in_time(lambda: self._client.get_schema(NO_SUCH_ID, *form))
        except Exception as other:  # noqa: BLE001 # see above
            return _is_unknown(other)
        return False


def _answer(question: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(question())
    except Exception as error:  # noqa: BLE001 # raised where it is waited for
        answer.set_exception(error)


def _schema(schema: Schema | None) -> Schema:
    if schema is None or not isinstance(schema.schema_str, str) or not schema.schema_str:
        raise NoSchemaError
    if schema.schema_type == "AVRO" and has_weightless_types(schema.schema_str):
        raise WeightlessSchemaError
    return schema


def _is_unknown(error: Exception) -> bool:
    """Whether the registry itself says so (40401 and the like): any web server answers 404 to a wrong address."""
    return isinstance(error, SchemaRegistryError) and bool(re.fullmatch(r"404\d\d", str(error.error_code)))


def _told(error: Exception) -> str:
    """Name the failure without its text, which may hold an address or what a proxy sent."""
    if not isinstance(error, SchemaRegistryError):
        return type(error).__name__
    advice = ", which is about our credentials" if error.http_status_code in _CREDENTIALS else ""
    return f"HTTP {error.http_status_code}{advice}"

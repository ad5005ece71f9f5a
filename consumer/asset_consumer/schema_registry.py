"""Read values framed for a schema registry, by confluent-kafka's own deserialisers. Needs the extra `registry`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    dual_schema_id_deserializer,  # pyright: ignore[reportUnknownVariableType] # half typed
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext

from asset_consumer.decode import CONTENT_TYPE_HEADER
from asset_consumer.framed import RegistryUnavailableError
from asset_consumer.json_text import json_text
from asset_consumer.protobuf_values import SERIALIZED, message_class, values_of
from asset_consumer.registry_questions import NO_SUCH_ID, RegistryQuestions, UnknownSchemaError, WeightlessSchemaError
from asset_events import ErrorDetail, InvalidEventError

__all__ = ["SchemaRegistry", "SchemaRegistryClient"]

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka.schema_registry import Schema

    from asset_consumer.record import Record

# Half typed, and their `__init__` is an alias of a private method, which hides it from pyright.
_Deserializer: TypeAlias = "Callable[[bytes | None, SerializationContext], Any]"
_JSON, _AVRO, _PROTOBUF = (cast("Any", kind) for kind in (JSONDeserializer, AvroDeserializer, ProtobufDeserializer))

# The subject is what Java's deserialisers ask with, too. The library's own default asks one more question for it.
_CONF: dict[str, Any] = {"subject.name.strategy": topic_subject_name_strategy}


class SchemaRegistry:
    """Turns framed values into the JSON text of their events: the `FrameReader`, for one thread at a time."""

    def __init__(self, client: SchemaRegistryClient, deadline_s: float = 10.0) -> None:
        """Take a client that does not retry by itself: the records that wait for it are tried again.

        `deadline_s` is the longest that one question may take, in seconds.
        """
        self._questions = RegistryQuestions(client, deadline_s)
        asked = cast("SchemaRegistryClient", self._questions)
        # Not validated by the schema it names, as in Java: the contract is what is checked, and what a schema refers to
        # on other web servers is not fetched. The text stays as it was sent.
        self._json: _Deserializer = _JSON(None, None, asked, {**_CONF, "validate": False}, json_decode=bytes)
        self._avro: _Deserializer = _AVRO(asked, conf=_CONF)
        self._new_protobuf = partial(_PROTOBUF, conf=_CONF, schema_registry_client=asked)
        self._protobuf: dict[tuple[Schema, tuple[int, ...]], _Deserializer] = {}

    def unframe(self, record: Record) -> Record:
        """Return the record with its event as JSON text in place of the framed value: see `FrameReader`."""
        try:
            return self._unframed(record)
        except (InvalidEventError, RegistryUnavailableError):
            raise
        except UnknownSchemaError:
            message = "The value names a schema that the schema registry does not have."
        except WeightlessSchemaError:
            message = "The schema of the value has parts that take no bytes: null by itself, or a type without content."
        except Exception:  # noqa: BLE001 # the deserialisers raise anything, with values in it
            message = "The value cannot be read by the schema it names in the schema registry."
        raise _refused(message)

    def probe(self) -> str | None:
        """Say why the registry cannot be used, None when it answers; asked as for a record, so with the same rights."""
        try:
            self._questions.get_schema(NO_SUCH_ID)
        except UnknownSchemaError:
            return None
        except RegistryUnavailableError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close the connections to the registry."""
        self._questions.close()

    def _unframed(self, record: Record) -> Record:
        value, context = record.value, SerializationContext(record.topic, MessageField.VALUE, list(record.headers))
        schema = self._schema(_frame(value, context, "AVRO"), context)
        match schema.schema_type:
            case "JSON":
                return replace(record, value=self._json(value, context))
            case "AVRO":
                values = self._avro(value, context)
            case "PROTOBUF":
                indexes = tuple(_frame(value, context, "PROTOBUF").message_indexes or ())
                values = values_of(self._protobuf_of(schema, indexes)(value, context))
            case _:
                raise _refused("The schema of the value is none of JSON Schema, Avro and Protobuf.")
        # The content type that a producer gave speaks of the framed bytes.
        headers = tuple(pair for pair in record.headers if pair[0].lower() != CONTENT_TYPE_HEADER)
        return replace(record, value=json_text(values), headers=headers)

    def _schema(self, frame: SchemaId, context: SerializationContext) -> Schema:
        schema = self._asked(frame, context, None)
        # Asked for in the form that is ready to use once it is known to be one: registries refuse it of other types.
        return self._asked(frame, context, SERIALIZED) if schema.schema_type == "PROTOBUF" else schema

    def _asked(self, frame: SchemaId, context: SerializationContext, fmt: str | None) -> Schema:
        if frame.id is None:
            return self._questions.get_schema_by_guid(str(frame.guid), fmt)
        return self._questions.get_schema(frame.id, topic_subject_name_strategy(context, None), fmt)

    def _protobuf_of(self, schema: Schema, indexes: tuple[int, ...]) -> _Deserializer:
        key = (schema, indexes)
        if key not in self._protobuf:
            self._protobuf[key] = self._new_protobuf(message_class(schema, indexes, self._questions))
        return self._protobuf[key]


def _frame(value: bytes | None, context: SerializationContext, schema_type: str) -> SchemaId:
    """Read the frame; what stands in it beyond the id depends on the schema's type."""
    frame = SchemaId(schema_type)
    dual_schema_id_deserializer(value or b"", context, frame)
    return frame


def _refused(message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("", "encoding.unsupported", message)])

"""Read Protobuf messages of any registered schema: the class that a message has, and what one holds."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema
    from google.protobuf.descriptor import FieldDescriptor

    from asset_consumer.registry_questions import RegistryQuestions

SERIALIZED = "serialized"
"""The form in which a registry gives a Protobuf schema ready to use, a descriptor in base64; other schemas as ever."""

_STRUCTS = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}
_TEXTS = {"google.protobuf.Timestamp", "google.protobuf.Duration"}
_WRAPPERS = {
    f"google.protobuf.{kind}Value"
    for kind in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
}
_EXACT = 2**53
"""Below it every whole number has a double of its own."""


def message_class(schema: Schema, indexes: Sequence[int], registry: RegistryQuestions) -> type[Message]:
    """Return the class of the message that `indexes` point at: the first is one of the file, each further one in it.

    Raises:
        Exception: The schema is none, or has no such message; and what asking the registry for its imports raises.
    """
    files = _Files()
    main = files.add("", schema, registry)
    found: DescriptorProto | FileDescriptorProto = main
    names = [main.package] if main.package else []
    for index in indexes:
        messages = found.message_type if isinstance(found, FileDescriptorProto) else found.nested_type
        found = messages[index]
        names.append(found.name)
    pool = descriptor_pool.DescriptorPool(files)
    pool.FindFileByName(main.name)
    return GetMessageClass(pool.FindMessageTypeByName(".".join(names)))


def values_of(message: Message) -> object:
    """Return what a message says, by its fields' names.

    What is not set is left out, but for a boolean of a field that cannot tell false from not set.
    """
    kind = message.DESCRIPTOR.full_name
    if kind in _STRUCTS:
        return _with_integers(json_format.MessageToDict(message))
    if kind in _TEXTS:
        return json_format.MessageToDict(message)
    if kind in _WRAPPERS:
        return getattr(message, "value")  # noqa: B009 # a class made from its descriptor has no fields to a checker
    said: dict[str, object] = {
        field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields if not field.has_presence
    }
    said = {name: value for name, value in said.items() if isinstance(value, bool)}
    return said | {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: object) -> object:
    match value:
        case Message():  # first: some of them count as mappings and sequences too
            return values_of(value)
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            inner = field.message_type.fields_by_name["value"] if field.message_type else field
            return {str(key): _value(inner, item) for key, item in items}
        case Sequence() if not isinstance(value, str | bytes):
            return [_value(field, item) for item in cast("Sequence[object]", value)]
        case int() if field.enum_type is not None and value in field.enum_type.values_by_number:
            return field.enum_type.values_by_number[value].name
        case _:
            return value


def _with_integers(value: object) -> object:
    """A `Struct` has doubles alone: a whole one is taken for the integer that its sender most likely meant."""
    match value:
        case dict():
            return {name: _with_integers(item) for name, item in cast("dict[str, object]", value).items()}
        case list():
            return [_with_integers(item) for item in cast("list[object]", value)]
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case _:
            return value


class _Files:
    """Where a pool finds what a schema imports: registered with it, or one of Protobuf's own files."""

    def __init__(self) -> None:
        self._files: dict[str, FileDescriptorProto] = {}

    def add(self, name: str, schema: Schema, registry: RegistryQuestions) -> FileDescriptorProto:
        """Add a schema and what it refers to; the file's name is what others import it by."""
        file = FileDescriptorProto.FromString(base64.b64decode(schema.schema_str or "", validate=True))
        file.name = name or "(the registered schema)"
        self._files[file.name] = file
        for reference in schema.references or ():
            imported, subject, version = reference.name or "", reference.subject or "", reference.version or 0
            if imported not in self._files and _own(imported) is None:
                found = registry.get_version(subject, version, True, SERIALIZED)  # noqa: FBT003 # as theirs ask
                self.add(imported, found.schema, registry)
        return file

    def FindFileByName(self, name: str) -> FileDescriptorProto:  # noqa: N802 # what a pool calls
        """Return a file by the name it is imported by."""
        found = self._files.get(name) or _own(name)
        if found is None:
            raise KeyError(name)
        return found

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptorProto:  # noqa: N802 # see above
        """Return no file: each is asked for by name first."""
        raise KeyError(symbol)


def _own(name: str) -> FileDescriptorProto | None:
    """One of the files that come with Protobuf and with confluent-kafka."""
    file = FileDescriptorProto()
    try:
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
    except KeyError:
        return None
    return file

"""A schema registry to ask, with faults to switch on and off; and senders that frame events as its users do."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import UUID

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from asset_reporting.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from google.protobuf.message import Message

CONTRACT = Path(__file__).parent.parent / "docs" / "contract"
AVRO = (CONTRACT / "asset_event.avsc").read_text("utf-8")
JSON_SCHEMA = json.dumps({"type": "object", "title": "AssetEvent"})

Kind: TypeAlias = Literal["JSON", "AVRO", "PROTOBUF"]
KINDS: tuple[Kind, ...] = ("JSON", "AVRO", "PROTOBUF")

# pyright does not see the classes' `__init__`, which is an alias of a private method.
_JSON: Any = JSONSerializer
_AVRO: Any = AvroSerializer
_PROTOBUF: Any = ProtobufSerializer


def mock_client() -> SchemaRegistryClient:
    """confluent-kafka's own registry in memory."""
    return SchemaRegistryClient.new_client({"url": "mock://"})


def compiled(text: str, name: str, imported: Mapping[str, str] | None = None) -> type[Message]:
    """The class of a message, out of a .proto file, and those that it imports, as protoc reads them."""
    from grpc_tools import protoc

    with TemporaryDirectory() as folder:
        source, out = Path(folder) / "sent.proto", Path(folder) / "out"
        source.write_text(text, "utf-8")
        for path, content in (imported or {}).items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_text(content, "utf-8")
        well_known = Path(protoc.__file__).parent / "_proto"
        arguments = [f"-I{folder}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={out}", str(source)]
        assert protoc.main(["protoc", *arguments]) == 0
        files = FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(name))


@dataclass
class Sender:
    """Frames events as a producer does that uses confluent-kafka's serialisers; the schema registers itself."""

    client: SchemaRegistryClient
    conf: dict[str, Any] = field(default_factory=dict)

    def framed(self, kind: Kind, event: Any, topic: str = "events", schema: Any = None) -> bytes:
        """The value of a record. `schema` replaces the published one; `event` fits it, for Protobuf as JSON."""
        value, _ = self.with_headers(kind, event, topic, schema)
        return value

    def with_headers(
        self, kind: Kind, event: Any, topic: str = "events", schema: Any = None
    ) -> tuple[bytes, list[tuple[str, bytes | None]]]:
        """Value and headers."""
        headers: list[tuple[str, str | bytes | None]] = []
        context = SerializationContext(topic, MessageField.VALUE, headers)
        value = self._serializer(kind, schema)(self._prepared(kind, event, schema), context)
        assert isinstance(value, bytes)
        return value, [(name, content) for name, content in headers if not isinstance(content, str)]

    def _serializer(self, kind: Kind, schema: Any) -> Any:
        match kind:
            case "JSON":
                return _JSON(schema or JSON_SCHEMA, self.client, conf=self.conf)
            case "AVRO":
                return _AVRO(self.client, schema or AVRO, conf=self.conf)
            case "PROTOBUF":
                conf = {"use.deprecated.format": False, **self.conf}
                return _PROTOBUF(schema or published_message(), self.client, conf=conf)

    def _prepared(self, kind: Kind, event: Any, schema: Any) -> Any:
        return ParseDict(event, (schema or published_message())()) if kind == "PROTOBUF" else event


_published: list[type[Message]] = []


def published_message() -> type[Message]:
    """The message of the published .proto file, compiled once."""
    if not _published:
        _published.append(compiled((CONTRACT / "asset_event.proto").read_text("utf-8"), "asset_bridge.AssetEvent"))
    return _published[0]


@dataclass
class RegistryServer:
    """As much of a registry's HTTP interface as consumers and serialisers use.

    `fault` is a status to answer with instead, with `body`; `go_on`, when cleared, keeps callers waiting;
    `credentials` is what the header Authorization must be; `only` is the path that the fault is for, if not for all.
    With `drops` an answer begins and never ends.
    """

    fault: int | None = None
    body: dict[str, Any] | str = field(default_factory=dict)
    credentials: str | None = None
    only: str | None = None
    drops: bool = False
    schemas: list[Schema] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    clients: list[SchemaRegistryClient] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/schemas/ids/{id:int}", self._by_id),
                Route("/schemas/guids/{guid}", self._by_guid),
                Route("/subjects/{subject}/versions", self._register, methods=["POST"]),
                Route("/subjects/{subject}/versions/{version:int}", self._version),
            ],
        )

    async def _trouble(self, request: Request) -> Response | None:
        self.asked.append(request.url.path)
        await run_in_threadpool(self.go_on.wait, 30)
        if self.credentials is not None and request.headers.get("authorization") != self.credentials:
            return JSONResponse({"error_code": 401, "message": "Unauthorized"}, 401)
        if self.drops:
            return StreamingResponse(self._in_drops(), headers={"content-type": "application/json"})
        if self.fault is not None and self.only in (None, request.url.path):
            kind = PlainTextResponse if isinstance(self.body, str) else JSONResponse
            return kind(self.body, self.fault)
        return None

    async def _in_drops(self) -> AsyncIterator[bytes]:
        while self.drops:
            yield b" "
            await asyncio.sleep(0.05)

    async def _by_id(self, request: Request) -> Response:
        trouble = await self._trouble(request)
        return trouble or self._answer(request, request.path_params["id"])

    async def _by_guid(self, request: Request) -> Response:
        trouble = await self._trouble(request)
        return trouble or self._answer(request, UUID(request.path_params["guid"]).int)

    async def _version(self, request: Request) -> Response:
        trouble = await self._trouble(request)
        return trouble or self._answer(request, request.path_params["version"])

    async def _register(self, request: Request) -> Response:
        schema = Schema.from_dict(await request.json())
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self._answer(request, self.schemas.index(schema) + 1)

    def _answer(self, request: Request, number: int) -> Response:
        if not 1 <= number <= len(self.schemas):
            return JSONResponse({"error_code": 40403, "message": "Schema not found"}, 404)
        known = {"id": number, "version": number, "guid": str(UUID(int=number)), "subject": "s"}
        answer = {**self.schemas[number - 1].to_dict(), **known}
        if answer.get("schemaType") == "PROTOBUF" and request.query_params.get("format") != "serialized":
            answer["schema"] = 'syntax = "proto3"; // as registries give it to people'
        return JSONResponse(answer)

    def break_down(self, *, hang: bool = False, **fault: Any) -> None:
        """Keep callers waiting, or set what the class names."""
        if hang:
            self.go_on.clear()
        for name, value in fault.items():
            setattr(self, name, value)

    def heal(self) -> None:
        self.fault = self.credentials = None
        self.drops = False
        self.go_on.set()

    def client(self, **conf: Any) -> SchemaRegistryClient:
        """A new client; closed with the server."""
        self.clients.append(SchemaRegistryClient({"url": self.url, "timeout": 2, "max.retries": 0, **conf}))
        return self.clients[-1]


@contextmanager
def registry_server() -> Iterator[RegistryServer]:
    """A registry on a port of its own."""
    registry = RegistryServer()
    server = HttpServer(registry.app, "127.0.0.1", 0)
    server.start()
    registry.url = f"http://127.0.0.1:{server.port}"
    try:
        yield registry
    finally:
        registry.go_on.set()
        for client in registry.clients:
            client.close()
        server.stop()
